// Attention between modalities: pick a token anywhere and see what it reads in the other media, or
// who reads it. No round trip.
(() => {
  const FL = window.FusionLab,
    { el, svg, t, told } = FL;
  // Decoded once per result: {"image>text": {shares, layers, heads, queries, keys}}.
  const decode = (pairs) =>
    Object.fromEntries(
      Object.entries(pairs).map(([key, p]) => [key, { ...p, shares: FL.shares(p.data) }]),
    );
  // One row (what query q reads) or one column (who reads key k), for a layer and head or their mean (-1).
  const slice = (pair, layer, head, token, column) => {
    const layers = layer < 0 ? [...Array(pair.layers).keys()] : [layer],
      heads = head < 0 ? [...Array(pair.heads).keys()] : [head];
    const out = new Float32Array(column ? pair.queries : pair.keys),
      maps = layers.length * heads.length;
    for (const l of layers)
      for (const h of heads) {
        const start = (l * pair.heads + h) * pair.queries * pair.keys;
        for (let i = 0; i < out.length; i++)
          out[i] +=
            pair.shares[start + (column ? i * pair.keys + token : token * pair.keys + i)] / maps;
      }
    return out;
  };

  // Layer by head, with their means first: each button picks a map and is tinted by how strongly
  // that map points at single tokens.
  const selector = (layers, heads, state, redraw) => {
    const name = (i, word) => (i < 0 ? t("attention.mean") : `${t(word)} ${i + 1}`),
      range = (n) => Array.from({ length: n + 1 }, (_, i) => i - 1);
    const maps = range(layers).flatMap((layer) =>
      range(heads).map((head) => ({
        layer,
        head,
        node: el("button", {
          type: "button",
          class: "fl-map",
          role: "gridcell",
          onclick: () => {
            Object.assign(state, { layer, head });
            redraw();
          },
        }),
      })),
    );
    const row = (layer) =>
      el(
        "div",
        { role: "row", class: "fl-row" },
        el("span", { role: "rowheader" }, name(layer, "attention.layer")),
        maps.filter((m) => m.layer === layer).map((m) => m.node),
      );
    const grid = el(
      "div",
      {
        class: "fl-maps",
        role: "grid",
        "aria-label": t("attention.maps"),
        style: { "--columns": heads + 1 },
      },
      el(
        "div",
        { role: "row", class: "fl-row" },
        el("span", {}),
        range(heads).map((head) =>
          el("span", { role: "columnheader" }, name(head, "attention.head")),
        ),
      ),
      range(layers).map(row),
    );
    const aim = FL.rove(
      grid,
      maps.map((m) => m.node),
      heads + 1,
      0,
    );
    const ways = [t("attention.reads"), t("attention.read_by")].map((text, i) =>
      el(
        "button",
        {
          type: "button",
          class: "fl-chip",
          "aria-pressed": "false",
          onclick: () => {
            state.back = i === 1;
            redraw();
          },
        },
        text,
      ),
    );
    const sync = (strength) => {
      maps.forEach((m, i) => {
        const value = strength(m.layer, m.head),
          chosen = m.layer === state.layer && m.head === state.head;
        m.node.style.setProperty("--tint", value.toFixed(3));
        m.node.setAttribute("aria-selected", String(chosen));
        m.node.setAttribute(
          "aria-label",
          t("attention.map", {
            layer: name(m.layer, "attention.layer"),
            head: name(m.head, "attention.head"),
            share: FL.percent(value, 0),
          }),
        );
        m.node.title = m.node.getAttribute("aria-label");
        if (chosen) aim(i);
      });
      ways.forEach((way, i) => way.setAttribute("aria-pressed", String(state.back === (i === 1))));
    };
    return {
      box: el(
        "div",
        { class: "fl-selectors" },
        grid,
        el(
          "div",
          { class: "fl-ways" },
          el(
            "div",
            { class: "fl-chips", role: "group", "aria-label": t("attention.direction") },
            ways,
          ),
          el("p", { class: "fl-muted" }, t("attention.maps_note")),
        ),
      ),
      sync,
    };
  };

  // A line from the picked token to the token of each other medium that holds most of its
  // attention, drawn over the panels.
  const threads = (panels, picked, ends) => {
    panels.querySelector(".fl-threads")?.remove();
    if (!panels.isConnected) return;
    const frame = panels.getBoundingClientRect(),
      middle = (node) => {
        const b = node.getBoundingClientRect(),
          low = node.classList.contains("fl-word") ? b.height : b.height / 2; // a word stays readable
        return [b.x + b.width / 2 - frame.x, b.y + low - frame.y];
      };
    const [x0, y0] = middle(picked);
    panels.append(
      svg(
        "svg",
        { class: "fl-threads", "aria-hidden": "true", width: frame.width, height: frame.height },
        ends
          .map(([node, share]) => {
            const [x1, y1] = middle(node),
              bend = Math.min(60, Math.abs(x1 - x0) / 4);
            return [
              svg("path", {
                d: `M${x0} ${y0}C${(x0 + x1) / 2} ${y0 + bend} ${(x0 + x1) / 2} ${y1 + bend} ${x1} ${y1}`,
                "stroke-width": (1.5 + 4 * share).toFixed(1),
              }),
              svg("circle", { cx: x1, cy: y1, r: 4 }),
            ];
          })
          .flat(),
        svg("circle", { cx: x0, cy: y0, r: 4 }),
      ),
    );
  };

  // One observer for the panels on the page: those that have left must not draw any more.
  let observer = null;
  const watchSize = (box, draw) => {
    observer?.disconnect();
    observer = new ResizeObserver(draw);
    observer.observe(box);
  };

  const state = { modality: "", token: 0, layer: -1, head: -1, back: false, pinned: false };

  const stage = (result, name) => {
    const data = result.attention[name],
      place = FL.strategy().place,
      pairs = decode(data.pairs),
      first = Object.values(pairs)[0];
    const media = Object.fromEntries(
      Object.entries(data.layouts).map(([m, layout]) => [
        m,
        FL.medium(m, { ...result.encoder_views[m], ...layout }),
      ]),
    );
    const names = Object.keys(media);
    FL.oneClock(Object.fromEntries(names.map((m) => [m, [media[m], data.layouts[m].places]])));
    if (!media[state.modality] || state.token >= media[state.modality].cells.length)
      Object.assign(state, {
        modality: names.find((m) => FL.kind(m) === "text") ?? names[0],
        token: 0,
      });
    state.layer = Math.min(state.layer, first.layers - 1);
    state.head = Math.min(state.head, first.heads - 1);
    const say = el("p", { class: "fl-readout", "aria-live": "polite" }),
      table = el("div", {}),
      box = el("div", { class: "fl-panels fl-woven" });
    const searched = FL.get("lab").task.places; // the modality in which something is found
    if (place?.box && media[searched]?.cells.length)
      media[searched].cells[0].parentElement.append(
        FL.boxOn(place.box, result.encoder_views[searched].extent),
      );
    let lines = () => {};
    const redraw = () => {
      const { back } = state,
        found = [],
        others = names.filter((m) => m !== state.modality);
      const pairOf = (m) => pairs[back ? `${m}>${state.modality}` : `${state.modality}>${m}`];
      for (const m of names) {
        const values =
          others.includes(m) && pairOf(m)
            ? slice(pairOf(m), state.layer, state.head, state.token, back)
            : null;
        media[m].tint(values);
        media[m].cells.forEach((c, i) =>
          c.setAttribute("aria-selected", String(m === state.modality && i === state.token)),
        );
        if (values) found.push([m, values]);
      }
      const peaks = (layer, head) =>
        others
          .filter((m) => pairOf(m) && media[m].cells.length > 1)
          .map((m) => Math.max(...slice(pairOf(m), layer, head, state.token, back)));
      choices.sync((layer, head) => {
        const all = peaks(layer, head);
        return all.reduce((a, b) => a + b, 0) / Math.max(1, all.length);
      });
      const peak = (values) => values.indexOf(Math.max(...values));
      lines = () =>
        box.isConnected &&
        media[state.modality] &&
        threads(
          box,
          media[state.modality].cells[state.token],
          found.map(([m, values]) => [media[m].cells[peak(values)], Math.max(...values)]),
        );
      lines();
      const best = ([m, values]) => {
        const i = peak(values);
        return t("attention.peak", {
          modality: FL.modality(m),
          token: media[m].says[i],
          share: FL.percent(values[i], 0),
        });
      };
      say.replaceChildren(
        el(
          "b",
          {},
          FL.modality(state.modality) + t("list.comma") + media[state.modality].says[state.token],
        ),
        " " + t(back ? "attention.is_read" : "attention.does_read") + " ",
        found.map(best).join(t("outcome.semicolon")) + t("outcome.stop"),
      );
      FL.replace(
        table,
        FL.twin(
          t("attention.twin"),
          [t("shares.modality"), t("encoder_views.token"), t("attention.share")],
          () =>
            found.flatMap(([m, values]) =>
              [...values.keys()].map((i) => [
                FL.modality(m),
                media[m].says[i],
                FL.percent(values[i], 2),
              ]),
            ),
        ),
      );
    };
    const choices = selector(first.layers, first.heads, state, redraw);
    const pick = (m, i, pin) => {
      if (state.pinned && !pin) return;
      Object.assign(state, { modality: m, token: i });
      redraw();
    };
    const panels = names.map((m) => {
      const { box: drawn, cells, columns } = media[m];
      // the cells say what is there; a picture between row and cell would break the grid
      for (const picture of drawn.querySelectorAll("canvas, img")) {
        picture.setAttribute("aria-hidden", "true");
        picture.removeAttribute("role");
      }
      cells.forEach((c, i) => {
        c.addEventListener("pointerenter", (e) => {
          if (e.pointerType === "mouse") pick(m, i, false);
        });
        c.addEventListener("click", () => {
          state.pinned = !(state.pinned && state.modality === m && state.token === i);
          pick(m, i, true);
        });
        c.addEventListener("focus", () => {
          if (c.matches(":focus-visible")) pick(m, i, true);
        });
      });
      const grid = el(
        "div",
        {
          class: "fl-pickable",
          role: "grid",
          "aria-label": t("attention.tokens", { modality: FL.modality(m) }),
        },
        el("div", { role: "row" }, drawn),
      );
      FL.rove(
        grid,
        cells,
        columns === cells.length ? 1 : columns,
        m === state.modality ? state.token : 0,
      );
      return el(
        "section",
        { class: "fl-panel", ...FL.ofModality(m) },
        el("header", {}, FL.tag(m)),
        grid,
      );
    });
    box.append(...panels);
    redraw();
    watchSize(box, () => lines()); // also tells when the panels are first laid out
    return [choices.box, say, box, table];
  };

  let drawn = null;
  FL.view("attention", (root) =>
    FL.on("result lang strategy details", () => {
      const result = FL.get("result"),
        chosen = FL.strategy();
      if (!result || !chosen) {
        FL.replace(root);
        return;
      }
      const about = FL.get("lab").strategies.find((s) => s.name === chosen.name),
        others = Object.keys(result.attention);
      const jump = (name) =>
        el(
          "button",
          { type: "button", class: "fl-chip", onclick: () => FL.choose(name) },
          t("attention.show", { strategy: told(name, "title") }),
        );
      const single =
        result.modalities.filter((m) => m.present).length < 2 && about.fuses === "tokens";
      const coming = result.attention[chosen.name] && !FL.maps(result, chosen.name);
      // the maps are on their way; until then those of the last strategy stay
      if (coming && result.answer === drawn) return;
      drawn = result.answer;
      const reason = () => {
        if (single) return "single";
        return about.only ? "only" : about.fuses;
      };
      const instead = () => {
        const strategy = told(chosen.name, "title");
        return [
          el("p", { class: "fl-instead" }, t("attention.instead." + reason(), { strategy })),
          el("div", { class: "fl-chips" }, others.map(jump)),
        ];
      };
      const content = () => {
        if (FL.maps(result, chosen.name)) return stage(result, chosen.name);
        return coming ? [el("p", { class: "fl-instead" }, t("attention.coming"))] : instead();
      };
      const body = content();
      FL.replace(
        root,
        el("h2", {}, t("attention.title")),
        el("p", { class: "fl-muted" }, t("attention.caption")),
        body,
      );
    }),
  );
})();
