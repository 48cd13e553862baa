// All strategies and baselines on this input, one row each: every column sorts, a mark shows who
// disagrees, and a row chooses its strategy.
(() => {
  const FL = window.FusionLab,
    { el, svg, t } = FL;
  const most = (values) =>
    values && Object.keys(values).length ? Math.max(...Object.values(values).map(Math.abs)) : null;
  // `value` is what a column sorts by (null is last, always), `down` whether the first press puts
  // the largest on top.
  const COLUMNS = [
    { key: "strategy", value: (s) => FL.short(s.name) },
    { key: "label", value: (s, result) => result.labels.indexOf(s.label) },
    { key: "confidence", value: (s) => s.confidence, down: true },
    {
      key: "found",
      value: (s) => s.place && s.place.found,
      down: true,
      shown: (result) => result.strategies.some((s) => s.place),
    },
    { key: "time", value: (s) => s.seconds },
    { key: "parameters", value: (s) => s.parameters },
    { key: "weights", value: (s) => most(s.weights), down: true, hint: true },
    { key: "effect", value: (s) => most(s.contributions), down: true, hint: true },
  ];
  let sorting = { key: null, down: false };

  const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b, FL.locale()) : a - b);
  const sorted = (result) => {
    const column = COLUMNS.find((c) => c.key === sorting.key);
    if (!column) return result.strategies;
    // sort() is stable: equal ones keep their order
    const keyed = result.strategies.map((s) => [column.value(s, result), s]);
    const known = keyed
      .filter(([v]) => v !== null)
      .sort(([a], [b]) => (sorting.down ? compare(b, a) : compare(a, b)));
    return [...known, ...keyed.filter(([v]) => v === null)].map(([, s]) => s);
  };

  const listed = (values, say) =>
    Object.entries(values)
      .map(([m, v]) => `${FL.modality(m)} ${say(v)}`)
      .join(", ");
  const weights = (s) => {
    if (!s.weights) return el("span", { class: "fl-muted", title: t("table.no_weights") }, "–");
    const label = listed(s.weights, (v) => FL.percent(v, 0));
    return el(
      "span",
      { class: "fl-stack", role: "img", "aria-label": label, title: label },
      Object.entries(s.weights).map(([m, v]) =>
        el("i", { ...FL.ofModality(m), style: { width: v * 100 + "%" } }),
      ),
    );
  };
  const effects = (s, result) => {
    const label = listed(s.contributions, (v) => FL.signed(v)),
      H = 22,
      scale = Math.max(0.1, ...result.strategies.map((r) => most(r.contributions)));
    const bar = (m, i) => {
      const v = s.contributions[m] || 0,
        h = Math.max(0.8, (Math.abs(v) / scale) * (H / 2));
      return svg("rect", {
        x: i * 13 + 2,
        width: 9,
        y: v > 0 ? H / 2 - h : H / 2,
        height: h,
        class: v > 0 ? "fl-plus" : "fl-minus",
      });
    };
    const names = result.modalities.map((m) => m.name),
      width = names.length * 13;
    return el(
      "span",
      { role: "img", "aria-label": label, title: label, class: "fl-spark" },
      svg(
        "svg",
        { viewBox: `0 0 ${width} ${H}`, width, height: H, "aria-hidden": "true" },
        svg("path", { d: `M0 ${H / 2}H${width}`, class: "fl-zero" }),
        names.map((m, i) => (m in s.contributions ? bar(m, i) : null)),
      ),
    );
  };
  const differs = () => {
    const title = t("table.differs");
    return el("span", { class: "fl-differs", title, role: "img", "aria-label": title }, "≠");
  };
  const CELLS = {
    label: (s, result) => {
      const label = FL.label(s.label);
      if (FL.outOfDistribution(s)) {
        const title = t("table.unknown_is", { count: FL.numbered(result.labels.length), label }),
          unknown = el("span", { class: "fl-unknown" }, t("table.unknown"));
        return el("td", { class: "fl-answer", title }, unknown);
      }
      if (s.baseline && FL.guesses(s))
        return el("td", { class: "fl-muted", title: t("slot.guesses") }, "–");
      return el("td", { class: "fl-answer" }, label, s.differs ? differs() : null);
    },
    confidence: (s) =>
      el(
        "td",
        { class: "fl-confidence-cell" },
        el("span", { class: "fl-bar", style: { "--share": s.confidence } }),
        el("span", { class: "fl-number" }, FL.percent(s.confidence)),
      ),
    found: (s) =>
      el(
        "td",
        { class: "fl-number" },
        s.place
          ? [
              el("span", {
                class: "fl-there",
                "data-there": String(!!s.place.box),
                "aria-hidden": "true",
              }),
              FL.percent(s.place.found, 0),
            ]
          : "–",
      ),
    time: (s) => el("td", { class: "fl-number" }, FL.millis(s.seconds)),
    parameters: (s) => el("td", { class: "fl-number" }, FL.count(s.parameters)),
    weights: (s) => el("td", {}, weights(s)),
    effect: (s, result) => el("td", {}, effects(s, result)),
  };

  const tally = (result) => {
    const total = result.tally.reduce((sum, [, count]) => sum + count, 0),
      [first, ...rest] = result.tally;
    if (!first) return null;
    const unknown = result.out_of_distribution
      ? t("table.unknowns", {
          unknown: result.out_of_distribution,
          total,
          count: FL.numbered(result.labels.length),
        })
      : "";
    if (!rest.length)
      return FL.sentences(t("table.all_say", { total, label: FL.label(first[0]) }), unknown);
    const others = FL.list(
      rest.map(([label, count]) =>
        t(count === 1 ? "table.one_says" : "table.some_say", { label: FL.label(label), count }),
      ),
    );
    return FL.sentences(
      t("table.most_say", { count: first[1], total, label: FL.label(first[0]) }) +
        t("outcome.semicolon") +
        others +
        t("outcome.stop"),
      unknown,
    );
  };

  FL.view("table", (root) => {
    const draw = () => {
      const result = FL.get("result");
      if (!result?.labels) {
        FL.replace(root);
        return;
      }
      const columns = COLUMNS.filter((c) => !c.shown || c.shown(result));
      const press = (c) => {
        const first = !!c.down,
          again = sorting.key === c.key;
        if (!again) sorting = { key: c.key, down: first };
        else if (sorting.down === first) sorting = { key: c.key, down: !first };
        else sorting = { key: null, down: false };
        draw();
      };
      const head = (c) => {
        const active = sorting.key === c.key,
          order = sorting.down ? "descending" : "ascending",
          arrow = sorting.down ? "▾" : "▴",
          name = t("table." + c.key);
        return el(
          "th",
          {
            scope: "col",
            "aria-sort": active ? order : "none",
            "data-column": c.key,
          },
          el(
            "button",
            {
              type: "button",
              class: "fl-sort",
              title: t(c.hint ? "table.sort_largest" : "table.sort", { column: name }),
              onclick: () => press(c),
            },
            name,
            el("i", { "aria-hidden": "true" }, active ? arrow : ""),
          ),
        );
      };
      const row = (s) => {
        const chosen = s.name === FL.get("strategy");
        return el(
          "tr",
          {
            "data-chosen": String(chosen),
            "data-differs": String(s.differs),
            "data-name": s.name,
            onclick: () => FL.choose(s.name),
          },
          el(
            "th",
            { scope: "row" },
            el(
              "label",
              {},
              el("input", {
                type: "radio",
                name: "fl-row",
                checked: chosen,
                onchange: () => FL.choose(s.name),
              }),
              FL.short(s.name),
            ),
          ),
          columns.slice(1).map((c) => CELLS[c.key](s, result)),
        );
      };
      const part = (title, rows) =>
        rows.length
          ? el(
              "tbody",
              {},
              title
                ? el(
                    "tr",
                    { class: "fl-part" },
                    el("th", { colspan: columns.length, scope: "rowgroup" }, title),
                  )
                : null,
              rows.map(row),
            )
          : null;
      const rows = sorted(result);
      const out = Object.entries(FL.get("lab").unavailable)
        .filter(([name]) => !FL.get("lab").modalities.includes(name))
        .map(([, sentence]) => el("li", {}, FL.said(sentence)));
      FL.replace(
        root,
        el("h2", {}, t("table.title")),
        el(
          "p",
          {
            class: "fl-tally",
            "data-split": String(result.tally.length > 1),
          },
          tally(result),
        ),
        FL.has(FL.ofTask("pairs"))
          ? el("p", { class: "fl-muted fl-pairs" }, t(FL.ofTask("pairs")))
          : null,
        el(
          "div",
          {
            class: "fl-scroll fl-wide",
            tabindex: "0",
            role: "region",
            "aria-label": t("table.title"),
          },
          el(
            "table",
            { class: "fl-table fl-all", "data-columns": columns.length },
            el("caption", { class: "fl-hidden" }, t("table.title")),
            el("thead", {}, el("tr", {}, columns.map(head))),
            sorting.key
              ? part(null, rows)
              : [
                  part(
                    t("table.fusion"),
                    rows.filter((s) => !s.baseline),
                  ),
                  part(
                    t("table.baselines"),
                    rows.filter((s) => s.baseline),
                  ),
                ],
          ),
        ),
        out.length ? el("ul", { class: "fl-notes fl-unavailable" }, out) : null,
        rows.length
          ? el(
              "p",
              { class: "fl-muted" },
              FL.sentences(
                t("table.columns"),
                result.encode_seconds
                  ? t("table.encoders", { ms: FL.millis(result.encode_seconds) })
                  : "",
              ),
            )
          : null,
      );
    };
    FL.on("result lang strategy", draw);
  });
})();
