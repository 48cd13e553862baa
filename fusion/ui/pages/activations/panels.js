// The activations of an encoder, one drawing per kind of panel, independent of the encoder.
(() => {
  const FL = window.FusionLab,
    { el, svg, t, tell } = FL;
  const share = (v) => (v * 100).toFixed(2) + "%",
    percent = (v) => Math.round(v * 100) + " %",
    clock = (s) => s.toFixed(2) + " s";
  const over = ([x0, y0, x1, y1]) => ({
    left: share(x0),
    top: share(y0),
    width: share(x1 - x0),
    height: share(y1 - y0),
  });
  const dot = " · ";

  // A drawing with its caption, its scale, a line that tells what is pointed at, and a table.
  const figure = (
    title,
    box,
    { note = "", scale = null, read = null, twin = null, wide = false } = {},
  ) =>
    el(
      "figure",
      { class: "fl-figure", "data-wide": String(wide) },
      el(
        "figcaption",
        {},
        el("h3", {}, title),
        note ? el("span", { class: "fl-muted" }, note) : null,
      ),
      box,
      scale || read ? el("p", { class: "fl-read" }, scale, read) : null,
      twin,
    );
  const reader = () => el("span", { class: "fl-said-number" });
  const shown = (p, drawn) =>
    p.total > drawn ? t("activations.shown", { shown: drawn, total: p.total }) : "";
  const table = (header, rows) => FL.twin(t("encoder_views.twin"), header, rows);
  // Calls moved(x, y) with the place in [0, 1] of the node that the pointer is over, and moved()
  // when it leaves.
  const point = (node, moved) => {
    node.addEventListener("pointermove", (event) => {
      const b = node.getBoundingClientRect();
      moved((event.clientX - b.left) / b.width, (event.clientY - b.top) / b.height);
    });
    node.addEventListener("pointerleave", () => moved());
  };

  // The picture with layers over it.
  const scene = (ctx, ...layers) => {
    const { width, height } = ctx.about;
    return el(
      "div",
      {
        class: "fl-scene",
        "data-small": String(width < 160),
        style: {
          "aspect-ratio": `${width} / ${height}`,
          "max-width": `${Math.round(300 * Math.max(0.3, Math.min(2.2, width / height)))}px`,
        },
      },
      el("img", { src: ctx.media.url, alt: t("modality.image") }),
      layers.flat(),
    );
  };
  const layer = (canvas, extent) => {
    canvas.classList.add("fl-overlay");
    Object.assign(canvas.style, over(extent.length === 4 ? extent : [0, 0, 1, 1]));
    return canvas;
  };
  const cells = (places, weights) => {
    const most = Math.max(Math.min(1, 4 / weights.length), ...weights);
    return places.map((p, i) =>
      el("div", {
        class: "fl-cell",
        "aria-hidden": "true",
        style: { ...over(p), "--tint": (weights[i] / most).toFixed(3) },
      }),
    );
  };
  // A strip of the clip's frames with something over each; all strips of a clip light up at the
  // time that is pointed at.
  const strip = (ctx, times, over_, pointed) => {
    const still = times.length > 1 && times.every((time) => time === times[0]); // many maps of one frame
    const { frames, times: known } = ctx.media,
      tall = `${ctx.about.width} / ${ctx.about.height}`;
    const all = times.map((time, i) =>
      el(
        "figure",
        {
          tabindex: -1,
          onpointerenter: () => {
            ctx.bus.set(time);
            pointed?.(i);
          },
          onpointerleave: () => {
            ctx.bus.set(null);
            pointed?.(-1);
          },
        },
        el(
          "div",
          { class: "fl-frame", style: { "aspect-ratio": tall } },
          el("img", {
            src: frames[FL.nearest(known, time)],
            alt: t("token.frame", { time: clock(time) }),
          }),
          over_(i),
        ),
        el("figcaption", { "aria-hidden": "true" }, still ? String(i + 1) : time.toFixed(2)),
      ),
    );
    ctx.bus.hear((time) => {
      const now = time === null ? -1 : FL.nearest(times, time);
      all.forEach((f, i) => f.toggleAttribute("data-now", !still && i === now));
    });
    return el("div", { class: "fl-film" }, all);
  };

  // Where a map is largest, and its numbers, for the table.
  const summary = (numbers, n) => {
    const [height, width] = numbers.shape.slice(-2),
      start = n * width * height;
    let best = 0,
      sum = 0,
      least = Infinity;
    for (let i = 0; i < width * height; i++) {
      const v = numbers.value(start + i);
      sum += v;
      least = Math.min(least, v);
      if (v > numbers.value(start + best)) best = i;
    }
    return [
      tell(least),
      tell(sum / (width * height)),
      tell(numbers.value(start + best)),
      `${percent(((best % width) + 0.5) / width)}, ${percent((Math.floor(best / width) + 0.5) / height)}`,
    ];
  };
  const maps = (p, ctx) => {
    const numbers = FL.numbers(p),
      [count, height, width] = p.shape,
      title = FL.caption(p.title),
      read = reader();
    const name = (n) => {
      if (p.names[n]) return p.names[n];
      if (new Set(p.times).size > 1) return t("token.frame", { time: clock(p.times[n]) });
      return count > 1 ? t("activations.map", { number: n + 1, total: count }) : title;
    };
    const twin = table(
      [
        t("activations.which"),
        t("activations.least"),
        t("activations.mean"),
        t("activations.most"),
        t("activations.where"),
      ],
      () => Array.from({ length: count }, (_, n) => [name(n), ...summary(numbers, n)]),
    );
    const extra = { note: shown(p, count), scale: FL.scale(numbers), read, twin };
    if (p.times.length && ctx.media.frames) {
      const film = strip(
        ctx,
        p.times,
        (i) => layer(FL.paint(numbers, title + t("list.comma") + name(i), i), p.extent),
        (i) => {
          read.textContent =
            i < 0 ? "" : name(i) + dot + t("activations.most") + " " + summary(numbers, i)[2];
        },
      );
      return figure(title, film, { ...extra, wide: true });
    }
    if (!ctx.media.url) return null;
    let chosen = 0;
    const stage = scene(ctx),
      [x0, y0, x1, y1] = p.extent.length === 4 ? p.extent : [0, 0, 1, 1];
    const put = (n) => {
      chosen = n;
      stage.querySelector(".fl-overlay")?.remove();
      stage.append(
        layer(FL.paint(numbers, title + (count > 1 ? t("list.comma") + name(n) : ""), n), p.extent),
      );
      thumbs.forEach((b, i) => b.setAttribute("aria-pressed", String(i === n)));
    };
    const thumbs =
      count < 2
        ? []
        : Array.from({ length: count }, (_, n) =>
            el(
              "button",
              {
                type: "button",
                class: "fl-thumb",
                title: name(n),
                "aria-label": name(n),
                onclick: () => put(n),
                onpointerenter: () => put(n),
              },
              FL.paint(numbers, "", n),
            ),
          );
    thumbs.forEach((b) => {
      b.firstChild.setAttribute("aria-hidden", "true");
      b.firstChild.removeAttribute("role");
    });
    const rack = thumbs.length
      ? el("div", { class: "fl-thumbs", role: "group", "aria-label": title }, thumbs)
      : null;
    if (rack) FL.rove(rack, thumbs, 8, 0);
    put(0);
    point(stage, (x, y) => {
      const column = Math.floor(((x - x0) / (x1 - x0)) * width),
        row = Math.floor(((y - y0) / (y1 - y0)) * height);
      const inside = column >= 0 && row >= 0 && column < width && row < height;
      read.textContent = inside
        ? `${percent(x)}, ${percent(y)}${dot}${tell(numbers.value((chosen * height + row) * width + column))}`
        : "";
    });
    return figure(title, el("div", {}, stage, rack), extra);
  };

  const keypoints = (p, ctx) => {
    if (!ctx.media.url) return null;
    const { width, height } = ctx.about,
      size = Math.max(width, height),
      read = reader(),
      most = Math.max(1e-9, ...p.rows.map((r) => r[4]));
    const mark = ([x, y, radius, angle, strength]) => {
      const cx = x * width,
        cy = y * height,
        r = Math.max(radius * size, size / 120);
      return svg(
        "g",
        { class: "fl-keypoint", opacity: (0.45 + 0.55 * (strength / most)).toFixed(2) },
        ["fl-halo", "fl-ring"].map((kind) =>
          svg(
            "g",
            { class: kind },
            svg("circle", { cx, cy, r }),
            svg("line", {
              x1: cx,
              y1: cy,
              x2: cx + r * Math.cos(angle),
              y2: cy + r * Math.sin(angle),
            }),
          ),
        ),
      );
    };
    const marks = p.rows.map(mark),
      degrees = (a) => Math.round((a * 180) / Math.PI) + "°";
    const stage = scene(
      ctx,
      svg(
        "svg",
        {
          viewBox: `0 0 ${width} ${height}`,
          class: "fl-marks",
          role: "img",
          "aria-label": t("activations.keypoints", { count: p.rows.length }),
        },
        marks,
      ),
    );
    point(stage, (x, y) => {
      const far = ([px, py]) => ((px - x) * width) ** 2 + ((py - y) * height) ** 2,
        best =
          x === undefined || !p.rows.length
            ? -1
            : p.rows.reduce((b, r, i) => (far(r) < far(p.rows[b]) ? i : b), 0);
      marks.forEach((m, i) => m.toggleAttribute("data-now", i === best));
      const r = p.rows[best];
      read.textContent = r
        ? t("activations.keypoint", {
            x: percent(r[0]),
            y: percent(r[1]),
            size: percent(r[2]),
            angle: degrees(r[3]),
            strength: tell(r[4]),
          })
        : "";
    });
    const header = [
      "x",
      "y",
      t("activations.radius"),
      t("activations.angle"),
      t("activations.strength"),
    ];
    return figure(FL.caption(p.title), stage, {
      scale: el(
        "span",
        {},
        shown(p, p.rows.length) || t("activations.keypoints", { count: p.rows.length }),
      ),
      read,
      twin: table(header, () =>
        p.rows.map((r) => [percent(r[0]), percent(r[1]), percent(r[2]), degrees(r[3]), tell(r[4])]),
      ),
    });
  };

  const arrows = (p, ctx) => {
    if (!ctx.media.frames) return null;
    const numbers = FL.numbers(p),
      [, side] = p.shape,
      [x0, y0, x1, y1] = p.extent.length === 4 ? p.extent : [0, 0, 1, 1],
      read = reader(),
      { width, height } = ctx.about;
    const at = (n, k) => [
        numbers.value((n * side * side + k) * 2),
        numbers.value((n * side * side + k) * 2 + 1),
      ],
      speed = ([dx, dy]) => Math.hypot(dx, dy);
    const all = Array.from({ length: p.shape[0] * side * side }, (_, i) => speed(at(0, i))),
      top = Math.max(1e-9, ...all),
      step = (Math.min(width * (x1 - x0), height * (y1 - y0)) / side) * 1.3;
    const drawn = (n) =>
      Array.from({ length: side * side }, (_, k) => {
        const [dx, dy] = at(n, k),
          fast = speed([dx, dy]);
        if (fast < top * 0.04) return "";
        const x = (x0 + (((k % side) + 0.5) / side) * (x1 - x0)) * width,
          y = (y0 + ((Math.floor(k / side) + 0.5) / side) * (y1 - y0)) * height;
        const ex = x + (dx / top) * step,
          ey = y + (dy / top) * step,
          turn = Math.atan2(dy, dx),
          head = Math.max(1, (fast / top) * step * 0.38),
          wing = (a) =>
            `${(ex - head * Math.cos(turn + a)).toFixed(1)} ${(ey - head * Math.sin(turn + a)).toFixed(1)}`;
        const tail = `${x.toFixed(1)} ${y.toFixed(1)}`,
          tip = `${ex.toFixed(1)} ${ey.toFixed(1)}`;
        return `M${tail}L${tip}M${wing(0.5)}L${tip}L${wing(-0.5)}`;
      }).join("");
    const means = (n) =>
      [...Array(side * side).keys()].reduce(
        (s, k) => {
          const [dx, dy] = at(n, k);
          return [s[0] + dx / side ** 2, s[1] + dy / side ** 2, s[2] + speed([dx, dy]) / side ** 2];
        },
        [0, 0, 0],
      );
    const line = (n) =>
      t("activations.motion", { time: clock(p.times[n]), speed: tell(means(n)[2]) });
    const flow = (n) => {
      const d = drawn(n);
      return svg(
        "svg",
        { viewBox: `0 0 ${width} ${height}`, class: "fl-marks fl-arrows", "aria-hidden": "true" },
        svg("path", { class: "fl-halo", d }),
        svg("path", { class: "fl-ring", d }),
      );
    };
    return figure(
      FL.caption(p.title),
      strip(ctx, p.times, flow, (i) => {
        read.textContent = i < 0 ? "" : line(i);
      }),
      {
        wide: true,
        note: shown(p, p.times.length),
        read,
        scale: el("span", {}, t("activations.longest", { speed: tell(top) })),
        twin: table(
          [
            t("activations.time_of"),
            t("activations.speed"),
            t("activations.to_right"),
            t("activations.to_bottom"),
          ],
          () =>
            p.times.map((time, n) => {
              const [dx, dy, fast] = means(n);
              return [clock(time), tell(fast), tell(dx), tell(dy)];
            }),
        ),
      },
    );
  };

  const bars = (p) => {
    const numbers = FL.numbers(p),
      count = p.shape[0],
      values = Array.from({ length: count }, (_, i) => numbers.value(i)),
      most = Math.max(1e-9, ...values.map(Math.abs)),
      title = FL.caption(p.title),
      read = reader();
    const twin = table([t("activations.which"), t("activations.value")], () =>
      values.map((v, i) => [p.names[i] ?? i + 1, tell(v)]),
    );
    if (p.names.length) {
      const bar = (v) =>
        p.signed
          ? el(
              "span",
              { class: "fl-balance" },
              el("i", {
                "data-sign": v < 0 ? "minus" : "plus",
                style: {
                  left: (v < 0 ? 50 - (50 * -v) / most : 50) + "%",
                  width: (50 * Math.abs(v)) / most + "%",
                },
              }),
            )
          : el("span", { class: "fl-bar", style: { "--share": v / most } });
      return figure(
        title,
        el(
          "ul",
          { class: "fl-named" },
          values.map((v, i) =>
            el(
              "li",
              {},
              el("span", { title: p.names[i] }, p.names[i]),
              bar(v),
              el("span", { class: "fl-number" }, tell(v)),
            ),
          ),
        ),
        { note: shown(p, count), wide: p.names.some((n) => n.length > 14) },
      );
    }
    const H = 96,
      rects = values.map((v, i) => {
        const zero = p.signed ? H / 2 : H, // from where a bar rises or hangs
          h = Math.max(0.5, (Math.abs(v) / most) * zero),
          hangs = p.signed && v <= 0,
          sign = hangs ? "fl-minus" : "fl-plus";
        return svg("rect", {
          x: i,
          width: count > 150 ? 1 : 0.86,
          y: hangs ? zero : zero - h,
          height: h,
          class: p.signed ? sign : "fl-amount",
        });
      });
    const box = el(
      "div",
      { class: "fl-histogram" },
      svg(
        "svg",
        {
          viewBox: `0 0 ${count} ${H}`,
          preserveAspectRatio: "none",
          role: "img",
          "aria-label": title,
        },
        rects,
      ),
      el(
        "div",
        { class: "fl-ends", "aria-hidden": "true" },
        el("span", {}, "1"),
        el("span", {}, String(count)),
      ),
    );
    point(box, (x) => {
      const i = x === undefined ? -1 : Math.min(count - 1, Math.max(0, Math.floor(x * count)));
      rects.forEach((r, k) => r.toggleAttribute("data-now", k === i));
      read.textContent = i < 0 ? "" : `#${i + 1}${dot}${tell(values[i])}`;
    });
    return figure(title, box, {
      note: shown(p, count),
      read,
      scale: el("span", {}, t("activations.highest", { value: tell(Math.max(...values)) })),
      twin,
    });
  };

  // Words of the text down, things across: a table that is its own twin.
  const words = (p, ctx) => {
    const numbers = FL.numbers(p),
      [rows, columns] = p.shape,
      most = Math.max(1e-9, Math.abs(numbers.low), Math.abs(numbers.high)),
      letters = Array.from(ctx.media || "");
    const word = (i) => {
      const place = ctx.side.places[i];
      return (place && letters.slice(place[0], place[1]).join("")) || "∅";
    };
    const sign = (v) => (v < 0 ? "minus" : "plus"),
      brief = (v) => (v < 0 ? "−" : "") + Math.abs(v).toFixed(2);
    const cell = (v) =>
      el(
        "td",
        {
          "data-sign": p.signed ? sign(v) : "none",
          style: { "--tint": (Math.abs(v) / most).toFixed(3) },
        },
        Math.abs(v) < 10 ? brief(v) : tell(v),
      );
    const grid = el(
      "table",
      { class: "fl-weights", "data-few": String(columns < 6) },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          el("th", { scope: "col" }, t("encoder_views.token")),
          p.names.map((n) => el("th", { scope: "col", title: n }, el("span", {}, n))),
        ),
      ),
      el(
        "tbody",
        {},
        Array.from({ length: rows }, (_, i) =>
          el(
            "tr",
            {},
            el("th", { scope: "row" }, word(i)),
            Array.from({ length: columns }).map((__, k) => cell(numbers.value(i * columns + k))),
          ),
        ),
      ),
    );
    return figure(
      FL.caption(p.title),
      el(
        "div",
        {
          class: "fl-scroll fl-tall",
          tabindex: 0,
          role: "region",
          "aria-label": FL.caption(p.title),
        },
        grid,
      ),
      { note: shown(p, columns), wide: true },
    );
  };

  // A medium other than sound in time: its own small stack of tracks.
  const series = (p, ctx) => {
    const [from, to] = p.extent.length === 2 ? p.extent : [0, 1];
    return figure(
      FL.caption(p.title),
      FL.tracks({ range: [from, to], groups: [{ panels: [p], bare: true }], bus: ctx.bus }),
      { wide: true },
    );
  };
  const KINDS = { maps, keypoints, arrows, series, bars, words };

  // Tokens over their medium, tinted by how much of the vector each carries.
  const tokens = (ctx) => {
    const { side } = ctx,
      weights = FL.shares(side.weights),
      read = reader(),
      title = t("activations.tokens"),
      spot = (p) => `${percent((p[0] + p[2]) / 2)}, ${percent((p[1] + p[3]) / 2)}`;
    const say = (label, i) =>
      [
        label,
        `${t("encoder_views.weight")} ${FL.percent(weights[i])}`,
        `${t("encoder_views.norm")} ${side.norms[i].toFixed(2)}`,
      ].join(dot);
    const named = {
      grid: (p) => spot(p),
      seconds: (p) => FL.span(p, ctx.about?.seconds),
      frames: (p) => clock(p[0]) + (p[3] - p[1] < 0.99 ? dot + spot(p.slice(1)) : ""),
      characters: (p) =>
        t("token.word", {
          word:
            Array.from(ctx.media || "")
              .slice(p[0], p[1])
              .join("") || "∅",
        }),
    }[side.kind];
    const twin = table(
      [t("encoder_views.token"), t("encoder_views.weight"), t("encoder_views.norm")],
      () =>
        side.places.map((p, i) => [named(p), FL.percent(weights[i], 2), side.norms[i].toFixed(2)]),
    );
    const note = t("activations.evenly", { share: FL.percent(1 / weights.length) });
    if (side.kind === "grid" && ctx.media.url) {
      const stage = scene(ctx, cells(side.places, weights));
      point(stage, (x, y) => {
        const i = side.places.findIndex((p) => x >= p[0] && x < p[2] && y >= p[1] && y < p[3]);
        read.textContent = i < 0 ? "" : say(named(side.places[i]), i);
      });
      return figure(title, stage, { read, scale: el("span", {}, note), twin });
    }
    if (side.kind === "frames" && ctx.media.frames) {
      const times = [...new Set(side.places.map((p) => p[0]))],
        kept = times.filter(
          (_, i) =>
            i === 0 ||
            Math.floor((i * 12) / times.length) !== Math.floor(((i - 1) * 12) / times.length),
        ),
        most = Math.max(Math.min(1, 4 / weights.length), ...weights);
      const at = (time) => side.places.map((p, i) => [p, i]).filter(([p]) => p[0] === time),
        sum = (time) => at(time).reduce((s, [, i]) => s + weights[i], 0);
      const film = strip(
        ctx,
        kept,
        (n) =>
          at(kept[n]).map(([p, i]) =>
            el("div", {
              class: "fl-cell",
              "aria-hidden": "true",
              style: { ...over(p.slice(1)), "--tint": (weights[i] / most).toFixed(3) },
            }),
          ),
        (n) => {
          read.textContent =
            n < 0
              ? ""
              : `${clock(kept[n])}${dot}${t("encoder_views.weight")} ${FL.percent(sum(kept[n]))}`;
        },
      );
      return figure(title, film, { read, scale: el("span", {}, note), twin, wide: true });
    }
    if (side.kind === "characters") {
      const drawn = FL.medium("text", {
        kind: "characters",
        places: side.places,
        text: ctx.media || "",
      });
      drawn.tint(weights);
      drawn.cells.forEach((c, i) => {
        c.removeAttribute("role");
        c.removeAttribute("aria-label");
        c.title = say(named(side.places[i]), i);
        c.addEventListener("pointerenter", () => {
          read.textContent = c.title;
        });
      });
      return figure(title, drawn.box, { read, scale: el("span", {}, note), twin, wide: true });
    }
    return null;
  };

  FL.panels = {
    tokens,
    of: (panel, ctx) => (KINDS[panel.kind] ? KINDS[panel.kind](panel, ctx) : null),
    figure,
    reader,
    point,
  };
})();
