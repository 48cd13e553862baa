// Which strategy is looked at: cards, a table of all of them, and the diagram of the chosen one. All three share one store key.
(() => {
  const FL = window.FusionLab, { el, svg, t, told } = FL;

  FL.view("strategies", (root, { props, trigger }) => {
    FL.on("strategy", () => { if (FL.get("strategy") && props.value !== FL.get("strategy")) { props.value = FL.get("strategy"); trigger("input"); } });
    FL.on("lab lang strategy", () => {
      const lab = FL.get("lab");
      if (!lab) return;
      const card = (s) => el("label", { class: "fl-card", "data-chosen": String(s.name === FL.get("strategy")) },
        el("input", { type: "radio", name: "fl-strategy", value: s.name, checked: s.name === FL.get("strategy"), onchange: () => FL.choose(s.name) }),
        el("span", { class: "fl-card-title" }, told(s.name, "title")), el("span", { class: "fl-card-idea" }, told(s.name, "idea")),
        el("span", { class: "fl-kind" }, `${t("fuses." + s.fuses)} · ${s.paper}`));
      FL.replace(root, el("h2", {}, t("strategies")), el("div", { class: "fl-cards", role: "radiogroup", "aria-label": t("strategies") },
        lab.strategies.filter((s) => !s.baseline).map(card)));
    });
  });

  FL.view("table", (root) => FL.on("result lang strategy", () => {
    const result = FL.get("result");
    if (!result) return;
    const row = (s) => {
      const chosen = s.name === FL.get("strategy");
      return el("tr", { "data-chosen": String(chosen), "data-differs": String(s.differs), onclick: () => FL.choose(s.name) },
        el("th", { scope: "row" }, el("label", {},
          el("input", { type: "radio", name: "fl-row", checked: chosen, onchange: () => FL.choose(s.name), "aria-label": told(s.name, "title") }), told(s.name, "title"))),
        el("td", { class: "fl-answer" }, s.label, s.differs ? el("span", { class: "fl-differs", title: t("table.differs"), role: "img", "aria-label": t("table.differs") }, "≠") : null),
        el("td", {}, el("span", { class: "fl-bar", style: { "--share": s.confidence } }), el("span", { class: "fl-number" }, FL.percent(s.confidence))),
        el("td", { class: "fl-number" }, FL.millis(s.seconds)),
        el("td", { class: "fl-number" }, FL.count(s.parameters)));
    };
    const head = ["table.strategy", "table.label", "table.confidence", "table.time", "table.parameters"].map((key) => el("th", { scope: "col" }, t(key)));
    const part = (title, rows) => rows.length ? [el("tbody", {}, el("tr", { class: "fl-part" }, el("th", { colspan: 5, scope: "rowgroup" }, title)), rows.map(row))] : [];
    FL.replace(root, el("h2", {}, t("table.title")),
      el("div", { class: "fl-scroll" }, el("table", { class: "fl-table" }, el("caption", { class: "fl-hidden" }, t("table.title")), el("thead", {}, el("tr", {}, head)),
        part(t("table.fusion"), result.strategies.filter((s) => !s.baseline)), part(t("table.baselines"), result.strategies.filter((s) => s.baseline)))),
      el("p", { class: "fl-muted" }, result.encode_seconds ? t("table.encoders", { ms: FL.millis(result.encode_seconds) }) : ""));
  }));

  // ---- the diagram ----
  const ROW = 68, TOP = 14, BLOCK = { w: 116, h: 48 }, WIDTH = 470;
  const curve = (x0, y0, x1, y1) => `M${x0} ${y0}C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}`;
  const edge = (modality, x0, y0, x1, y1, width, extra = {}) =>
    svg("path", { d: curve(x0, y0, x1, y1), class: "fl-edge", "data-modality": modality, "stroke-width": width.toFixed(2), ...extra });
  const words = (x, y, text, cls = "", anchor = "middle") => svg("text", { x, y, class: cls, "text-anchor": anchor }, text);

  const block = (m, i, used) => {
    const y = TOP + i * ROW, state = m.present ? t("diagram.block", { modality: t("modality." + m.name), tokens: m.tokens, dim: m.dim }) : t("diagram.absent", { modality: t("modality." + m.name) });
    const press = () => FL.emit("toggle", m.name);
    return svg("g", { class: "fl-block", "data-modality": m.name, "data-off": String(!m.present), "data-idle": String(!used), role: "button", tabindex: 0, "aria-pressed": String(m.present), "aria-label": state + " " + t("diagram.toggle"),
      onclick: press, onkeydown: (e) => { if (e.key === "Enter" || e.key === " ") { e.preventDefault(); press(); } } },
      svg("title", {}, t("diagram.toggle")),
      svg("rect", { x: 1, y, width: BLOCK.w, height: BLOCK.h, rx: 9 }),
      words(12, y + 21, t("modality." + m.name), "fl-name", "start"), words(12, y + 37, m.present ? `${m.tokens} × ${m.dim}` : t("diagram.off"), "fl-shape", "start"));
  };
  // The middle of the picture, by where the strategy acts. Returns the x and y from which each modality's edge to the fused vector starts.
  const middles = {
    tokens: (live, mid) => {
      const links = live.flatMap((from) => live.filter((to) => to !== from).map((to) =>
        edge(from.name, BLOCK.w, mid(from), 200, mid(to), 1.4, { "data-thin": "true" })));
      const nodes = live.map((m) => svg("g", { class: "fl-node", "data-modality": m.name }, svg("rect", { x: 200, y: mid(m) - 13, width: 62, height: 26, rx: 13 }), words(231, mid(m) + 4, t("diagram.reads"))));
      return { parts: [...links, ...live.map((m) => edge(m.name, BLOCK.w, mid(m), 200, mid(m), 1.4, { "data-thin": "true" })), ...nodes], from: 262 };
    },
    embeddings: (live, mid) => {
      const cells = (m) => [0, 1, 2, 3, 4].map((k) => svg("rect", { x: 196, y: mid(m) - 17 + k * 7, width: 11, height: 6, rx: 1.5, opacity: 0.95 - 0.15 * ((k * 2) % 5) }));
      return { parts: live.flatMap((m) => [edge(m.name, BLOCK.w, mid(m), 196, mid(m), 1.4, { "data-thin": "true" }), svg("g", { class: "fl-vector", "data-modality": m.name }, cells(m)), words(201.5, mid(m) + 31, String(m.dim), "fl-shape")]), from: 208 };
    },
    logits: (live, mid, strategy) => {
      const vote = (m) => strategy.votes?.[m.name];
      return { parts: live.flatMap((m) => [edge(m.name, BLOCK.w, mid(m), 196, mid(m), 1.4, { "data-thin": "true" }),
        svg("g", { class: "fl-node", "data-modality": m.name }, svg("circle", { cx: 214, cy: mid(m), r: 17 }), words(214, mid(m) + 5, vote(m) ? vote(m).label : "·", "fl-vote"))]), from: 231 };
    },
  };

  const draw = (result, chosen) => {
    const about = FL.get("lab").strategies.find((s) => s.name === chosen.name), modalities = result.modalities;
    const live = modalities.filter((m) => m.present && (!about.only || about.only === m.name)), mid = (m) => TOP + modalities.indexOf(m) * ROW + BLOCK.h / 2;
    const height = TOP + modalities.length * ROW, center = height / 2 - 4;
    const strength = (m) => (chosen.weights ? chosen.weights[m.name] : Math.abs(chosen.contributions[m.name])) || 0;
    const { parts, from } = middles[about.only ? "embeddings" : about.fuses](live, mid, chosen);
    const flow = live.map((m) => edge(m.name, from, mid(m), 338, center + (mid(m) - center) * 0.16, 1.2 + 13 * strength(m), {}));
    const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "fl-diagram", role: "group", "aria-label": t("diagram.label", { strategy: told(chosen.name, "title") }) },
      flow, parts, modalities.map((m) => block(m, modalities.indexOf(m), live.includes(m))),
      svg("g", { class: "fl-fused" }, svg("rect", { x: 338, y: center - 34, width: 40, height: 68, rx: 9 }), words(358, center + 4, about.only ? "→" : about.fuses === "logits" ? "Σ" : "⊕", "fl-join")),
      svg("path", { d: `M378 ${center}H404`, class: "fl-out" }),
      svg("g", { class: "fl-label" }, svg("circle", { cx: 435, cy: center, r: 31 }), words(435, center + 4, chosen.label, "fl-big"), words(435, center + 20, FL.percent(chosen.confidence, 0), "fl-shape")));
    return picture;
  };

  FL.view("diagram", (root) => FL.on("result lang strategy lab", () => {
    const result = FL.get("result"), chosen = FL.strategy();
    if (!result || !chosen) { FL.replace(root); return; }
    FL.replace(root, el("h2", {}, t("diagram.title")), draw(result, chosen),
      el("p", { class: "fl-muted" }, t(chosen.weights ? "diagram.by_weight" : "diagram.by_effect")),
      FL.get("lab").strategies.find((s) => s.name === chosen.name).only ? el("p", { class: "fl-idea" }, told(chosen.name, "idea")) : null, // others tell it on their card
      el("p", { class: "fl-formula" }, told(chosen.name, "formula")));
  }));
})();
