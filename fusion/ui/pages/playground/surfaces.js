// A strategy of the playground: its surfaces over all pairs (x, y), and how well it does.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const LARGE = 320,
    SMALL = 128, // pixels of a canvas
    TOKENS = 4; // of a side: attention that is spread evenly gives each of them a quarter

  const rgb = (node, name) => {
    const pen = el("canvas", { width: 1, height: 1 }).getContext("2d");
    pen.fillStyle = getComputedStyle(node).getPropertyValue(name).trim();
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const colours = (node) =>
    Object.fromEntries(
      ["plus", "minus", "panel", "hue", "ink"].map((name) => [name, rgb(node, "--" + name)]),
    );
  const mix = (from, to, share) => from.map((value, i) => value + (to[i] - value) * share);
  // 0 is the colour of label 0, 1 that of label 1, and halfway there is none.
  const diverging = (c) => (p) =>
    mix(c.panel, p < 0.5 ? c.minus : c.plus, 0.85 * Math.abs(2 * p - 1));
  const rising = (c) => (share) => mix(c.panel, c.hue, 0.9 * Math.min(1, Math.max(0, share)));

  // values: one for each cell, row by row from the lowest y.
  const paint = (canvas, values, cells, colour) => {
    const small = el("canvas", { width: cells, height: cells }),
      pen = small.getContext("2d"),
      picture = pen.createImageData(cells, cells);
    for (let row = 0; row < cells; row++)
      for (let column = 0; column < cells; column++) {
        const value = values[(cells - 1 - row) * cells + column];
        picture.data.set([...colour(value).slice(0, 3), 255], 4 * (row * cells + column));
      }
    pen.putImageData(picture, 0, 0);
    canvas.getContext("2d").drawImage(small, 0, 0, canvas.width, canvas.height);
  };
  // A point that lacks a side is a line on the edge of the other.
  const dot = (canvas, [x, y], label, present, c) => {
    const pen = canvas.getContext("2d"),
      size = canvas.width,
      at = (v) => ((v + 1) / 2) * size;
    pen.beginPath();
    if (present[0] && present[1]) pen.arc(at(x), size - at(y), 4.5, 0, 2 * Math.PI);
    else if (present[0]) pen.rect(at(x) - 1.5, size - 11, 4, 11);
    else pen.rect(0, size - at(y) - 1.5, 11, 4);
    pen.fillStyle = `rgb(${(label ? c.plus : c.minus).slice(0, 3)})`;
    pen.strokeStyle = `rgb(${c.panel.slice(0, 3)})`;
    pen.lineWidth = 1.5;
    pen.fill();
    pen.stroke();
  };
  const bytes = (base64) => Float32Array.from(FL.bytes(base64), (b) => b / 255);
  // The same along one side: x (A) gives columns, y (B) gives rows.
  const spread = (values, side, cells) =>
    Float32Array.from({ length: cells * cells }, (_, i) =>
      side === "a" ? values[i % cells] : values[Math.floor(i / cells)],
    );
  const corners = (values, cells) => ({
    bottom_left: FL.percent(values[0], 0),
    bottom_right: FL.percent(values[cells - 1], 0),
    top_left: FL.percent(values[cells * (cells - 1)], 0),
    top_right: FL.percent(values[cells * cells - 1], 0),
  });

  const figure = (caption, size) => {
    const canvas = el("canvas", { width: size, height: size, role: "img" });
    const node = el("figure", {}, canvas, el("figcaption", {}, caption));
    return { canvas, node, caption };
  };
  const pair = (name) => {
    const [query, key] = name.split(">");
    return t("playground.focus", { query: query.toUpperCase(), key: key.toUpperCase() });
  };

  // The surfaces that a strategy has beside the decision: [caption, values, whether it is signed].
  const others = (row, cells) => {
    const found = [
      [t("playground.only_a"), spread(bytes(row.only.a), "a", cells), true],
      [t("playground.only_b"), spread(bytes(row.only.b), "b", cells), true],
    ];
    if (row.weight) found.push([t("playground.weight"), bytes(row.weight), false]);
    Object.entries(row.focus).forEach(([name, packed]) => {
      const even = 1 / TOKENS;
      found.push([pair(name), bytes(packed).map((v) => (v - even) / (1 - even)), false]);
    });
    return found;
  };

  // A card with `update(row)` for each answer; `place` is the strategy's place among the lines.
  const card = (first, place, problem, cells) => {
    const title = FL.playground.title(first.name),
      decision = figure(t("playground.decision"), LARGE),
      small = others(first, cells).map(([caption]) => figure(caption, SMALL)),
      numbers = el("p", { class: "fl-muted" });
    const root = el(
      "section",
      { class: "fl-learner fl-card-box", "aria-label": title },
      el(
        "h3",
        {},
        FL.playground.swatch(place),
        title,
        el(
          "span",
          { class: "fl-muted" },
          t("playground.parameters", { n: FL.count(first.parameters) }),
        ),
      ),
      numbers,
      decision.node,
      el(
        "div",
        { class: "fl-small-surfaces" },
        small.map((one) => one.node),
      ),
    );
    const update = (row) => {
      const c = colours(root),
        show = (one, values, signed) => {
          paint(one.canvas, values, cells, signed ? diverging(c) : rising(c));
          const said = signed ? "playground.corners" : "playground.corners_other";
          const heading = { strategy: title, what: one.caption, ...corners(values, cells) };
          one.canvas.setAttribute("aria-label", t(said, heading));
        };
      show(decision, bytes(row.surface), true);
      problem.values.forEach((point, i) =>
        dot(decision.canvas, point, problem.labels[i], problem.present[i], c),
      );
      others(row, cells).forEach(([, values, signed], i) => show(small[i], values, signed));
      const { train, test } = row.scores;
      numbers.textContent = row.diverged
        ? t("playground.diverged")
        : t("playground.scores", {
            test: FL.percent(test.accuracy, 0),
            train: FL.percent(train.accuracy, 0),
            loss: test.loss === null ? "–" : test.loss.toFixed(3),
          });
    };
    return { root, update };
  };

  FL.playground = { ...FL.playground, card };
})();
