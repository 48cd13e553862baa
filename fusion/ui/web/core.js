// What all views share: a store, texts, DOM builders that only write text, and decoders.
// Views never build HTML from strings: gr.HTML runs ${...} inside a value as code, even through
// {{ }}. So templates are constant, and whatever a visitor typed goes through textContent.
window.FusionLab = (() => {
  const store = {},
    listeners = {},
    views = {};
  const SVG = "http://www.w3.org/2000/svg";

  const set = (key, value) => {
    if (store[key] === value) return;
    store[key] = value;
    (listeners[key] || []).forEach((draw) => draw());
  };
  // Calls draw now and after any of the keys changed; several changes in one go draw once.
  const on = (keys, draw) => {
    let waiting = false;
    const later = () => {
      if (waiting) return;
      waiting = true;
      queueMicrotask(() => {
        waiting = false;
        draw();
      });
    };
    keys.split(" ").forEach((key) => (listeners[key] = listeners[key] || []).push(later));
    draw();
  };
  const get = (key) => store[key];
  // One-off messages between views (a drawing was made, a block was clicked).
  const emit = (name, detail) => document.dispatchEvent(new CustomEvent("fl-" + name, { detail }));
  const hear = (name, listener) =>
    document.addEventListener("fl-" + name, (event) => listener(event.detail));

  // {name} is a value; {name|one|many} the word that goes with a number, for languages that tell
  // one from many.
  const fill = (text, values) =>
    text
      .replace(/\{(\w+)\|([^|{}]*)\|([^|{}]*)\}/g, (all, key, one, many) =>
        String(values[key]) === "1" ? one : many,
      )
      .replace(/\{(\w+)\}/g, (all, key) => (key in values ? values[key] : all));
  // What a language lacks is shown in English.
  const text = (key) => TEXT[store.lang]?.[key] ?? TEXT[ENGLISH][key];
  const has = (key) => text(key) !== undefined;
  const t = (key, values = {}) => fill(text(key) ?? key, values);
  const languages = () =>
    Object.entries(TEXT).map(([code, texts]) => ({
      code,
      name: texts["language.name"] ?? code,
      tag: texts["language.tag"] ?? code, // BCP 47, for the browser
    }));
  const locale = () => languages().find((l) => l.code === store.lang)?.tag ?? ENGLISH;
  const list = (words) => new Intl.ListFormat(locale(), { type: "conjunction" }).format(words);
  // A sentence of the server, {template, values}: the English template is looked up as it stands.
  // Values may be sentences or lists.
  const said = (message) => {
    if (Array.isArray(message)) return message.map(said).join(t("list.comma"));
    if (typeof message?.template !== "string") return String(message ?? "");
    const values = Object.entries(message.values || {}).map(([key, value]) => [key, said(value)]);
    const key = "said." + message.template;
    return fill(has(key) ? t(key) : message.template, Object.fromEntries(values));
  };
  // One after another, with a space where the language has one; empty ones are left out.
  const sentences = (...several) => several.filter(Boolean).join(t("sentence.space"));
  const capital = (words) => words.charAt(0).toUpperCase() + words.slice(1);
  // English descriptions come from the strategies themselves; a language may override them.
  const told = (name, field) => {
    const key = `strategy.${name}.${field}`,
      alone = `strategy.alone.${field}`,
      known = store.lab.strategies.find((s) => s.name === name) || {};
    if (has(key)) return t(key);
    if (known.only && has(alone)) return capital(t(alone, { modality: modality(known.only) }));
    return known[field] ?? name;
  };

  // The open task's own words for a key ("task.scenes.pad.hint"), else the page's ("pad.hint").
  const ofTask = (key) => `task.${store.lab?.task.name}.${key}`;
  const own = (key) => (has(ofTask(key)) ? ofTask(key) : key);
  const fit = (key, values) => t(own(key), values);
  // Names of labels, questions and modalities; what no language names is shown as it is.
  const named = (prefix) => (word) => (has(own(prefix + word)) ? fit(prefix + word) : word);
  const question = named("question."),
    reply = named("reply."),
    label = named("label."),
    modality = (name) => named("modality.")(name).replaceAll("_", " ");
  // A modality within a sentence: "the text".
  const the = (name) => t("explanation.the", { modality: modality(name) });
  // What a modality holds: "image", "text", "audio" or "video"; its colour and its views follow.
  const kind = (name) => store.lab?.kinds[name] ?? name;
  // The first modality of a kind that the open task has, if any.
  const first = (wanted) => store.lab?.modalities.find((name) => kind(name) === wanted);
  // The name of a modality as part of an element's id, as `as_id` in `component.py` makes it.
  const asId = (name) =>
    name.replace(/[^A-Za-z0-9]/gu, (c) => `_${c.codePointAt(0).toString(16)}_`);
  // Attributes of what is drawn in the colour of a modality, which is that of its kind.
  const ofModality = (name) => ({ "data-modality": name, "data-medium": kind(name) });
  const numbered = (n) => named("number.")(String(n)); // small numbers as words

  const short = (name) =>
    // where there is little room
    has(`strategy.${name}.short`) ? t(`strategy.${name}.short`) : told(name, "title");

  const build = (node, attributes, children) => {
    for (const [key, value] of Object.entries(attributes || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (key === "style" && typeof value === "object")
        for (const [k, v] of Object.entries(value)) node.style.setProperty(k, v);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(
      ...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false),
    );
    return node;
  };
  const el = (tag, attributes, ...children) =>
    build(document.createElement(tag), attributes, children);
  const svg = (tag, attributes, ...children) =>
    build(document.createElementNS(SVG, tag), attributes, children);
  // Draws anew without taking away what a visitor holds: the focus stays in its place and open
  // details stay open.
  const replace = (parent, ...children) => {
    const focusable = () => [
        ...parent.querySelectorAll("button, input, select, summary, [tabindex]"),
      ],
      details = () => [...parent.querySelectorAll("details")];
    const focused = focusable().indexOf(document.activeElement),
      open = details().map((d) => d.open);
    parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
    if (focused >= 0) focusable()[focused]?.focus({ preventScroll: true });
    details().forEach((d, i) => {
      if (open[i]) d.open = true;
    });
  };

  // Whether the score is below the threshold of the task; most tasks have none.
  const outOfDistribution = (s) => s.known === false;
  // Whether the confidence is hardly above chance.
  const guesses = (s) => s.confidence < SETTINGS.guess / s.probs.length;
  const percent = (p, digits = 1) => (p * 100).toFixed(digits) + " %";
  const signed = (v, digits = 1) => (v >= 0 ? "+" : "−") + Math.abs(v * 100).toFixed(digits);
  const count = (n) => {
    if (n >= 1e6) return (n / 1e6).toFixed(2) + " M";
    return n >= 1e3 ? Math.round(n / 1e3) + " k" : String(n);
  };
  const millis = (seconds) => {
    if (seconds >= 1) return seconds.toFixed(1) + " s";
    if (seconds >= 0.01) return Math.round(seconds * 1000) + " ms";
    return (seconds * 1000).toFixed(seconds < 0.001 ? 2 : 1) + " ms";
  };
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  // Shares in one byte each, which holds the square root, so that small shares keep precision.
  const shares = (base64) => Float32Array.from(bytes(base64), (b) => (b / 255) ** 2);

  const ICONS = {
    image: "M4 5h16v14H4z M4 16l5-5 4 4 3-3 4 4 M15.5 9.5h.01",
    text: "M5 6h14 M12 6v13 M9 19h6",
    audio: "M4 10v4 M8 7v10 M12 4v16 M16 8v8 M20 10v4",
    video: "M4 6h11v12H4z M15 10l5-3v10l-5-3",
    undo: "M9 7L4 12l5 5 M4 12h10a5 5 0 0 1 0 10h-2",
    clear: "M6 6l12 12 M18 6L6 18",
    play: "M8 5l11 7-11 7z",
    stop: "M7 7h10v10H7z",
    upload: "M12 16V5 M7 9l5-5 5 5 M5 19h14",
    camera: "M4 8h4l2-3h4l2 3h4v11H4z M12 16.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
    mic:
      "M12 4a2.5 2.5 0 0 1 2.5 2.5v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4z " +
      "M6 11a6 6 0 0 0 12 0 M12 17v3",
    record: "M12 6a6 6 0 1 0 0 12 6 6 0 0 0 0-12z",
    pen: "M5 19l1-4L16 5l3 3L9 18z",
    copy: "M9 9h10v11H9z M5 15V4h10",
    save: "M12 5v11 M7 12l5 5 5-5 M5 20h14",
  };
  const icon = (name) =>
    svg(
      "svg",
      { viewBox: "0 0 24 24", class: "fl-icon", "aria-hidden": "true" },
      svg("path", { d: ICONS[name] }),
    );
  const button = (title, picture, press, extra = {}) =>
    el(
      "button",
      {
        type: "button",
        class: "fl-button",
        onclick: press,
        title,
        "aria-label": title,
        ...extra,
      },
      icon(picture),
    );
  const tag = (name) =>
    el("span", { class: "fl-tag", ...ofModality(name) }, icon(kind(name)), modality(name));
  // A heat map's twin for screen readers and for reading off numbers; filled when it is opened.
  const twin = (caption, header, rows) => {
    const details = el("details", { class: "fl-twin" }, el("summary", {}, caption));
    details.addEventListener("toggle", () => {
      if (!details.open || details.querySelector("table")) return;
      const line = (cells, node) =>
        el(
          "tr",
          {},
          cells.map((c) => el(node, {}, String(c))),
        );
      details.append(
        el(
          "div",
          { class: "fl-scroll", tabindex: "0", role: "region", "aria-label": caption },
          el(
            "table",
            { class: "fl-plain" },
            el("thead", {}, line(header, "th")),
            el(
              "tbody",
              {},
              rows().map((r) => line(r, "td")),
            ),
          ),
        ),
      );
    });
    return details;
  };
  // Arrow keys walk a group of cells of which one is in the tab order (roving tabindex).
  const rove = (group, cells, columns, chosen) => {
    const aim = (i) => {
      cells.forEach((c, k) => (c.tabIndex = k === i ? 0 : -1));
    };
    aim(Math.max(0, chosen));
    group.addEventListener("keydown", (event) => {
      const now = cells.indexOf(document.activeElement);
      const step = {
        ArrowLeft: -1,
        ArrowRight: 1,
        ArrowUp: -columns,
        ArrowDown: columns,
        Home: -now,
        End: cells.length - 1 - now,
      }[event.key];
      if (now < 0 || step === undefined) return;
      event.preventDefault();
      const next = Math.min(cells.length - 1, Math.max(0, now + step));
      aim(next);
      cells[next].focus();
    });
    return aim;
  };
  // Whether the task's pictures can be drawn with a pen; else visitors bring photos.
  const draws = () => store.lab?.task.draws !== false;
  const strategy = () => (store.result?.strategies || []).find((s) => s.name === store.strategy);
  const choose = (name) => {
    window.FusionLab.acts.touch("strategy");
    set("strategy", name);
  };
  // The page has a base address: following "#fl-outcome" would load the page anew.
  const goToPrediction = (event) => {
    event.preventDefault();
    const outcome = document.getElementById("fl-outcome"),
      heading = outcome?.querySelector("h2");
    if (!heading) return;
    heading.tabIndex = -1;
    heading.focus({ preventScroll: true });
    outcome.scrollIntoView({ block: "start" });
  };
  // The page is shown when all views are drawn, or after a while if something holds one up.
  const ready = () => document.documentElement.classList.add("fl-ready");
  setTimeout(ready, 4000);
  // Gradio starts views in no fixed order; nested ones come late.
  const started = [];
  const mount = (name, tools) => {
    views[name](tools);
    started.push(name);
    const slots = started.filter((n) => n === "slot").length;
    if (Object.keys(views).every((n) => started.includes(n)) && slots === store.slots)
      requestAnimationFrame(() => requestAnimationFrame(ready));
  };
  // Keeps a mounted view out of the way of a broken one: an error is told to the console, the page goes on.
  const view = (name, start) => {
    views[name] = (tools) => {
      try {
        start(tools.element.querySelector(".fl-view"), tools);
      } catch (error) {
        console.error(name, error);
      }
    };
  };

  on("lang", () => {
    document.documentElement.lang = locale();
  });
  return {
    set,
    get,
    on,
    emit,
    hear,
    t,
    said,
    told,
    short,
    has,
    languages,
    locale,
    list,
    sentences,
    capital,
    ofTask,
    modality,
    the,
    kind,
    first,
    asId,
    ofModality,
    question,
    reply,
    label,
    fit,
    numbered,
    el,
    svg,
    replace,
    outOfDistribution,
    guesses,
    percent,
    signed,
    count,
    millis,
    bytes,
    shares,
    icon,
    button,
    tag,
    twin,
    rove,
    draws,
    strategy,
    choose,
    goToPrediction,
    mount,
    view,
  };
})();
