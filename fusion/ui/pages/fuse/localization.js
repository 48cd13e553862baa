// Where it is: box, mask and attention over the picture, for tasks that ask for a place.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const share = (v) => v * 100 + "%";
  const over = ([x0, y0, x1, y1]) => ({
    left: share(x0),
    top: share(y0),
    width: share(x1 - x0),
    height: share(y1 - y0),
  });

  // The box on anything that shows `extent` (x0, y0, x1, y1 in [0, 1] of the picture).
  FL.boxOn = (box, [x0, y0, x1, y1] = [0, 0, 1, 1]) =>
    el("div", {
      class: "fl-box",
      "aria-hidden": "true",
      style: over([
        (box[0] - x0) / (x1 - x0),
        (box[1] - y0) / (y1 - y0),
        (box[2] - x0) / (x1 - x0),
        (box[3] - y0) / (y1 - y0),
      ]),
    });

  // The mask as a tint in the colour of what is picked, over the square that the encoder read.
  const veil = ({ side, data }, extent, root) => {
    const canvas = el("canvas", {
        width: side,
        height: side,
        class: "fl-veil",
        style: over(extent),
        "aria-hidden": "true",
      }),
      pen = canvas.getContext("2d"),
      values = FL.shares(data);
    pen.fillStyle = getComputedStyle(root).getPropertyValue("--picked").trim() || "orange";
    values.forEach((v, i) => {
      pen.globalAlpha = v * 0.6;
      pen.fillRect(i % side, Math.floor(i / side), 1, 1);
    });
    return canvas;
  };
  const glow = ({ places, shares }) => {
    const values = FL.shares(shares),
      top = Math.max(4 / values.length, ...values);
    return places.map((p, i) =>
      el("div", {
        class: "fl-cell",
        "aria-hidden": "true",
        style: { ...over(p), "--tint": (values[i] / top).toFixed(3) },
      }),
    );
  };
  const region = ([x0, y0, x1, y1]) =>
    ["top", "middle", "bottom"][Math.min(2, Math.floor(((y0 + y1) / 2) * 3))] +
    "_" +
    ["left", "center", "right"][Math.min(2, Math.floor(((x0 + x1) / 2) * 3))];

  FL.whereSaid = (chosen) => {
    const { place } = chosen,
      label = FL.label(chosen.label);
    if (!place) return t("place.cannot");
    const found = FL.percent(place.found, 0);
    return place.box
      ? t("place.found", { label, region: t("place." + region(place.box)), found })
      : t("place.not_found", { label, found });
  };
  // Two small pictures side by side: what it marks, and what the question's tokens looked at.
  FL.where = (root, result, chosen) => {
    const url = result.media.image?.url,
      place = chosen.place,
      extent = result.encoder_views.image?.extent;
    if (!url) return null;
    const picture = (caption, layers, label) =>
      el(
        "figure",
        {},
        el(
          "div",
          { class: "fl-where", "data-there": String(!!place?.box) },
          el("img", { src: url, alt: label }),
          layers,
        ),
        el("figcaption", { class: "fl-muted" }, caption),
      );
    const box = () => (place?.box ? FL.boxOn(place.box) : null);
    const marked = [
      place?.mask ? veil(place.mask, extent, root) : null,
      box(),
      place && !place.box
        ? el("span", { class: "fl-absent", "aria-hidden": "true" }, t("place.absent"))
        : null,
    ];
    const looked = place?.asked
      ? picture(t("place.attention"), [...glow(place.asked), box()], t("place.attention"))
      : el(
          "figure",
          { class: "fl-none" },
          el("div", { class: "fl-where" }, el("p", {}, t("place.no_attention"))),
          el("figcaption", { class: "fl-muted" }, t("place.attention")),
        );
    return el(
      "div",
      { class: "fl-wheres" },
      picture(t("place.marked"), marked, FL.whereSaid(chosen)),
      looked,
    );
  };
})();
