// What happened, in sentences: the server names texts with values of a kind (see explanation.py),
// and here they are said in the visitor's language.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  // Clauses are joined like words, but for languages that have a sign of their own for it.
  const CLAUSES = "sentence.clauses";
  const value = (v) => {
    if (Array.isArray(v))
      return FL.has(CLAUSES) && "sentence" in v[0]
        ? v.map(value).join(t(CLAUSES))
        : FL.list(v.map(value));
    if ("sentence" in v) return say(v.sentence);
    if ("label" in v) return FL.label(v.label);
    if ("strategy" in v) return FL.told(v.strategy, "title");
    if ("modalities" in v) return FL.list(v.modalities.map(FL.the));
    if ("share" in v) return FL.percent(v.share, 0);
    if ("points" in v) return FL.signed(v.points);
    if ("size" in v) return (v.size * 100).toFixed(1);
    return "spelled" in v ? FL.numbered(v.spelled) : String(v.number);
  };
  const say = ({ key, values }) =>
    t(key, Object.fromEntries(Object.entries(values).map(([name, v]) => [name, value(v)])));

  FL.narrate = (explanation) =>
    explanation
      .map((s) => FL.capital(say(s)))
      .join(t("sentence.space"))
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
