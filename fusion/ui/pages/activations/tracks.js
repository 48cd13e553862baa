// Tracks over time on one axis: waveform, tokens and features of both encoders, with one cursor.
(() => {
  const FL = window.FusionLab,
    { el, svg, t, tell } = FL;
  const clock = (s) => s.toFixed(2) + " s";

  // Where a time is pointed at; null when nowhere. Listeners that have left the page are forgotten.
  FL.clock = () => {
    let hearers = [];
    return {
      now: null,
      hear: (hearer) => hearers.push(hearer),
      set(time, from = null) {
        this.now = time;
        hearers.forEach((h) => h(time, from));
      },
      clear: () => {
        hearers = [];
      },
    };
  };

  const across = (from, to, range) => ({
    left: (((from - range[0]) / (range[1] - range[0])) * 100).toFixed(3) + "%",
    width: (((to - from) / (range[1] - range[0])) * 100).toFixed(3) + "%",
  });
  // Row names beside a track, as many as fit.
  const labels = (names, rows, height) => {
    if (!names.length) return [];
    const at = (i) =>
        names.length === rows ? i : (i * (rows - 1)) / Math.max(1, names.length - 1),
      given = names.map((name, i) => [name, at(i)]).filter(([name]) => name),
      most = Math.max(2, Math.floor(height / 14)),
      every = Math.ceil(given.length / most);
    return given
      .filter((_, i) => i % every === 0)
      .map(([name, row]) =>
        el("span", { style: { bottom: (((row + 0.5) / rows) * 100).toFixed(2) + "%" } }, name),
      );
  };

  // A row is {title, height, names, rows, draw (nodes in the plot), read(time, y)}; y in [0, 1]
  // from the bottom, or null where another row is pointed at.
  const wave = (packed, seconds, range) => {
    const numbers = FL.numbers({ ...packed, signed: true }),
      count = packed.shape[0],
      most = Math.max(Math.abs(numbers.low), numbers.high, 1e-6),
      y = (v) => (50 - (48 * v) / most).toFixed(1);
    const top = Array.from({ length: count }, (_, i) => `${i} ${y(numbers.value(2 * i + 1))}`),
      low = Array.from(
        { length: count },
        (_, i) => `${count - 1 - i} ${y(numbers.value(2 * (count - 1 - i)))}`,
      );
    return {
      title: t("activations.waveform"),
      height: 60,
      names: [],
      rows: 1,
      read: (time) => {
        const i = Math.floor((time / seconds) * count);
        return i >= 0 && i < count
          ? tell(Math.max(Math.abs(numbers.value(2 * i)), Math.abs(numbers.value(2 * i + 1))))
          : "";
      },
      draw: el(
        "div",
        { class: "fl-run", style: across(0, seconds, range) },
        svg(
          "svg",
          {
            viewBox: `0 0 ${Math.max(1, count - 1)} 100`,
            preserveAspectRatio: "none",
            class: "fl-waveform",
            role: "img",
            "aria-label": t("audio.label"),
          },
          svg("path", { d: `M${top.join("L")}L${low.join("L")}Z` }),
        ),
      ),
    };
  };
  const tokens = (side, range) => {
    const weights = FL.shares(side.weights),
      most = Math.max(Math.min(1, 4 / weights.length), ...weights),
      at = (time) => side.places.findIndex((p) => time >= p[0] && time < p[1]);
    return {
      title: t("activations.tokens"),
      height: 36,
      names: [],
      rows: 1,
      draw: side.places.map((p, i) =>
        el("div", {
          class: "fl-run fl-token",
          style: { ...across(p[0], p[1], range), "--tint": (weights[i] / most).toFixed(3) },
        }),
      ),
      read: (time) => {
        const i = at(time);
        return i < 0
          ? ""
          : `${FL.percent(weights[i])} · ${t("encoder_views.norm")} ${side.norms[i].toFixed(2)}`;
      },
    };
  };
  const series = (p, range, bare) => {
    const numbers = FL.numbers(p),
      [rows, columns] = p.shape,
      [from, to] = p.extent,
      title = FL.caption(p.title),
      height = rows <= 3 ? 52 : Math.round(Math.max(56, Math.min(132, rows * 2.4)));
    const column = (time) => Math.floor(((time - from) / (to - from)) * columns),
      name = (row) => (p.names.length === rows && p.names[row]) || "#" + (row + 1);
    const near = (row) => {
      if (p.names.length !== rows || p.names[row]) return name(row);
      let best = -1;
      p.names.forEach((n, i) => {
        if (n && (best < 0 || Math.abs(i - row) < Math.abs(best - row))) best = i;
      });
      return best < 0 ? name(row) : `#${row + 1} ≈ ${p.names[best]}`;
    };
    const read = (time, y) => {
      const i = column(time);
      if (i < 0 || i >= columns) return "";
      const at = (row) => numbers.value(row * columns + i);
      if (rows === 1) return tell(at(0));
      const row =
        y === null
          ? [...Array(rows).keys()].reduce((b, r) => (Math.abs(at(r)) > Math.abs(at(b)) ? r : b), 0)
          : Math.min(rows - 1, Math.max(0, Math.floor(y * rows)));
      return `${y === null ? t("activations.peak") + " " : ""}${near(row)}: ${tell(at(row))}`;
    };
    const span = Math.max(1e-12, numbers.high - numbers.low),
      place = (row, i) => 96 - (92 * (numbers.value(row * columns + i) - numbers.low)) / span,
      line = (row) => {
        const point = (_, i) => `${i + 0.5} ${place(row, i).toFixed(1)}`;
        return svg("path", { d: "M" + Array.from({ length: columns }, point).join("L") });
      };
    const drawn =
      rows <= 3
        ? svg(
            "svg",
            {
              viewBox: `0 0 ${columns} 100`,
              preserveAspectRatio: "none",
              class: "fl-lines",
              role: "img",
              "aria-label": title,
            },
            Array.from({ length: rows }, (_, r) => line(r)),
          )
        : FL.paint(numbers, title, 0, true);
    const twin = FL.twin(
      bare ? t("encoder_views.twin") : title,
      [
        t("activations.which"),
        t("activations.least"),
        t("activations.mean"),
        t("activations.most"),
        t("activations.when"),
      ],
      () =>
        Array.from({ length: rows }, (_, r) => {
          const row = Array.from({ length: columns }),
            values = row.map((__, i) => numbers.value(r * columns + i)),
            best = values.indexOf(Math.max(...values));
          return [
            name(r),
            tell(Math.min(...values)),
            tell(values.reduce((a, b) => a + b, 0) / columns),
            tell(values[best]),
            clock(from + ((best + 0.5) / columns) * (to - from)),
          ];
        }),
    );
    return {
      title,
      note: p.total > rows ? t("activations.shown", { shown: rows, total: p.total }) : "",
      height,
      names: p.names,
      rows,
      scale:
        rows > 3
          ? FL.scale(numbers)
          : el("span", { class: "fl-ramp" }, tell(numbers.low), " – ", tell(numbers.high)),
      draw: el("div", { class: "fl-run", style: across(from, to, range) }, drawn),
      read,
      twin,
    };
  };

  // The cursor answers to the keyboard, too: arrow keys on the first track.
  const slider = (plot, box, [from, to], bus) => {
    const said = (head) =>
      [head.querySelector("b")?.textContent, head.querySelector(".fl-number").textContent]
        .filter(Boolean)
        .join(": ");
    const set = (attributes) =>
      Object.entries(attributes).forEach(([key, value]) => plot.setAttribute(key, value));
    set({
      tabindex: 0,
      role: "slider",
      "aria-label": t("activations.cursor"),
      "aria-valuemin": from.toFixed(2),
      "aria-valuemax": to.toFixed(2),
      "aria-valuenow": from.toFixed(2),
    });
    plot.addEventListener("keydown", (event) => {
      const now = bus.now ?? from,
        next = {
          ArrowLeft: now - (to - from) / 100,
          ArrowRight: now + (to - from) / 100,
          Home: from,
          End: to,
        }[event.key];
      if (next === undefined) return;
      event.preventDefault();
      bus.set(Math.min(to, Math.max(from, next)));
      set({
        "aria-valuenow": bus.now.toFixed(2),
        "aria-valuetext": [...box.querySelectorAll(".fl-lane-head")].map(said).join("; "),
      });
    });
    plot.addEventListener("blur", () => bus.set(null));
  };

  // `groups` [{title, side, panels}]; `bare` leaves out titles that stand elsewhere; `about` brings
  // the waveform.
  FL.tracks = ({ range, groups, bus, about = null }) => {
    const [from, to] = range,
      plots = [];
    const row = (r, bare) => {
      const value = el("span", { class: "fl-number" }),
        now = el("i", { class: "fl-now", hidden: true, "aria-hidden": "true" });
      const plot = el("div", { class: "fl-plot", style: { height: r.height + "px" } }, r.draw, now);
      const point = (event) => {
        const b = plot.getBoundingClientRect();
        bus.set(from + ((event.clientX - b.left) / b.width) * (to - from), {
          plot,
          y: 1 - (event.clientY - b.top) / b.height,
        });
      };
      plot.addEventListener("pointermove", point);
      plot.addEventListener("pointerdown", point);
      plot.addEventListener("pointerleave", (event) => {
        if (event.pointerType === "mouse") bus.set(null);
      });
      bus.hear((time, source) => {
        const here = time !== null && time >= from && time <= to;
        now.hidden = !here;
        if (here) now.style.left = ((time - from) / (to - from)) * 100 + "%";
        value.textContent = here
          ? `${clock(time)} · ${r.read(time, source?.plot === plot ? source.y : null)}`
          : "";
      });
      plots.push(plot);
      return el(
        "div",
        { class: "fl-lane" },
        el(
          "p",
          { class: "fl-lane-head" },
          bare ? null : el("b", {}, r.title),
          r.note ? el("span", { class: "fl-muted" }, r.note) : null,
          r.scale || null,
          value,
        ),
        el(
          "div",
          { class: "fl-rows", "aria-hidden": "true", style: { height: r.height + "px" } },
          labels(r.names, r.rows, r.height),
        ),
        plot,
      );
    };
    const step =
        [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((s) => (to - from) / s <= 9) || 30,
      ticks = [];
    for (let s = Math.ceil(from / step - 1e-6) * step; s <= to + 1e-6; s += step)
      ticks.push(
        el("span", { style: { left: across(s, s, range).left } }, s.toFixed(step < 0.1 ? 2 : 1)),
      );
    const first = about ? row(wave(about.wave, about.seconds, range)) : null,
      twins = [];
    const made = groups.map((g) => {
      const all = [
        ...(g.side ? [tokens(g.side, range)] : []),
        ...g.panels.map((p) => series(p, range, g.bare)),
      ];
      twins.push(...all.map((r) => r.twin).filter(Boolean));
      return el(
        "div",
        { class: "fl-track-group" },
        g.title ? el("h3", {}, g.title) : null,
        all.map((r) => row(r, g.bare)),
      );
    });
    const axis = el(
      "div",
      { class: "fl-lane" },
      el("div", { class: "fl-axis", "aria-hidden": "true" }, ticks, el("i", {}, "s")),
    );
    const box = el(
      "div",
      { class: "fl-tracks" },
      first,
      made,
      axis,
      el("div", { class: "fl-twins" }, twins),
    );
    if (plots.length) slider(plots[0], box, range, bus);
    return box;
  };
})();
