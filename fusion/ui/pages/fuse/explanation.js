// What happened, in sentences: the server names texts with values of a kind (see explanation.py),
// and here they are said in the visitor's language.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  const list = (words) =>
    new Intl.ListFormat(FL.get("lang"), { type: "conjunction" }).format(words);
  const value = (v) => {
    if (Array.isArray(v))
      return FL.get("lang") === "zh" && "sentence" in v[0]
        ? v.map(value).join("，")
        : list(v.map(value)); // 、 and 和 join words only
    if ("sentence" in v) return say(v.sentence);
    if ("label" in v) return FL.label(v.label);
    if ("strategy" in v) return FL.told(v.strategy, "title");
    if ("modalities" in v) return list(v.modalities.map((m) => FL.fit("explanation.the." + m)));
    if ("share" in v) return FL.percent(v.share, 0);
    if ("points" in v) return FL.signed(v.points);
    if ("size" in v) return (v.size * 100).toFixed(1);
    return "spelled" in v ? FL.numbered(v.spelled) : String(v.number);
  };
  const say = ({ key, values }) =>
    t(key, Object.fromEntries(Object.entries(values).map(([name, v]) => [name, value(v)])));
  const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const join = () => (FL.get("lang") === "zh" ? "" : " ");

  FL.narrate = (explanation) =>
    explanation
      .map((s) => capital(say(s)))
      .join(join())
      .replaceAll(" %", "\u00a0%");
  // The explanations of all strategies lie on top of one another and one is seen: nothing below moves
  // when another is chosen.
  FL.explanation = (result, chosen) => {
    const told = result.strategies.filter((s) => s.explanation?.length);
    if (!chosen.explanation?.length) return null;
    return el(
      "div",
      { class: "fl-explanations" },
      told.map((s) =>
        el(
          "p",
          { "data-now": s === chosen, "aria-hidden": s === chosen ? null : "true" },
          FL.narrate(s.explanation),
        ),
      ),
    );
  };
})();
