// The address bar and the browser's history: the link holds what the page shows; an example or a
// task is an entry of its own, so that
// Back returns to what was there before. Entries of this visit are kept whole, with uploads and
// drawings; others are opened by their link.
(() => {
  const FL = window.FusionLab,
    visit = String(Date.now()),
    kept = new Map();
  let entry = `${visit}-0`,
    count = 0,
    newest = 0; // act number of the link in the address bar

  const write = (query, push) => {
    const url = new URL(location.href);
    url.searchParams.set("s", query); // other parameters (a theme, a Space's sign) stay
    if (push) {
      count += 1;
      entry = `${visit}-${count}`;
    }
    const state = { ...history.state, fusionLab: entry };
    if (push) history.pushState(state, "", url);
    else history.replaceState(state, "", url);
  };

  FL.history = {
    // Keeps the state of the entry that is about to be left.
    keep: () => kept.set(entry, FL.acts.snapshot()),
    // `pack` is {query, snippet, touched, act}; an older one than that in the address bar is dropped.
    link: (pack, push = false) => {
      if (!push && pack.act < newest) return;
      newest = pack.act;
      FL.set("pack", pack);
      if (pack.touched) write(pack.query, push);
    },
  };

  history.replaceState({ ...history.state, fusionLab: entry }, "");
  window.addEventListener("popstate", (event) => {
    const to = event.state?.fusionLab;
    if (to === entry) return;
    // only the place on the page changed
    if (!to && new URL(location.href).searchParams.get("s") === FL.get("pack")?.query) return;
    if (!FL.acts.waiting()) FL.history.keep();
    const state = kept.get(to);
    if (!state) {
      location.reload();
      return;
    }
    entry = to;
    FL.acts.restore(state);
  });
})();
