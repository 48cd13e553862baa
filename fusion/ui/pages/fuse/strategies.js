// The chooser of strategies, in three groups by what they fuse, with a sentence on the chosen one.
(() => {
  const FL = window.FusionLab,
    { el, t, told } = FL;
  const KINDS = ["logits", "embeddings", "tokens"];

  FL.view("strategies", (root, { props, trigger }) => {
    FL.on("strategy", () => {
      if (FL.get("strategy") && props.value !== FL.get("strategy")) {
        props.value = FL.get("strategy");
        trigger("input");
      }
    });
    FL.on("lab lang strategy result", () => {
      const lab = FL.get("lab");
      if (!lab) return;
      const result = FL.get("result"),
        said = Object.fromEntries((result?.strategies || []).map((s) => [s.name, s]));
      const chip = (s) => {
        const chosen = s.name === FL.get("strategy"),
          differs = said[s.name]?.differs;
        return el(
          "label",
          { class: "fl-pick", "data-chosen": String(chosen), title: told(s.name, "idea") },
          el("input", {
            type: "radio",
            name: "fl-strategy",
            value: s.name,
            checked: chosen,
            onchange: () => FL.choose(s.name),
          }),
          FL.short(s.name),
          differs
            ? el(
                "span",
                {
                  class: "fl-differs",
                  role: "img",
                  "aria-label": t("table.differs"),
                  title: t("table.differs"),
                },
                "≠",
              )
            : null,
        );
      };
      const known = lab.strategies.filter((s) => !s.baseline),
        kinds = [...KINDS, ...known.map((s) => s.fuses)].filter(
          (k, i, all) => all.indexOf(k) === i,
        );
      const group = (kind) => {
        const members = known.filter((s) => s.fuses === kind);
        return members.length
          ? el(
              "div",
              { class: "fl-group" },
              el("span", { class: "fl-muted" }, t("fuses." + kind)),
              el("div", { class: "fl-picks" }, members.map(chip)),
            )
          : null;
      };
      const about = lab.strategies.find((s) => s.name === FL.get("strategy"));
      FL.replace(
        root,
        el("h2", {}, t("strategies")),
        el(
          "div",
          { class: "fl-groups", role: "radiogroup", "aria-label": t("strategies") },
          kinds.map(group),
        ),
        el(
          "p",
          { class: "fl-chosen" },
          about
            ? [
                el("b", {}, told(about.name, "title")),
                " ",
                told(about.name, "idea"),
                " ",
                el("span", { class: "fl-muted" }, told(about.name, "paper")),
                about.notes.map((note) => el("span", { class: "fl-muted" }, " ", FL.said(note))),
              ]
            : null,
        ),
        lab.untrained.length
          ? el(
              "p",
              { class: "fl-muted fl-untrained" },
              t("strategies.untrained", { names: lab.untrained.map(FL.said).join(", ") }),
            )
          : null,
      );
    });
  });
})();
