// What the page holds of results, and what it asks for when somebody looks: another strategy's
// attention and place, files to take along.
(() => {
  const FL = window.FusionLab,
    KEPT = 16; // media with their panels, some tens to hundreds of kilobytes each

  // {mark: {media, views}}: a medium that did not change is not sent again.
  const held = new Map();
  // Media and panels that came with a result, or that are held since an earlier one, in the order
  // of the modalities.
  FL.completed = (result) => {
    const media = {},
      views = {};
    for (const [m, mark] of Object.entries(result.marks || {})) {
      const part =
        m in result.encoder_views
          ? { media: result.media[m], views: result.encoder_views[m] }
          : held.get(mark);
      if (!part) continue;
      held.delete(mark); // what was used last is dropped last
      held.set(mark, part);
      media[m] = part.media;
      views[m] = part.views;
    }
    while (held.size > KEPT) held.delete(held.keys().next().value);
    return { ...result, media, encoder_views: views };
  };
  FL.view("held", (root, { props }) =>
    FL.on("result", () => {
      props.value = JSON.stringify([...held.keys()]);
    }),
  );

  // Whether all that the views of a strategy draw is here.
  const whole = (result, name) => {
    const row = result.strategies.find((s) => s.name === name),
      pairs = Object.values(result.attention[name]?.pairs || {});
    return !row || (pairs.every((p) => "data" in p) && (!row.place || "asked" in row.place));
  };
  FL.view("details", (root, tools) => {
    FL.ask = FL.asking(tools); // which the server answers from memory
    const asked = new Set();
    FL.on("result strategy", async () => {
      const result = FL.get("result"),
        name = FL.get("strategy");
      if (!result?.answer || whole(result, name) || asked.has(result.answer + name)) return;
      asked.add(result.answer + name);
      const said = await FL.ask({ strategy: name });
      asked.delete(result.answer + name);
      // of other inputs, whose result is on its way
      if (said.answer !== result.answer || !said.details) return;
      if (said.details.attention) result.attention[name] = said.details.attention;
      const row = result.strategies.find((s) => s.name === name);
      if (said.details.place) row.place = said.details.place;
      FL.set("details", said.number);
    });
  });
  // The maps of a strategy once they are here, else null.
  FL.maps = (result, name) => {
    const found = result.attention[name];
    const pairs = Object.values(found?.pairs || {});
    return pairs.length && pairs.every((p) => "data" in p) ? found : null;
  };
})();
