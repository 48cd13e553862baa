// What each modality did: the weight the strategy learned beside what was measured, Shapley value
// and leave-one-out, on one axis.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  const VISIBLE = 0.0005; // smaller values have no sign
  const sign = (value) => {
    if (value > VISIBLE) return "plus";
    return value < -VISIBLE ? "minus" : "none";
  };
  // A bar on the axis from -1 to 1; `kind` modality draws in the modality's colour, signed in those
  // of signed values.
  const bar = (value, kind) =>
    el("span", {
      class: "fl-axis-bar",
      "data-kind": kind,
      "data-sign": sign(value),
      style: {
        left: (value < 0 ? 50 + Math.max(-1, value) * 50 : 50) + "%",
        width: Math.min(1, Math.abs(value)) * 50 + "%",
      },
      "aria-hidden": "true",
    });
  const line = (key, value, kind, text, extra) =>
    el(
      "tr",
      { "data-measure": key },
      extra,
      el("th", { scope: "row" }, t("shares." + key)),
      el("td", { class: "fl-track" }, value === null ? null : bar(value, kind)),
      el("td", { class: "fl-number" }, text),
    );

  FL.view("shares", (root) =>
    FL.on("result lang strategy", () => {
      const result = FL.get("result"),
        chosen = FL.strategy();
      if (!result || !chosen) {
        FL.replace(root);
        return;
      }
      const { values: shapley, none, interaction } = chosen.shapley,
        present = result.modalities.filter((m) => m.present && m.name in chosen.contributions);
      const group = ({ name }) => {
        const vote = chosen.votes?.[name],
          count = chosen.weights ? 3 : 2;
        const head = el(
          "th",
          { scope: "rowgroup", rowspan: count, class: "fl-who" },
          FL.tag(name),
          vote
            ? el(
                "span",
                { class: "fl-muted" },
                t("shares.votes", {
                  label: FL.label(vote.label),
                  p: FL.percent(vote.confidence, 0),
                }),
              )
            : null,
        );
        const lines = [
          ["shapley", shapley[name], "signed", FL.signed(shapley[name])],
          ["effect", chosen.contributions[name], "signed", FL.signed(chosen.contributions[name])],
        ];
        if (chosen.weights)
          lines.unshift([
            "weight",
            chosen.weights[name] ?? 0,
            "modality",
            FL.percent(chosen.weights[name] ?? 0, 1),
          ]);
        return el(
          "tbody",
          { "data-modality": name },
          lines.map((l, i) => line(...l, i ? null : head)),
        );
      };
      const values = {
        label: FL.label(chosen.label),
        whole: FL.percent(chosen.confidence),
        none: FL.percent(none),
        sum: FL.signed(Object.values(shapley).reduce((a, b) => a + b, 0)),
      };
      const ticks = [-100, -50, 0, 50, 100].map((v) =>
        el(
          "span",
          { style: { left: 50 + v / 2 + "%" } },
          v > 0 ? "+" + v : String(v).replace("-", "−"),
        ),
      );
      FL.replace(
        root,
        el("h2", {}, t("shares.title")),
        el(
          "table",
          { class: "fl-shares" },
          el("caption", { class: "fl-hidden" }, t("shares.title")),
          el(
            "thead",
            {},
            el(
              "tr",
              {},
              el("th", { scope: "col" }, el("span", { class: "fl-hidden" }, t("shares.modality"))),
              el("th", { scope: "col" }, el("span", { class: "fl-hidden" }, t("shares.measure"))),
              el("td", { class: "fl-ticks", "aria-hidden": "true" }, ticks),
              el("th", { scope: "col", class: "fl-number" }, t("shares.points")),
            ),
          ),
          present.map(group),
        ),
        el("p", { class: "fl-summed" }, t("shares.sum", values)),
        el(
          "p",
          { class: "fl-muted" },
          t("shares.note", values),
          interaction === null
            ? ""
            : " " + t("shares.interaction", { share: FL.percent(interaction, 0) }),
          " ",
          t(chosen.weights ? "shares.weight_note" : "shares.no_weight"),
        ),
      );
    }),
  );
})();
