// How the chosen strategy fuses, drawn from what its row holds: weights, votes, attention, further
// answers, a place. The blocks switch modalities.
(() => {
  const FL = window.FusionLab,
    { el, svg, t, told } = FL;
  const ROW = 68,
    TOP = 14,
    BLOCK = { w: 116, h: 48 },
    WIDTH = 480,
    JOIN = 334,
    THIN = { "data-thin": "true" };
  const curve = (x0, y0, x1, y1) =>
    `M${x0} ${y0}C${(x0 + x1) / 2} ${y0} ${(x0 + x1) / 2} ${y1} ${x1} ${y1}`;
  const edge = (modality, x0, y0, x1, y1, width, extra = {}) =>
    svg("path", {
      d: curve(x0, y0, x1, y1),
      class: "fl-edge",
      ...FL.ofModality(modality),
      "stroke-width": width.toFixed(2),
      ...extra,
    });
  const words = (x, y, text, cls = "", anchor = "middle", extra = {}) =>
    svg("text", { x, y, class: cls, "text-anchor": anchor, ...extra }, text);
  // A long label is squeezed into its circle.
  const squeezed = (text) =>
    text.length > 8 ? { textLength: 54, lengthAdjust: "spacingAndGlyphs" } : {};

  const block = (m, i, used) => {
    const y = TOP + i * ROW,
      shape = m.present ? `${m.tokens} × ${m.dim}` : t("diagram.off"),
      name = FL.modality(m.name);
    const press = () => FL.emit("toggle", m.name);
    return svg(
      "g",
      {
        class: "fl-block",
        ...FL.ofModality(m.name),
        "data-off": String(!m.present),
        "data-idle": String(!used),
        role: "button",
        tabindex: 0,
        "aria-pressed": String(m.present),
        "aria-label": `${name} ${shape}`,
        "aria-description": t("diagram.toggle"),
        onclick: press,
        onkeydown: (e) => {
          if (e.key === "Enter" || e.key === " ") {
            e.preventDefault();
            press();
          }
        },
      },
      svg("rect", { x: 1, y, width: BLOCK.w, height: BLOCK.h, rx: 9 }),
      words(12, y + 21, name + " ", "fl-name", "start"),
      words(12, y + 37, shape + " ", "fl-shape", "start"),
    );
  };
  const ballot = (m, x, y, r, vote) => {
    const said = vote ? FL.label(vote.label) : "·",
      whole = said.length > 2; // a word needs more room than a digit
    return svg(
      "g",
      { class: "fl-node", ...FL.ofModality(m.name) },
      svg("circle", { cx: x, cy: y, r: whole ? 19 : r }),
      words(x, y + (r > 12 && !whole ? 5 : 4), said, r > 12 && !whole ? "fl-vote" : ""),
    );
  };

  // The middle of the picture, by where the strategy acts. Returns the x from which each modality's
  // edge to the fused vector starts.
  const middles = {
    tokens: (live, mid, strategy, pairs) => {
      if (!pairs.length) {
        // tokens that mix without maps: one box through which all of them go
        const top = mid(live[0]) - 22,
          bottom = mid(live.at(-1)) + 22;
        return {
          from: 262,
          parts: [
            ...live.flatMap((m) => [
              edge(m.name, BLOCK.w, mid(m), 186, mid(m), 6, THIN),
              edge(
                m.name,
                186,
                mid(m),
                262,
                (top + bottom) / 2 + (mid(m) - (top + bottom) / 2) * 0.7,
                2,
                THIN,
              ),
            ]),
            svg(
              "g",
              { class: "fl-mixer" },
              svg("rect", { x: 186, y: top, width: 76, height: bottom - top, rx: 12 }),
              words(224, (top + bottom) / 2 + 4, t("diagram.mixes")),
            ),
          ],
        };
      }
      const hubs = [...new Set(pairs.flat())].filter((name) => !live.some((m) => m.name === name)),
        at = Object.fromEntries(live.map((m) => [m.name, mid(m)]));
      const links = pairs
        .filter(([query, key]) => at[query] && at[key])
        .map(([query, key]) =>
          edge(key, BLOCK.w, at[key], 200, at[query], query === key ? 3 : 1.4, THIN),
        );
      const own = live
        .filter((m) => !pairs.some(([q, k]) => q === m.name && k === m.name))
        .map((m) => edge(m.name, BLOCK.w, mid(m), 200, mid(m), 1.4, THIN));
      const center = live.reduce((sum, m) => sum + mid(m), 0) / live.length;
      const through = hubs.flatMap((hub, i) => [
        ...live.map((m) => edge(m.name, BLOCK.w, mid(m), 160, center + i * 30, 1.4, THIN)),
        svg(
          "g",
          { class: "fl-mixer" },
          svg("rect", { x: 156, y: center + i * 30 - 13, width: 22, height: 26, rx: 5 }),
          svg("title", {}, hub),
        ),
      ]);
      const nodes = live.map((m) =>
        svg(
          "g",
          { class: "fl-node", ...FL.ofModality(m.name) },
          svg("rect", { x: 200, y: mid(m) - 13, width: 62, height: 26, rx: 13 }),
          words(231, mid(m) + 4, t("diagram.reads")),
        ),
      );
      return { parts: [...links, ...own, ...through, ...nodes], from: 262 };
    },
    embeddings: (live, mid, strategy) => {
      const cells = (m) =>
        [0, 1, 2, 3, 4].map((k) =>
          svg("rect", {
            x: 196,
            y: mid(m) - 17 + k * 7,
            width: 11,
            height: 6,
            rx: 1.5,
            opacity: 0.95 - 0.15 * ((k * 2) % 5),
          }),
        );
      const parts = live.flatMap((m) => [
        edge(m.name, BLOCK.w, mid(m), 196, mid(m), 1.4, THIN),
        svg("g", { class: "fl-vector", ...FL.ofModality(m.name) }, cells(m)),
        words(201.5, mid(m) + 31, String(m.dim), "fl-shape"),
      ]);
      const votes = strategy.votes
        ? live.map((m) => ballot(m, 232, mid(m), 11, strategy.votes[m.name]))
        : []; // some gate votes beside vectors
      return { parts: [...parts, ...votes], from: 208 };
    },
    logits: (live, mid, strategy) => ({
      from: 231,
      parts: live.flatMap((m) => [
        edge(m.name, BLOCK.w, mid(m), 196, mid(m), 1.4, THIN),
        ballot(m, 214, mid(m), 17, strategy.votes?.[m.name]),
      ]),
    }),
  };
  // How what remains is joined: shares are summed; else the formula says whether it multiplies.
  const sign = (chosen, about) => {
    if (about.only) return "→";
    if (chosen.weights || about.fuses === "logits") return "Σ";
    return (["⊗", "Π_m", "Σ_m"].find((s) => about.formula.includes(s)) || "⊕")[0];
  };

  // Further heads on the same fused vector: questions with their answers, and the place.
  const heads = (chosen, center) => {
    const said = Object.entries(chosen.auxiliary || {}).map(([question, answers]) => {
      const [answer, p] = Object.entries(answers).reduce((a, b) => (b[1] > a[1] ? b : a));
      return [FL.question(question), FL.reply(answer), p];
    });
    if (chosen.place)
      said.push([
        t("diagram.where"),
        t(chosen.place.box ? "place.there" : "place.absent"),
        chosen.place.found,
      ]);
    return said.map(([question, answer, p], i) => {
      const y = center + 56 + i * 34;
      return svg(
        "g",
        { class: "fl-head" },
        svg("path", {
          d: `M${JOIN + 30} ${center + 30}C${JOIN + 34} ${y} ${JOIN + 30} ${y} ${JOIN + 46} ${y}`,
          class: "fl-out",
        }),
        words(JOIN + 50, y - 3, question, "fl-shape", "start"),
        words(JOIN + 50, y + 11, `${answer} ${FL.percent(p, 0)}`, "", "start"),
      );
    });
  };

  const draw = (result, chosen) => {
    const about = FL.get("lab").strategies.find((s) => s.name === chosen.name),
      modalities = result.modalities;
    const live = modalities.filter((m) => m.present && (!about.only || about.only === m.name)),
      mid = (m) => TOP + modalities.indexOf(m) * ROW + BLOCK.h / 2;
    const height = TOP + modalities.length * ROW,
      center = height / 2 - 4;
    const strength = (m) =>
      (chosen.weights ? chosen.weights[m.name] : Math.abs(chosen.contributions[m.name])) || 0;
    const pairs = Object.keys(result.attention[chosen.name]?.pairs || {}).map((pair) =>
      pair.split(">"),
    );
    const alone = about.only || (about.fuses === "tokens" && live.length < 2);
    const middle = (!alone && middles[about.fuses]) || middles.embeddings;
    const { parts, from } = middle(live, mid, chosen, pairs);
    const label = FL.outOfDistribution(chosen)
      ? t("outcome.doubted", { label: FL.label(chosen.label) })
      : FL.label(chosen.label);
    const flow = live.map((m) =>
      edge(
        m.name,
        from,
        mid(m),
        JOIN,
        center + (mid(m) - center) * 0.16,
        1.2 + 13 * strength(m),
        {},
      ),
    );
    return svg(
      "svg",
      {
        viewBox: `0 0 ${WIDTH} ${height}`,
        class: "fl-diagram",
        role: "group",
        "aria-label": t("diagram.label", { strategy: told(chosen.name, "title") }),
      },
      flow,
      parts,
      modalities.map((m) => block(m, modalities.indexOf(m), live.includes(m))),
      heads(chosen, center),
      svg(
        "g",
        { class: "fl-fused" },
        svg("rect", { x: JOIN, y: center - 34, width: 40, height: 68, rx: 9 }),
        words(JOIN + 20, center + 6, sign(chosen, about), "fl-join"),
      ),
      svg("path", { d: `M${JOIN + 40} ${center}H${WIDTH - 72}`, class: "fl-out" }),
      svg(
        "g",
        { class: "fl-label" },
        svg("circle", { cx: WIDTH - 40, cy: center, r: 31 }),
        words(
          WIDTH - 40,
          center + 4,
          label,
          label.length > 2 ? "" : "fl-big",
          "middle",
          squeezed(label),
        ),
        words(WIDTH - 40, center + 20, FL.percent(chosen.confidence, 0), "fl-shape"),
      ),
    );
  };

  // What a strategy that gives evidence leaves open.
  const opinion = (row) => {
    const found = row.opinion;
    if (!found) return null;
    const share = (p) => FL.percent(p, 0);
    return el(
      "p",
      { class: "fl-opinion" },
      t("opinion.shares", { doubt: share(found.doubt), conflict: share(found.conflict) }),
      " ",
      found.refuses ? t("opinion.refuses") : "",
    );
  };

  FL.view("diagram", (root) =>
    FL.on("result lang strategy lab", () => {
      const result = FL.get("result"),
        chosen = FL.strategy();
      if (!result || !chosen) {
        FL.replace(root);
        return;
      }
      FL.replace(
        root,
        el("h2", {}, t("diagram.title")),
        draw(result, chosen),
        el(
          "p",
          { class: "fl-muted" },
          t(chosen.weights ? "diagram.by_weight" : "diagram.by_effect"),
        ),
        opinion(chosen),
        el("p", { class: "fl-formula" }, told(chosen.name, "formula")),
      );
    }),
  );
})();
