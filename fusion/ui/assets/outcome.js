// The answer of the chosen strategy: its label, a bar per class, and per modality what was learned beside what was measured.
(() => {
  const FL = window.FusionLab, { el, t, told } = FL;

  FL.view("outcome", (root) => FL.on("result lang strategy", () => {
    const result = FL.get("result"), chosen = FL.strategy();
    if (!result) return;
    if (!chosen) { FL.replace(root, el("p", { class: "fl-muted" }, t("outcome.none"))); return; }
    const alone = result.strategies.filter((s) => s.baseline), said = [...new Set(alone.map((s) => s.label))];
    const list = new Intl.ListFormat(FL.get("lang"), { type: "conjunction" });
    const conflict = said.length < 2 ? "" : said.map((label) => t("outcome.says", { label,
      modalities: list.format(alone.filter((s) => s.label === label).map((s) => t("modality." + s.name.replace("_only", "")))) })).join(t("outcome.semicolon"));
    const bar = (p, i) => el("li", { "data-top": String(result.labels[i] === chosen.label) },
      el("span", { class: "fl-class" }, result.labels[i]), el("span", { class: "fl-bar", style: { "--share": p } }), el("span", { class: "fl-number" }, FL.percent(p)));
    FL.replace(root,
      el("h2", {}, t("outcome.title")),
      el("div", { class: "fl-verdict", "aria-live": "polite" }, el("strong", { class: "fl-answer-big", "data-testid": "label" }, chosen.label),
        el("div", {}, el("p", { class: "fl-sure" }, FL.percent(chosen.confidence)), el("p", { class: "fl-muted" }, told(chosen.name, "title"), " · ", FL.millis(chosen.seconds)),
          conflict ? el("p", { class: "fl-conflict" }, t("outcome.conflict") + " " + conflict + t("outcome.stop")) : null)),
      el("ol", { class: "fl-probs", "aria-label": t("outcome.bars") }, chosen.probs.map(bar)));
  }));

  FL.view("shares", (root) => FL.on("result lang strategy", () => {
    const result = FL.get("result"), chosen = FL.strategy();
    if (!result || !chosen) return;
    const learned = (name) => {
      if (chosen.weights) return [el("span", { class: "fl-bar", "data-modality": name, style: { "--share": chosen.weights[name] ?? 0 } }), el("span", { class: "fl-number" }, FL.percent(chosen.weights[name] ?? 0, 0))];
      if (chosen.votes?.[name]) return [el("b", {}, chosen.votes[name].label), el("span", { class: "fl-number" }, " " + FL.percent(chosen.votes[name].confidence, 0))];
      return ["–"];
    };
    const column = chosen.weights ? "shares.weight" : chosen.votes ? "shares.vote" : null; // some strategies learn neither
    const vote = (name) => chosen.weights && chosen.votes?.[name] ? el("span", { class: "fl-chip-small" }, chosen.votes[name].label) : null;
    const effect = (v) => [el("span", { class: "fl-signed", "data-sign": v > 0.0005 ? "plus" : v < -0.0005 ? "minus" : "none", style: { "--size": Math.min(1, Math.abs(v)) } }), el("span", { class: "fl-number" }, FL.signed(v))];
    const rows = result.modalities.filter((m) => m.present).map((m) => el("tr", {},
      el("th", { scope: "row" }, FL.tag(m.name)), column ? el("td", {}, learned(m.name), vote(m.name)) : null, el("td", {}, m.name in chosen.contributions ? effect(chosen.contributions[m.name]) : "–")));
    FL.replace(root, el("h2", {}, t("shares.title")),
      el("div", { class: "fl-scroll" }, el("table", { class: "fl-table fl-shares" }, el("caption", { class: "fl-hidden" }, t("shares.title")),
        el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("shares.modality")), column ? el("th", { scope: "col" }, t(column)) : null, el("th", { scope: "col" }, t("shares.effect")))),
        el("tbody", {}, rows))),
      el("p", { class: "fl-muted" }, t("shares.note", { label: chosen.label })));
  }));

  FL.view("export", (root, { props, watch }) => {
    let pack = JSON.parse(props.value);
    const save = (name, type, text) => {
      const url = URL.createObjectURL(new Blob([text], { type })), link = el("a", { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    };
    const say = el("p", { class: "fl-muted", role: "status" });
    const copy = async (text) => { try { await navigator.clipboard.writeText(text); say.textContent = t("export.copied"); } catch { say.textContent = t("export.not_copied"); } };
    const link = () => location.origin + location.pathname + "?s=" + pack.query;
    // The permalink lives in the address bar; other parameters (a theme, a Space's sign) stay.
    const remember = () => { const url = new URL(location.href); url.searchParams.set("s", pack.query); history.replaceState(history.state, "", url); };
    const draw = () => {
      const action = (label, picture, press) => el("button", { type: "button", class: "fl-action", "aria-label": label, onclick: press }, FL.icon(picture), label);
      FL.replace(root, el("details", { class: "fl-more" }, el("summary", {}, t("export.title")),
        el("div", { class: "fl-actions" },
          action(t("export.json"), "save", () => save("fusion-lab.json", "application/json", FL.get("result").export.json)),
          action(t("export.csv"), "save", () => save("fusion-lab.csv", "text/csv", FL.get("result").export.csv)),
          action(t("export.link"), "copy", () => copy(link())), action(t("export.copy"), "copy", () => copy(pack.snippet))),
        say, el("p", { class: "fl-muted" }, t("export.note")), el("pre", { tabindex: "0", "aria-label": t("export.snippet") }, el("code", {}, pack.snippet))));
    };
    FL.on("lang", draw);
    watch("value", () => {
      pack = JSON.parse(props.value);
      if (pack.touched) remember();
      const code = root.querySelector("code");
      if (code) code.textContent = pack.snippet;
    });
  });
})();
