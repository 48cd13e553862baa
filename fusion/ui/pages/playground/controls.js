// What can be set in the playground: the data set, the strategies, and how they are trained.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const CHOICES = {
    points: [50, 100, 200, 300, 500, 1000],
    noise: [0, 0.05, 0.1, 0.2, 0.3, 0.5],
    learning_rate: [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1],
    batch_size: [8, 16, 32, 64, 128, 256],
    weight_decay: [0, 0.0001, 0.001, 0.01, 0.1],
    modality_dropout: [0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9],
  };

  const chips = (label, names, title, pressed, press) => {
    const group = el("div", { class: "fl-chips", role: "group", "aria-label": label });
    const buttons = names.map((name) => {
      const button = el(
        "button",
        { type: "button", class: "fl-chip", onclick: () => press(name) },
        title(name),
      );
      group.append(button);
      return [name, button];
    });
    const update = () =>
      buttons.forEach(([name, button]) =>
        button.setAttribute("aria-pressed", String(pressed(name))),
      );
    update();
    return { group, update };
  };
  const field = (label, input) =>
    el("label", { class: "fl-setting" }, el("span", {}, label), input);
  const select = (label, values, value, title, change) => {
    const input = el(
      "select",
      { class: "fl-select", onchange: () => change(values[input.selectedIndex]) },
      values.map((v) => el("option", { value: String(v), selected: v === value }, title(v))),
    );
    return field(label, input);
  };
  const seed = (known, setup, change) => {
    const input = el("input", {
      type: "number",
      class: "fl-field",
      min: known.ranges.seed.low,
      max: known.ranges.seed.high,
      value: setup().seed,
      onchange: () => change({ seed: input.value === "" ? null : Number(input.value) }),
    });
    const next = el(
      "button",
      {
        type: "button",
        class: "fl-action",
        onclick: () => {
          input.value = String(Math.floor(Math.random() * known.ranges.seed.high));
          change({ seed: Number(input.value) });
        },
      },
      t("playground.new_seed"),
    );
    return el("div", { class: "fl-seed" }, field(t("playground.seed"), input), next);
  };

  // `change(part)` gets what a visitor has set; `refuse(text)` why a choice is not taken.
  const controls = (known, setup, change, refuse) => {
    const note = el("p", { class: "fl-muted" }),
      about = () => (note.textContent = t(`playground.data.${setup().data}.note`));
    const data = chips(
      t("playground.data"),
      known.data,
      (name) => t(`playground.data.${name}`),
      (name) => name === setup().data,
      (name) => {
        change({ data: name });
        data.update();
        about();
      },
    );
    about();
    const order = known.strategies.map((s) => s.name),
      chosen = (name) => setup().strategies.includes(name);
    const strategies = chips(
      t("playground.strategies"),
      order,
      FL.playground.title,
      chosen,
      (name) => {
        const next = order.filter((n) => (n === name) !== chosen(n));
        if (next.length < known.fewest || next.length > known.most) {
          refuse(t("playground.two_to_six"));
          return;
        }
        change({ strategies: next });
        strategies.update();
      },
    );
    const numbers = Object.entries(CHOICES).map(([key, values]) =>
      select(t("playground." + key), values, setup()[key], String, (v) => change({ [key]: v })),
    );
    const names = [
      ["optimizer", known.optimizers],
      ["loss", known.losses],
    ].map(([key, values]) =>
      select(
        t("playground." + key),
        values,
        setup()[key],
        (name) => t(`playground.${key}.${name}`),
        (v) => change({ [key]: v }),
      ),
    );
    return [
      el("h3", {}, t("playground.data")),
      data.group,
      note,
      el("h3", {}, t("playground.strategies")),
      strategies.group,
      el(
        "details",
        { class: "fl-settings", open: innerWidth > 800 },
        el("summary", {}, t("playground.training")),
        seed(known, setup, change),
        numbers,
        names,
      ),
    ];
  };

  FL.playground = { ...FL.playground, controls };
})();
