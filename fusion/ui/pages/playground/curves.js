// Loss and accuracy of the playground's strategies over the steps, with a table of the numbers.
(() => {
  const FL = window.FusionLab,
    { el, svg, t } = FL;
  const WIDTH = 420,
    HEIGHT = 190,
    LEFT = 38,
    BOTTOM = 24,
    TOP = 10;
  const DASHES = ["none", "7 3", "2 3", "10 3 2 3", "4 2", "1 4"];

  // The line of the strategy at this place, as it is drawn in the charts.
  const swatch = (place) =>
    svg(
      "svg",
      { viewBox: "0 0 28 8", class: "fl-swatch", "aria-hidden": "true" },
      svg("line", { x1: 0, x2: 28, y1: 4, y2: 4, ...stroke(place) }),
    );
  const stroke = (place) => ({ "data-line": String(place), "stroke-dasharray": DASHES[place] });

  const nice = (value) => {
    const unit = 10 ** Math.floor(Math.log10(value));
    return unit * [1, 2, 5, 10].find((n) => n * unit >= value);
  };

  // history: [{step, strategies: [{name, scores}]}]
  const chart = (title, history, read, top, format) => {
    const last = Math.max(10, history.at(-1)?.step ?? 0),
      x = (step) => LEFT + (step / last) * (WIDTH - LEFT - 8),
      y = (value) => TOP + (1 - Math.min(1, value / top)) * (HEIGHT - TOP - BOTTOM);
    const ticks = [0, 0.5, 1].map((share) => {
      const value = share * top;
      return [
        svg("line", { x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value), class: "fl-grid-line" }),
        svg("text", { x: LEFT - 5, y: y(value) + 4, "text-anchor": "end" }, format(value)),
      ];
    });
    const lines = (history[0]?.strategies ?? []).map((_, place) => {
      const points = history
        .map((moment) => [moment.step, read(moment.strategies[place])])
        .filter(([, value]) => value !== null)
        .map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`);
      return svg("polyline", { points: points.join(" "), fill: "none", ...stroke(place) });
    });
    return el(
      "figure",
      { class: "fl-curve" },
      el("figcaption", {}, title),
      svg(
        "svg",
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title },
        ticks.flat(),
        svg("text", { x: LEFT, y: HEIGHT - 6 }, "0"),
        svg(
          "text",
          { x: WIDTH - 8, y: HEIGHT - 6, "text-anchor": "end" },
          t("playground.steps", { n: last }),
        ),
        lines,
      ),
    );
  };

  const rows = (history) =>
    (history.at(-1)?.strategies ?? []).map(({ name, scores: { train, test } }) => [
      FL.playground.title(name),
      ...[train.loss, test.loss].map((loss) => loss?.toFixed(3) ?? "–"),
      FL.percent(train.accuracy),
      FL.percent(test.accuracy),
    ]);
  const curves = (history) => {
    const losses = history.flatMap((m) => m.strategies.map((s) => s.scores.test.loss ?? 0)),
      top = nice(Math.max(0.1, Math.min(2, Math.max(...losses))));
    return [
      chart(
        t("playground.loss_curve"),
        history,
        (s) => s.scores.test.loss,
        top,
        (v) => v.toFixed(2),
      ),
      chart(
        t("playground.accuracy_curve"),
        history,
        (s) => s.scores.test.accuracy,
        1,
        (v) => FL.percent(v, 0),
      ),
    ];
  };
  const numbers = (history) =>
    FL.twin(
      t("playground.numbers"),
      ["strategy", "train_loss", "test_loss", "train_accuracy", "test_accuracy"].map((key) =>
        t("playground." + key),
      ),
      () => rows(history()),
    );

  FL.playground = { ...FL.playground, swatch, curves, numbers };
})();
