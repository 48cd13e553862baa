// Which encoders the strategies read with: a set, or one by one; and a button where nothing is
// trained on a choice yet.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL,
    BACKBONE = "backbone:";
  const same = (a, b) => Object.keys(a).every((m) => a[m] === b[m]);

  FL.view("encoder-choice", (root, { props, trigger }) => {
    const known = () => FL.get("lab")?.encoder_choice;
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
    FL.acts.field("encoder_choice", { read: () => props.value, write });
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
            "aria-label": t("encoder_choice." + name),
            "aria-pressed": String(set === name),
            onclick: () => send(sets[name]),
          },
          t("encoder_choice." + name),
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
            "aria-label": t("encoder_choice.of", { modality: t("modality." + m) }),
            onchange: () => send({ ...choice, [m]: field.value }),
          },
          all.map((o) =>
            el("option", { value: o.name, selected: o.name === choice[m] }, title(o.name, o.title)),
          ),
        );
        return el("label", { class: "fl-encoder" }, FL.tag(m), field);
      };
      const bare = status === "untrained";
      FL.replace(
        root,
        el(
          "details",
          { class: "fl-encoder-choice fl-card-box", open: bare || undefined },
          el(
            "summary",
            {},
            el("b", {}, t("encoder_choice.title")),
            " ",
            el("span", { class: "fl-muted" }, t("encoder_choice." + (set || "mixed"))),
          ),
          el("p", { class: "fl-muted" }, t("encoder_choice.note")),
          el(
            "div",
            { class: "fl-chips", role: "group", "aria-label": t("encoder_choice.sets") },
            Object.keys(sets).map(button),
          ),
          Object.keys(choice).map(select),
          bare && !FL.get("training")
            ? el(
                "button",
                { type: "button", class: "fl-action", onclick: () => FL.emit("train") },
                t("encoder_choice.train"),
              )
            : null,
        ),
      );
    };
    FL.hear("trained", () => send(known().choice));
    FL.on("lab lang result encoders training", draw);
  });
})();
