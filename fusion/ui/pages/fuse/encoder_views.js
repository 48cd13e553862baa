// The input of each encoder as it entered the network, tinted by the weight of each token, with the
// embedding beneath.
(() => {
  const FL = window.FusionLab,
    { el, svg, t } = FL;

  // The embedding as a row of bars about zero; the colours are those of signed values.
  const barcode = (values) => {
    const most = Math.max(1e-9, ...values.map(Math.abs)),
      height = 30;
    return svg(
      "svg",
      {
        viewBox: `0 0 ${values.length * 4} ${height}`,
        preserveAspectRatio: "none",
        class: "fl-barcode",
        role: "img",
        "aria-label": t("encoder_views.embedding", { count: values.length }),
      },
      values.map((v, i) =>
        svg("rect", {
          x: i * 4,
          width: 3,
          y: v > 0 ? (height / 2) * (1 - v / most) : height / 2,
          height: Math.max(0.4, ((Math.abs(v) / most) * height) / 2),
          class: v > 0 ? "fl-plus" : "fl-minus",
        }),
      ),
    );
  };

  FL.barcode = barcode;

  const panel = (name, view, drawn) => {
    const weights = FL.shares(view.weights),
      norms = view.norms;
    drawn.tint(weights);
    drawn.cells.forEach((c) => {
      c.removeAttribute("role");
      c.removeAttribute("aria-label");
    }); // nothing to press here; the table tells all
    const rows = () =>
      view.places.map((p, i) => [drawn.says[i], FL.percent(weights[i], 2), norms[i].toFixed(2)]);
    return el(
      "section",
      {
        class: "fl-panel",
        ...FL.ofModality(name),
        "aria-label": t("encoder_views.of", { modality: FL.modality(name) }),
      },
      el("header", {}, FL.tag(name), el("span", { class: "fl-muted" }, FL.millis(view.seconds))),
      drawn.box,
      barcode(view.embedding),
      el(
        "p",
        { class: "fl-muted" },
        t("encoder_views.facts", {
          tokens: view.places.length,
          dim: view.embedding.length,
          parameters: FL.count(view.parameters),
        }),
      ),
      FL.twin(
        t("encoder_views.twin"),
        [t("encoder_views.token"), t("encoder_views.weight"), t("encoder_views.norm")],
        rows,
      ),
    );
  };

  FL.view("encoder-views", (root) =>
    FL.on("result lang", () => {
      const view = FL.get("result")?.encoder_views;
      if (!view) {
        FL.replace(root);
        return;
      }
      const names = Object.keys(view);
      const drawn = Object.fromEntries(names.map((name) => [name, FL.medium(name, view[name])]));
      FL.oneClock(
        Object.fromEntries(names.map((name) => [name, [drawn[name], view[name].places]])),
      );
      FL.replace(
        root,
        el("h2", {}, t("encoder_views.title")),
        el("p", { class: "fl-muted" }, t("encoder_views.note")),
        el(
          "div",
          { class: "fl-panels" },
          names.map((name) => panel(name, view[name], drawn[name])),
        ),
      );
    }),
  );
})();
