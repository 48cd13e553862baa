// The views that frame the page: header, tasks, status line, examples, and the unseen receiver of results.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  // Receives every result as one JSON string, so that all views change together.
  FL.view("result", (root, { props, watch }) => {
    const NOTHING = { strategies: [], tally: [], attention: {}, modalities: [] };
    // A failed input keeps the previous result of its task on the page, marked as such. A task
    // brings its lab.
    const about = (lab) =>
      lab && JSON.stringify([lab.task.name, lab.encoder_choice?.choice, lab.strategies.length]);
    const without = (status, previous) => ({ ...NOTHING, ...previous, status });
    const known = (lab, name) => lab.strategies.some((s) => s.name === name);
    const remember = ({ pack, fill, act }) => {
      if (pack && !fill) FL.history.link({ ...pack, act });
    };
    // Says how far a training is; it answers nothing.
    const isProgress = ({ status }) => status?.kind === "training";
    const receive = () => {
      const reply = JSON.parse(props.value),
        { lab, notices, pack, ...result } = reply,
        moved = lab && about(lab) !== about(FL.get("lab"));
      const enter = () => {
        if (moved) FL.set("lab", lab);
      };
      const progress = isProgress(result);
      const verdict = progress ? "show" : FL.acts.receive(reply, enter);
      if (verdict === "drop") return;
      if (notices) FL.set("notices", notices);
      if (!result.status) return; // a link that changes nothing but the language, or cannot be read
      enter();
      if (moved && !known(lab, FL.get("strategy"))) FL.set("strategy", lab.first);
      const whole = result.strategies ? FL.completed(result) : null;
      if (verdict === "lab") {
        FL.set("result", { ...NOTHING, status: { kind: "ok" }, media: whole?.media });
        return;
      }
      if (!progress) FL.set("busy", false);
      remember(reply);
      FL.set("result", whole || without(result.status, moved ? {} : FL.get("result")));
    };
    FL.set("slots", props.slots);
    FL.set("strategy", props.strategy);
    FL.acts.field("strategy", {
      read: () => FL.get("strategy"),
      write: (name) => FL.set("strategy", name),
    });
    watch("value", receive);
    receive();
    FL.acts.expect();
  });

  FL.view("header", (root, { props, trigger }) => {
    const write = (lang) => {
      props.value = lang;
      FL.set("lang", lang);
    };
    const change = (lang) => {
      FL.acts.touch("language");
      write(lang);
      trigger("input");
    };
    FL.acts.field("language", { read: () => props.value, write });
    FL.set("lang", props.value);
    FL.on("lang lab", () => {
      const lab = FL.get("lab");
      if (!lab) return;
      const option = ({ code, name, tag }) =>
        el(
          "button",
          {
            type: "button",
            lang: tag,
            "aria-pressed": String(FL.get("lang") === code),
            onclick: () => change(code),
          },
          name,
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
            FL.languages().map(option),
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
  FL.view("tasks", (root, { props, trigger }) => {
    const { tasks, unavailable } = JSON.parse(props.tasks),
      say = (name, field, other) =>
        FL.has(`task.${name}.${field}`) ? t(`task.${name}.${field}`) : other;
    const write = (name) => {
      props.value = name;
      draw();
    };
    const pick = (name) =>
      FL.acts.begin(
        "task",
        () => write(name),
        () => trigger("input"),
      );
    FL.acts.field("task", { read: () => props.value, write });
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
    FL.on("lang", draw);
    FL.on("result", () => {
      // a task that could not be opened gives way to the one that is
      const open = FL.get("lab")?.task.name;
      const failed = FL.get("result")?.status.kind === "error" && !FL.acts.waiting();
      if (failed && open && open !== props.value) {
        props.value = open;
        draw();
      }
    });
  });

  // What a link could not bring, in one sentence.
  const notice = ({ key, modalities, ...values }) => {
    const names = (modalities || []).map(FL.modality);
    const strategy = values.strategy ? FL.told(values.strategy, "title") : "";
    return t(key, { ...values, strategy, modalities: FL.list(names) });
  };

  FL.view("status", (root) => {
    const line = el("p", { class: "fl-line", role: "alert" }),
      notes = el("ul", { class: "fl-notes" });
    const notices = el("ul", { class: "fl-notes fl-notices", role: "status" });
    // On a phone the answer is out of sight while one draws.
    const mini = el("a", { class: "fl-mini", href: "#fl-outcome", onclick: FL.goToPrediction });
    root.append(line, notices, notes, mini);
    FL.on("notices lang lab", () =>
      FL.replace(
        notices,
        (FL.get("notices") || []).map((n) => el("li", {}, notice(n))),
      ),
    );
    const brief = (chosen) => {
      mini.hidden = !chosen;
      mini.setAttribute("aria-label", t("outcome.title"));
      FL.replace(mini);
      if (!chosen) return;
      const unknown = FL.outOfDistribution(chosen),
        said = unknown ? t("table.unknown") : FL.label(chosen.label),
        share = FL.percent(chosen.confidence, 0);
      FL.replace(mini, el("b", {}, said), " " + share);
      mini.setAttribute("aria-label", `${t("outcome.title")}: ${said} ${share}`);
    };
    FL.on("result lang busy strategy", () => {
      const status = FL.get("result")?.status || { kind: "ok" },
        kind = status.kind;
      root.dataset.kind = FL.get("busy") ? "busy" : kind;
      const failed = kind === "error" || kind === "empty";
      line.textContent = status.key ? t(status.key, status) : FL.said(status.text || "");
      if (failed && FL.get("result")?.strategies.length)
        line.textContent += " " + t("status.previous");
      FL.replace(
        notes,
        (kind === "ok" ? status.notes || [] : []).map((n) => el("li", {}, FL.said(n))),
      );
      document.body.classList.toggle("fl-stale", failed);
      brief(FL.strategy());
    });
  });

  FL.view("examples", (root, { props, trigger }) => {
    const pick = (name) =>
      FL.acts.begin(
        "",
        () => {
          props.value = name;
          FL.set("example", name);
        },
        () => trigger("input"),
      );
    FL.set("example", props.value);
    const say = (key, other) => (FL.has(key) ? t(key) : other);
    FL.on("lang lab example filling", () =>
      FL.replace(
        root,
        el("span", { class: "fl-muted", id: "fl-examples-label" }, t("examples")),
        el(
          "div",
          { class: "fl-chips", role: "group", "aria-labelledby": "fl-examples-label" },
          (FL.get("lab")?.examples || []).map(({ name, title, hint }) => {
            const key = FL.ofTask("example." + name);
            return el(
              "button",
              {
                type: "button",
                class: "fl-chip",
                "aria-pressed": String(FL.get("example") === name),
                title: say(key + ".hint", hint),
                disabled: FL.get("filling") === "task", // they are examples of the task that is being left
                onclick: () => pick(name),
              },
              say(key, title),
            );
          }),
        ),
      ),
    );
  });
})();
