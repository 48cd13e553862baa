// Which encoders the strategies read with: a set, or one by one; and a button where nothing is
// trained on a choice yet.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL,
    BACKBONE = "backbone:";
  const same = (a, b) => Object.keys(a).every((m) => a[m] === b[m]);

  FL.view("readers", (root, { props, trigger }) => {
    const known = () => FL.get("lab")?.readers;
    const write = (value) => {
      props.value = value;
    };
    const send = (choice) => {
      FL.emit("chosen"); // a training of something else ends
      FL.acts.choose(
        () => write(JSON.stringify({ choice })),
        () => trigger("input"),
      );
    };
    FL.acts.field("readers", { read: () => props.value, write });
    const draw = () => {
      const about = known(),
        status = FL.get("result")?.status.kind;
      root.hidden = !about;
      if (!about) return;
      const { choice, offers, sets } = about,
        set = Object.keys(sets).find((name) => same(choice, sets[name]));
      // what could not be had gives way to what is there
      if (status === "error" && !FL.get("busy")) props.value = JSON.stringify({ choice });
      const title = (name, other) =>
        FL.has(`encoder.${name}.title`) ? t(`encoder.${name}.title`) : other;
      const button = (name) =>
        el(
          "button",
          {
            type: "button",
            class: "fl-chip",
            "aria-label": t("readers." + name),
            "aria-pressed": String(set === name),
            onclick: () => send(sets[name]),
          },
          t("readers." + name),
        );
      const select = (m) => {
        const looked = (FL.get("encoders")?.[m] || []).filter((name) => name.startsWith(BACKBONE)),
          names = offers[m].map((o) => o.name);
        const all = [
          ...offers[m],
          ...looked
            .filter((name) => !names.includes(name))
            .map((name) => ({ name, title: name.slice(BACKBONE.length) })),
        ];
        const field = el(
          "select",
          {
            class: "fl-select",
            "aria-label": t("readers.of", { modality: t("modality." + m) }),
            onchange: () => send({ ...choice, [m]: field.value }),
          },
          all.map((o) =>
            el("option", { value: o.name, selected: o.name === choice[m] }, title(o.name, o.title)),
          ),
        );
        return el("label", { class: "fl-reader" }, FL.tag(m), field);
      };
      const bare = status === "untrained";
      FL.replace(
        root,
        el(
          "details",
          { class: "fl-readers fl-card-box", open: bare || undefined },
          el(
            "summary",
            {},
            el("b", {}, t("readers.title")),
            " ",
            el("span", { class: "fl-muted" }, t("readers." + (set || "mixed"))),
          ),
          el("p", { class: "fl-muted" }, t("readers.note")),
          el(
            "div",
            { class: "fl-chips", role: "group", "aria-label": t("readers.sets") },
            Object.keys(sets).map(button),
          ),
          Object.keys(choice).map(select),
          bare && !FL.get("training")
            ? el(
                "button",
                { type: "button", class: "fl-action", onclick: () => FL.emit("train") },
                t("readers.train"),
              )
            : null,
        ),
      );
    };
    FL.hear("trained", () => send(known().choice));
    FL.on("lab lang result encoders training", draw);
  });
})();
