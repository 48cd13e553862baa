// The views that frame the page: header, tasks, status line, examples, and the unseen receiver of results.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  // Receives every result as one JSON string, so that all views change together.
  FL.view("result", (root, { props, watch }) => {
    const NOTHING = { strategies: [], tally: [], attention: {}, modalities: [] };
    // A failed input keeps the previous result of its task on the page, marked as such. A task brings its lab.
    const receive = () => {
      const { lab, ...result } = JSON.parse(props.value),
        about = (l) => l && JSON.stringify([l.task.name, l.readers?.choice, l.strategies.length]),
        moved = lab && about(lab) !== about(FL.get("lab"));
      FL.set("busy", false);
      if (moved) {
        FL.set("lab", lab);
        if (!lab.strategies.some((s) => s.name === FL.get("strategy")))
          FL.set("strategy", lab.first);
      }
      FL.set(
        "result",
        result.strategies
          ? FL.completed(result)
          : { ...NOTHING, ...(moved ? {} : FL.get("result")), status: result.status },
      );
    };
    FL.set("slots", props.slots);
    FL.set("strategy", props.strategy);
    watch("value", receive);
    watch("strategy", () => FL.set("strategy", props.strategy));
    receive();
  });

  FL.view("header", (root, { props, watch, trigger }) => {
    const change = (lang) => {
      props.value = lang;
      FL.set("lang", lang);
      trigger("input");
    };
    watch("value", () => FL.set("lang", props.value));
    FL.set("lang", props.value);
    FL.on("lang lab", () => {
      const lab = FL.get("lab");
      if (!lab) return;
      const option = (lang, label) =>
        el(
          "button",
          {
            type: "button",
            lang: lang === "zh" ? "zh-CN" : "en",
            "aria-pressed": String(FL.get("lang") === lang),
            onclick: () => change(lang),
          },
          label,
        );
      FL.replace(
        root,
        el("div", { class: "fl-brand" }, el("h1", {}, "Fusion Lab"), el("p", {}, t("tagline"))),
        el(
          "div",
          { class: "fl-facts" },
          el(
            "div",
            { class: "fl-languages", role: "group", "aria-label": t("language") },
            option("en", "English"),
            option("zh", "简体中文"),
          ),
          el(
            "p",
            {},
            t("machine", {
              device: lab.device,
              precision: lab.precision,
              parameters: FL.count(lab.parameters),
              megabytes: lab.megabytes.toFixed(1),
              count: lab.strategies.filter((s) => !s.baseline).length,
            }),
          ),
        ),
      );
    });
  });

  // How the modalities of a task depend on one another, as a small picture.
  const SIGNS = {
    redundancy: ["M9 5a7 7 0 1 0 0 14a7 7 0 1 0 0-14z", "M15 5a7 7 0 1 0 0 14a7 7 0 1 0 0-14z"],
    synergy: ["M12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16z", "M12 8v8 M8 12h8"],
    alignment: ["M4 4h16v16H4z", "M11 8h6v6h-6z", "M4 20l6-6"],
  };
  FL.view("tasks", (root, { props, trigger, watch }) => {
    const { tasks, unavailable } = JSON.parse(props.tasks),
      say = (name, field, other) =>
        FL.has(`task.${name}.${field}`) ? t(`task.${name}.${field}`) : other;
    const pick = (name) => {
      props.value = name;
      FL.set("busy", true);
      draw();
      trigger("input");
    };
    const card = ({ name, title, question, interaction }) =>
      el(
        "label",
        { class: "fl-task", "data-chosen": String(name === props.value) },
        el("input", {
          type: "radio",
          name: "fl-task",
          value: name,
          checked: name === props.value,
          disabled: name in unavailable,
          onchange: () => pick(name),
        }),
        SIGNS[interaction]
          ? FL.svg(
              "svg",
              { viewBox: "0 0 24 24", class: "fl-sign", "aria-hidden": "true" },
              SIGNS[interaction].map((d) => FL.svg("path", { d })),
            )
          : null,
        el("span", { class: "fl-task-title" }, say(name, "title", title)),
        el(
          "span",
          { class: "fl-kind" },
          FL.has("interaction." + interaction) ? t("interaction." + interaction) : interaction,
        ),
        el(
          "span",
          { class: "fl-task-question" },
          name in unavailable ? FL.said(unavailable[name]) : say(name, "question", question),
        ),
      );
    const draw = () =>
      FL.replace(
        root,
        el(
          "div",
          { class: "fl-tasks", role: "radiogroup", "aria-label": t("tasks") },
          tasks.map(card),
        ),
        el("p", { class: "fl-task-note", "aria-live": "polite" }, say(props.value, "note", "")),
      );
    watch("value", draw);
    FL.on("lang", draw);
    FL.on("result", () => {
      // a task that could not be opened gives way to the one that is
      const open = FL.get("lab")?.task.name;
      if (FL.get("result")?.status.kind === "error" && open && open !== props.value) {
        props.value = open;
        draw();
      }
    });
  });

  FL.view("status", (root) => {
    const line = el("p", { class: "fl-line", role: "alert" }),
      notes = el("ul", { class: "fl-notes" });
    const mini = el("a", { class: "fl-mini", href: "#fl-outcome" }); // on a phone the answer is out of sight while one draws
    root.append(line, notes, mini);
    FL.on("result lang busy trouble strategy", () => {
      const status = FL.get("result")?.status || { kind: "ok" },
        trouble = FL.get("trouble");
      const kind = trouble ? "error" : status.kind;
      root.dataset.kind = FL.get("busy") ? "busy" : kind;
      line.textContent =
        trouble || (status.key ? t(status.key, status) : FL.said(status.text || ""));
      if ((kind === "error" || kind === "empty") && FL.get("result")?.strategies.length)
        line.textContent += " " + t("status.previous");
      FL.replace(
        notes,
        (kind === "ok" ? status.notes || [] : []).map((n) => el("li", {}, FL.said(n))),
      );
      const chosen = FL.strategy();
      const said = chosen && (FL.stranger(chosen) ? t("table.stranger") : FL.label(chosen.label));
      const share = chosen && FL.percent(chosen.confidence, 0);
      FL.replace(mini, chosen ? [el("b", {}, said), " " + share] : []);
      mini.hidden = !chosen;
      mini.setAttribute(
        "aria-label",
        chosen ? `${t("outcome.title")}: ${said} ${share}` : t("outcome.title"),
      );
      document.body.classList.toggle("fl-stale", kind === "error" || kind === "empty");
    });
  });

  FL.view("examples", (root, { props, trigger, watch }) => {
    const pick = (name) => {
      props.value = name;
      FL.set("busy", true);
      trigger("input");
    };
    watch("value", () => FL.set("example", props.value));
    FL.set("example", props.value);
    FL.hear("edited", () => FL.set("example", ""));
    const say = (key, other) => (FL.has(key) ? t(key) : other);
    FL.on("lang lab example", () =>
      FL.replace(
        root,
        el("span", { class: "fl-muted", id: "fl-examples-label" }, t("examples")),
        el(
          "div",
          { class: "fl-chips", role: "group", "aria-labelledby": "fl-examples-label" },
          (FL.get("lab")?.examples || []).map(({ name, title, hint }) => {
            const key = `example.${FL.get("lab").task.name}.${name}`;
            return el(
              "button",
              {
                type: "button",
                class: "fl-chip",
                "aria-pressed": String(FL.get("example") === name),
                title: say(key + ".hint", hint),
                onclick: () => {
                  FL.set("example", name);
                  pick(name);
                },
              },
              say(key, title),
            );
          }),
        ),
      ),
    );
  });
})();
