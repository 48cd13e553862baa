// For screen readers and the keyboard: a link past the inputs to the prediction, and each new
// prediction in one sentence.
// Both nodes stay for as long as the page does: a live region that is replaced is not announced.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const SETTLE = 250; // ms; of several changes in a row only the last is announced

  const region = el("p", { class: "fl-hidden", id: "fl-announcement", role: "status" });
  const skip = el("a", { class: "fl-skip", href: "#fl-outcome", onclick: FL.goToPrediction });

  const sentence = () => {
    const chosen = FL.strategy();
    if (!chosen) return "";
    const label = FL.label(chosen.label),
      share = FL.percent(chosen.confidence, 0),
      strategy = FL.told(chosen.name, "title");
    if (FL.outOfDistribution(chosen)) return t("announce.unknown", { label, share, strategy });
    return t("announce.prediction", { label, share, strategy });
  };

  let timer = 0;
  const announce = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const failed = FL.get("result")?.status.kind !== "ok"; // the status line says what failed
      const text = FL.get("busy") || failed ? "" : sentence();
      if (text && text !== region.textContent) region.textContent = text;
    }, SETTLE);
  };

  const place = () => document.body.prepend(skip, region);
  if (document.body) place();
  else document.addEventListener("DOMContentLoaded", place);
  FL.on("lang", () => (skip.textContent = t("announce.skip")));
  FL.on("result lang strategy busy", announce);
})();
