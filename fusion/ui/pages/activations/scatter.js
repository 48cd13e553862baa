// The input among reference samples, in the two widest directions of an encoder's space; a label
// can be picked out in the legend.
(() => {
  const FL = window.FusionLab,
    { el, t, tell } = FL;
  const HUES = [205, 28, 130, 345, 265, 50, 180, 95, 310, 10, 230, 155];
  const colour = (label, dark) => {
    if (label < 0) return dark ? "#6b7783" : "#9aa5b0";
    const saturation = label >= HUES.length ? 30 : 62;
    return `hsl(${HUES[label % HUES.length]} ${saturation}% ${dark ? 62 : 42}%)`;
  };

  FL.scatter = (packed, names) => {
    const dark = document.body.classList.contains("dark"),
      numbers = FL.numbers(packed),
      count = packed.shape[0] - 1,
      { labels } = packed;
    const points = Array.from({ length: count + 1 }, (_, i) => [
        numbers.value(2 * i),
        numbers.value(2 * i + 1),
      ]),
      here = points[count];
    const present = [...new Set(labels)].sort((a, b) => a - b).filter((l) => l >= 0),
      name = (l) => (l < 0 ? t("activations.unnamed") : (names[l] ?? String(l)));
    const mean = (l) => {
      const own = points.filter((_, i) => i < count && labels[i] === l);
      return [0, 1].map((k) => own.reduce((s, p) => s + p[k], 0) / own.length);
    };
    const centres = new Map(present.map((l) => [l, mean(l)])),
      far = (p) => Math.hypot(p[0] - here[0], p[1] - here[1]),
      order = [...present].sort((a, b) => far(centres.get(a)) - far(centres.get(b)));
    const canvas = el("canvas", {
        class: "fl-cloud",
        role: "img",
        "aria-label": t("activations.scatter_says", {
          count,
          label: order.length ? name(order[0]) : "–",
        }),
      }),
      read = FL.panels.reader();
    const xs = points.map((p) => p[0]),
      ys = points.map((p) => p[1]),
      box = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    let only = null,
      place = () => [0, 0];
    const draw = () => {
      const { clientWidth: w, clientHeight: h } = canvas,
        ratio = window.devicePixelRatio || 1,
        pen = canvas.getContext("2d"),
        edge = 16;
      if (!w) return;
      canvas.width = w * ratio;
      canvas.height = h * ratio;
      pen.scale(ratio, ratio);
      const zoom = Math.min(
          (w - 2 * edge) / (box[1] - box[0] || 1),
          (h - 2 * edge) / (box[3] - box[2] || 1),
        ),
        style = getComputedStyle(canvas),
        css = (v) => style.getPropertyValue(v).trim();
      place = ([x, y]) => [
        w / 2 + (x - (box[0] + box[1]) / 2) * zoom,
        h / 2 - (y - (box[2] + box[3]) / 2) * zoom,
      ]; // one scale both ways: distances are true
      const opacity = (l) => {
        if (only === null) return 0.62;
        return only === l ? 0.95 : 0.1;
      };
      labels.forEach((l, i) => {
        const [x, y] = place(points[i]);
        pen.globalAlpha = opacity(l);
        pen.fillStyle = colour(l, dark);
        pen.beginPath();
        pen.arc(x, y, 2.7, 0, 7);
        pen.fill();
      });
      pen.font = "700 14px ui-sans-serif, system-ui, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.lineJoin = "round";
      centres.forEach((c, l) => {
        const [x, y] = place(c);
        pen.globalAlpha = only === null || only === l ? 1 : 0.25;
        pen.lineWidth = 4;
        pen.strokeStyle = css("--panel");
        pen.strokeText(name(l), x, y);
        pen.fillStyle = colour(l, dark);
        pen.fillText(name(l), x, y);
      });
      const [x, y] = place(here);
      pen.globalAlpha = 1;
      for (const [width, shade] of [
        [6, css("--panel")],
        [2.6, css("--picked")],
      ]) {
        pen.lineWidth = width;
        pen.strokeStyle = shade;
        pen.beginPath();
        pen.arc(x, y, 9, 0, 7);
        pen.moveTo(x - 15, y);
        pen.lineTo(x - 4, y);
        pen.moveTo(x + 4, y);
        pen.lineTo(x + 15, y);
        pen.moveTo(x, y - 15);
        pen.lineTo(x, y - 4);
        pen.moveTo(x, y + 4);
        pen.lineTo(x, y + 15);
        pen.stroke();
      }
    };
    FL.panels.point(canvas, (x, y) => {
      if (x === undefined) {
        read.textContent = "";
        return;
      }
      const at = [x * canvas.clientWidth, y * canvas.clientHeight],
        gap = (i) => {
          const [a, b] = place(points[i]);
          return Math.hypot(a - at[0], b - at[1]);
        };
      const best = points.reduce((b, _, i) => (gap(i) < gap(b) ? i : b), count);
      const said = () => {
        if (gap(best) > 24) return "";
        if (best === count) return t("activations.here");
        return `${name(labels[best])} · ${tell(points[best][0])}, ${tell(points[best][1])}`;
      };
      read.textContent = said();
    });
    const key = (l) =>
      el(
        "button",
        {
          type: "button",
          class: "fl-key",
          "aria-pressed": "false",
          style: { "--dot": colour(l, dark) },
          onclick: () => choose(only === l ? null : l),
        },
        name(l),
      );
    const kinds = [...present, ...(labels.some((l) => l < 0) ? [-1] : [])],
      keys = kinds.map(key);
    const choose = (l) => {
      only = l;
      keys.forEach((k, i) => k.setAttribute("aria-pressed", String(kinds[i] === l)));
      draw();
    };
    new ResizeObserver(draw).observe(canvas);
    const legend = el(
      "div",
      { class: "fl-keys", role: "group", "aria-label": t("activations.legend") },
      el("span", { class: "fl-key-here" }, t("activations.here")),
      keys,
    );
    return FL.panels.figure(
      t("activations.scatter"),
      el("div", { class: "fl-map-of" }, canvas, legend),
      {
        wide: true,
        note: t("activations.explained", { share: FL.percent(packed.explained, 0) }),
        read,
        scale: el(
          "span",
          {},
          order.length ? t("activations.nearest", { label: name(order[0]) }) : "",
        ),
        twin: FL.twin(
          t("encoder_views.twin"),
          [t("activations.label"), t("activations.count"), t("activations.distance")],
          () =>
            order.map((l) => [
              name(l),
              labels.filter((x) => x === l).length,
              tell(far(centres.get(l))),
            ]),
        ),
      },
    );
  };
})();
