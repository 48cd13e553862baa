// A medium with its tokens on it, drawn from the layout alone: picture grid, words, time spans or
// frames. Used by two views.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  // Grey levels (one byte each) on a canvas; `flip` puts row 0 at the bottom, as frequencies are read.
  const grey = (packed, label, flip = false, ink = false) => {
    const { width, height } = packed,
      data = FL.bytes(packed.data),
      canvas = el("canvas", { width, height, role: "img", "aria-label": label, class: "fl-array" });
    const pen = canvas.getContext("2d"),
      picture = pen.createImageData(width, height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const value = data[(flip ? height - 1 - y : y) * width + x],
          at = 4 * (y * width + x),
          shade = ink ? 255 - value : value;
        picture.data.set([shade, shade, shade, 255], at);
      }
    pen.putImageData(picture, 0, 0);
    return canvas;
  };
  const at = (value, from, to) => ((value - from) / (to - from)) * 100 + "%";
  const cell = (label, x0, y0, x1, y1) =>
    el("div", {
      class: "fl-cell",
      role: "gridcell",
      "aria-label": label,
      style: { left: x0, top: y0, width: `calc(${x1} - ${x0})`, height: `calc(${y1} - ${y0})` },
    });
  const clock = (s) => Math.max(0, s).toFixed(2) + " s";
  // Networks pad a sound at both ends; a time is told within what was given, and never below zero.
  FL.span = ([from, to], length = Infinity) => {
    if (to <= 0 || from >= length) return t("token.padding");
    const clip = (s) => Math.min(Math.max(s, 0), length).toFixed(2);
    return t("token.span", { from: clip(from), to: clip(to) });
  };

  // A photo in its own colours and shape, of which a view shows the part x0, y0, x1, y1.
  const photo = (url, label, [x0, y0, x1, y1]) =>
    el("img", {
      src: url,
      alt: label,
      class: "fl-photo",
      style: {
        left: at(0, x0, x1),
        top: at(0, y0, y1),
        width: 100 / (x1 - x0) + "%",
        height: 100 / (y1 - y0) + "%",
      },
    });
  const shape = ({ width, height }, [x0, y0, x1, y1]) => ({
    "aspect-ratio": `${((x1 - x0) * width).toFixed(2)} / ${((y1 - y0) * height).toFixed(2)}`,
  });

  const kinds = {
    grid: (name, view) => {
      const [x0, y0, x1, y1] = view.extent,
        columns = Math.round((x1 - x0) / (view.places[0][2] - view.places[0][0])),
        even = columns * columns === view.places.length; // keypoints lie anywhere
      const cells = view.places.map((p, i) =>
        cell(
          even
            ? t("token.cell", { row: Math.floor(i / columns) + 1, column: (i % columns) + 1 })
            : t("token.place", { number: i + 1 }),
          at(p[0], x0, x1),
          at(p[1], y0, y1),
          at(p[2], x0, x1),
          at(p[3], y0, y1),
        ),
      );
      const paper = view.array
        ? el("div", { class: "fl-paper" }, grey(view.array, t("encoder_views.image")), cells)
        : el(
            "div",
            { class: "fl-paper", style: shape(view.media, view.extent) },
            photo(view.media.url, t("encoder_views.image"), view.extent),
            cells,
          );
      return { box: paper, cells, columns };
    },
    seconds: (name, view) => {
      const [from, to] = view.extent;
      const cells = view.places.map((p) =>
        cell(
          FL.span(p, to),
          at(Math.max(from, p[0]), from, to),
          "0%",
          at(Math.min(to, p[1]), from, to),
          "100%",
        ),
      );
      const step = [0.1, 0.2, 0.5, 1, 2, 5].find((s) => (to - from) / s <= 6.5) || 10,
        ticks = [];
      for (let s = Math.ceil(Math.max(0, from) / step) * step; s < to - (to - from) / 25; s += step)
        ticks.push(el("span", { style: { left: at(s, from, to) } }, s.toFixed(1)));
      return {
        box: el(
          "div",
          {},
          el(
            "div",
            { class: "fl-tape" },
            grey(view.array, t("encoder_views.audio"), true, true),
            cells,
          ),
          el("div", { class: "fl-axis", "aria-hidden": "true" }, ticks, el("i", {}, "s")),
        ),
        cells,
        columns: cells.length,
      };
    },
    characters: (name, view) => {
      const letters = Array.from(view.text),
        parts = [],
        cells = []; // code points, as Python counts them
      let done = 0;
      view.places.forEach(([from, to]) => {
        if (from > done) parts.push(letters.slice(done, from).join(""));
        const word = letters.slice(Math.max(done, from), to).join("");
        const node = el(
          "span",
          {
            class: "fl-cell fl-word",
            role: "gridcell",
            "aria-label": t("token.word", { word: word || "∅" }),
          },
          word || "∅",
        );
        cells.push(node);
        parts.push(node);
        done = Math.max(done, to);
      });
      return {
        box: el("p", { class: "fl-text" }, parts, letters.slice(done).join("")),
        cells,
        columns: cells.length,
      };
    },
    frames: (name, view) => {
      const times = [...new Set(view.places.map((p) => p[0]))],
        frames = new Map(),
        cells = [],
        distinct = view.places.length === times.length;
      if (!view.array) return film(view);
      const { width, height } = view.array,
        all = FL.bytes(view.array.data),
        size = width * height,
        total = all.length / size;
      const strip = el("div", { class: "fl-strip" });
      const frame = (i, n) =>
        grey(
          {
            width,
            height,
            data: btoa(String.fromCharCode(...all.subarray(size * i, size * (i + 1)))),
          },
          t("token.frame", { time: clock(n) }),
        );
      view.places.forEach((p, i) => {
        const key = distinct || view.places.length === total ? i : p[0];
        if (!frames.has(key)) {
          const index = Math.min(
            total - 1,
            Math.floor(
              (frames.size * total) / (view.places.length === total ? total : times.length),
            ),
          );
          const box = el("div", { class: "fl-frame" }, frame(index, p[0]));
          frames.set(key, box);
          strip.append(
            el(
              "figure",
              { role: "none" },
              box,
              el("figcaption", { "aria-hidden": "true" }, Math.max(0, p[0]).toFixed(1)),
            ),
          );
        }
        const node = cell(
          t("token.frame", { time: clock(p[0]) }),
          p[1] * 100 + "%",
          p[2] * 100 + "%",
          p[3] * 100 + "%",
          p[4] * 100 + "%",
        );
        cells.push(node);
        frames.get(key).append(node);
      });
      return { box: strip, cells, columns: cells.length };
    },
  };

  // The clip's own frames, the whole of each, at the times that tokens speak of.
  const film = ({ places, media }) => {
    const frames = new Map(),
      whole = [0, 0, 1, 1];
    const cells = places.map((p) => {
      const node = cell(
          t("token.frame", { time: clock(p[0]) }),
          ...p.slice(1).map((v) => v * 100 + "%"),
        ),
        box = frames.get(p[0]);
      if (box) box.append(node);
      else
        frames.set(
          p[0],
          el(
            "div",
            { class: "fl-frame", style: shape(media, whole) },
            photo(
              media.frames[FL.nearest(media.times, p[0])],
              t("token.frame", { time: clock(p[0]) }),
              whole,
            ),
            node,
          ),
        );
      return node;
    });
    return {
      box: el(
        "div",
        { class: "fl-strip" },
        [...frames].map(([time, box]) =>
          el(
            "figure",
            { role: "none" },
            box,
            el("figcaption", { "aria-hidden": "true" }, Math.max(0, time).toFixed(1)),
          ),
        ),
      ),
      cells,
      columns: cells.length,
    };
  };

  // Sound and frames of one clip have the same seconds: what is pointed at in one is marked in the
  // other. `media` {modality: [drawn, places]}.
  FL.oneClock = (media) => {
    for (const [audio, video] of Object.entries(FL.get("result").soundtracks))
      if (media[audio] && media[video]) sameSeconds(media[audio], media[video]);
  };
  const sameSeconds = ([sound, spans], [clip, times]) => {
    const heard = (time) => [
      FL.nearest(
        spans.map(([a, b]) => (a + b) / 2),
        time,
      ),
    ];
    const shown = ([from, to]) => {
      const within = times.flatMap(([s], i) => (s >= from && s < to ? [i] : []));
      return within.length
        ? within
        : [
            FL.nearest(
              times.map(([s]) => s),
              (from + to) / 2,
            ),
          ];
    };
    const tie = (here, there, partners) =>
      here.cells.forEach((c, i) => {
        const mark = (on) =>
          partners(i).forEach((k) => there.cells[k].toggleAttribute("data-same", on));
        for (const name of ["pointerenter", "focus"]) c.addEventListener(name, () => mark(true));
        for (const name of ["pointerleave", "blur"]) c.addEventListener(name, () => mark(false));
      });
    tie(sound, clip, (i) => shown(spans[i]));
    tie(clip, sound, (i) => heard(times[i][0]));
  };

  // Returns the drawn medium, its cells in token order, and `tint(values)` which colours them by
  // share of the largest;
  // full colour takes at least four times an even share, so that even attention looks even and pale.
  FL.medium = (name, view) => {
    const drawn = kinds[view.kind](name, { ...view, media: FL.get("result")?.media?.[name] }),
      says = drawn.cells.map((c) => c.getAttribute("aria-label"));
    const tint = (values) => {
      const most = values ? Math.max(Math.min(1, 4 / values.length), ...values) : 1;
      drawn.cells.forEach((c, i) => {
        c.style.setProperty("--tint", values ? (values[i] / most).toFixed(3) : 0);
        c.setAttribute(
          "aria-label",
          values ? says[i] + t("list.comma") + FL.percent(values[i]) : says[i],
        );
        c.title = c.getAttribute("aria-label");
      });
    };
    return { ...drawn, says, tint };
  };
})();
