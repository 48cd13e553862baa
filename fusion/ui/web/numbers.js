// Packed numbers: reading them, their colours on one scale, and saying them. One hue for amounts;
// orange and blue only for signed values.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const STOPS = {
    light: {
      plain: [
        [247, 250, 252],
        [134, 196, 226],
        [11, 120, 168],
        [6, 42, 68],
      ],
      signed: [
        [176, 74, 4],
        [240, 164, 104],
        [240, 242, 245],
        [128, 168, 224],
        [36, 78, 160],
      ],
    },
    dark: {
      plain: [
        [16, 24, 31],
        [18, 86, 122],
        [64, 188, 240],
        [226, 246, 255],
      ],
      signed: [
        [255, 170, 90],
        [150, 84, 30],
        [30, 38, 46],
        [52, 88, 150],
        [140, 184, 255],
      ],
    },
  };
  const GREY = [
    [0, 0, 0],
    [255, 255, 255],
  ]; // of pictures: what is light stays light
  const stops = (numbers) =>
    numbers.grey
      ? GREY
      : STOPS[document.body.classList.contains("dark") ? "dark" : "light"][
          numbers.signed ? "signed" : "plain"
        ];
  const mix = (table, share) => {
    const at = share * (table.length - 1),
      i = Math.min(table.length - 2, Math.floor(at));
    return table[i].map((v, k) => Math.round(v + (table[i + 1][k] - v) * (at - i)));
  };

  // {shape, low, high, steps, data} with `value(i)`, number i in the order of the array.
  FL.numbers = (packed) => {
    const raw = FL.bytes(packed.data),
      levels = packed.steps > 255 ? new Uint16Array(raw.buffer) : raw,
      { low, high, steps } = packed;
    return { ...packed, levels, value: (i) => low + (levels[i] / steps) * (high - low) };
  };
  // Three digits that matter.
  const unsigned = (size) => {
    if (size === 0) return "0";
    if (size >= 1e5 || size < 1e-3) return size.toExponential(1);
    const decimals = 3 - [1, 10, 100].filter((limit) => size >= limit).length;
    return size.toFixed(decimals);
  };
  FL.tell = (v) => (v < 0 ? "−" : "") + unsigned(Math.abs(v));
  // Map n of an array (N, H, W) on a canvas of its own size; `flip` puts row 0 at the bottom, as
  // frequencies are read.
  FL.paint = (numbers, label, n = 0, flip = false) => {
    const [height, width] = numbers.shape.slice(-2),
      canvas = el("canvas", { width, height, role: "img", "aria-label": label, class: "fl-array" });
    const table = stops(numbers),
      colours = Array.from({ length: 256 }, (_, i) => mix(table, i / 255)),
      start = n * width * height;
    const pen = canvas.getContext("2d"),
      picture = pen.createImageData(width, height);
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const level = numbers.levels[start + (flip ? height - 1 - y : y) * width + x];
        picture.data.set(
          [...colours[Math.round((level / numbers.steps) * 255)], 255],
          4 * (y * width + x),
        );
      }
    pen.putImageData(picture, 0, 0);
    return canvas;
  };
  // The scale of the colours with its two ends.
  FL.scale = (numbers) =>
    el(
      "span",
      { class: "fl-ramp" },
      el("span", {}, FL.tell(numbers.low)),
      el("i", {
        style: {
          background: `linear-gradient(to right, ${stops(numbers)
            .map((c) => `rgb(${c.join(" ")})`)
            .join(", ")})`,
        },
        "aria-hidden": "true",
      }),
      el("span", {}, FL.tell(numbers.high)),
    );
  FL.caption = (title) => (FL.has("panel." + title) ? t("panel." + title) : title);
  FL.nearest = (times, at) =>
    times.reduce((best, v, i) => (Math.abs(v - at) < Math.abs(times[best] - at) ? i : best), 0);
})();
