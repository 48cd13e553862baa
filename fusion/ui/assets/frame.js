// The views that frame the page: header, status line, examples, and the unseen receiver of results.
(() => {
  const FL = window.FusionLab, { el, t } = FL;

  // Receives every result as one JSON string, so that all views change together.
  FL.view("result", (root, { props, watch }) => {
    // A failed input keeps the previous result on the page, marked as such.
    const receive = () => {
      const result = JSON.parse(props.value);
      FL.set("busy", false);
      FL.set("result", result.strategies ? result : { strategies: [], attention: {}, ...FL.get("result"), status: result.status });
    };
    if (!FL.get("lab")) {
      FL.set("lab", JSON.parse(props.lab));
      FL.set("strategy", props.strategy);
    }
    watch("value", receive);
    watch("strategy", () => FL.set("strategy", props.strategy));
    receive();
  });

  FL.view("header", (root, { props, watch, trigger }) => {
    const change = (lang) => { props.value = lang; FL.set("lang", lang); trigger("input"); };
    watch("value", () => FL.set("lang", props.value));
    FL.set("lang", props.value);
    FL.on("lang lab", () => {
      const lab = FL.get("lab") || JSON.parse(props.lab);
      const option = (lang, label) => el("button", { type: "button", lang: lang === "zh" ? "zh-CN" : "en", "aria-pressed": String(FL.get("lang") === lang),
        onclick: () => change(lang) }, label);
      FL.replace(root,
        el("div", { class: "fl-brand" }, el("h1", {}, "Fusion Lab"), el("p", {}, t("tagline"))),
        el("div", { class: "fl-facts" },
          el("div", { class: "fl-languages", role: "group", "aria-label": t("language") }, option("en", "English"), option("zh", "简体中文")),
          el("p", {}, t("machine", { device: lab.device, precision: lab.precision, parameters: FL.count(lab.parameters), megabytes: lab.megabytes.toFixed(1),
            count: lab.strategies.filter((s) => !s.baseline).length }))));
    });
  });

  FL.view("status", (root) => {
    const line = el("p", { class: "fl-line", role: "alert" }), notes = el("ul", { class: "fl-notes" });
    const mini = el("a", { class: "fl-mini", href: "#fl-outcome" }); // on a phone the answer is out of sight while one draws
    root.append(line, notes, mini);
    FL.on("result lang busy trouble strategy", () => {
      const status = FL.get("result")?.status || { kind: "ok" }, trouble = FL.get("trouble");
      const kind = trouble ? "error" : status.kind;
      root.dataset.kind = FL.get("busy") ? "busy" : kind;
      line.textContent = trouble || (status.key ? t(status.key) : status.text || "");
      if ((kind === "error" || kind === "empty") && FL.get("result")?.strategies.length) line.textContent += " " + t("status.previous");
      FL.replace(notes, (kind === "ok" ? status.notes || [] : []).map((n) => el("li", {}, n)));
      const chosen = FL.strategy();
      FL.replace(mini, chosen ? [el("b", {}, chosen.label), FL.percent(chosen.confidence, 0)] : []);
      mini.hidden = !chosen;
      mini.setAttribute("aria-label", chosen ? t("outcome.title") + ": " + chosen.label : t("outcome.title"));
      document.body.classList.toggle("fl-stale", kind === "error" || kind === "empty");
    });
  });

  FL.view("examples", (root, { props, trigger, watch }) => {
    const pick = (name) => { props.value = name; FL.set("busy", true); trigger("input"); };
    watch("value", () => FL.set("example", props.value));
    FL.set("example", props.value);
    FL.hear("edited", () => FL.set("example", ""));
    FL.on("lang lab example", () => FL.replace(root,
      el("span", { class: "fl-muted", id: "fl-examples-label" }, t("examples")),
      el("div", { class: "fl-chips", role: "group", "aria-labelledby": "fl-examples-label" }, (FL.get("lab")?.examples || []).map(({ name, title, hint }) =>
        el("button", { type: "button", class: "fl-chip", "aria-pressed": String(FL.get("example") === name), title: FL.has("example." + name + ".hint") ? t("example." + name + ".hint") : hint,
          onclick: () => { FL.set("example", name); pick(name); } }, FL.has("example." + name) ? t("example." + name) : title)))));
  });
})();
