// The answer of the chosen strategy: its label, a bar per class, its answers to further questions,
// and its localization; and the exports.
(() => {
  const FL = window.FusionLab,
    { el, t, told } = FL;

  const sizeOf = (label) => (label.length > 2 ? "middle" : "large");

  FL.view("outcome", (root) =>
    FL.on("result lang strategy details", () => {
      const result = FL.get("result"),
        chosen = FL.strategy(),
        task = FL.get("lab")?.task;
      if (!result) return;
      if (!chosen) {
        FL.replace(root, el("p", { class: "fl-muted" }, t("outcome.none")));
        return;
      }
      const unknown = FL.outOfDistribution(chosen),
        label = FL.label(chosen.label),
        labels = result.labels.map(FL.label);
      const answer = unknown ? t("outcome.unknown", { count: FL.numbered(labels.length) }) : label,
        size = unknown ? "small" : sizeOf(label);
      const bar = (p, i) =>
        el(
          "li",
          { "data-top": String(result.labels[i] === chosen.label) },
          el("span", { class: "fl-class" }, labels[i]),
          el("span", { class: "fl-bar", style: { "--share": p } }),
          el("span", { class: "fl-number" }, FL.percent(p)),
        );
      const further = ([question, answers]) => {
        const [reply, p] = Object.entries(answers).reduce((a, b) => (b[1] > a[1] ? b : a));
        return el(
          "li",
          {
            "data-question": question,
            title: Object.entries(answers)
              .map(([a, q]) => `${FL.reply(a)} ${FL.percent(q)}`)
              .join(t("list.comma")),
          },
          FL.question(question),
          " ",
          el("b", {}, FL.reply(reply)),
          " " + FL.percent(p, 0),
        );
      };
      FL.replace(
        root,
        el("h2", {}, t("outcome.title")),
        el(
          "div",
          { class: "fl-verdict" },
          el(
            "strong",
            { class: "fl-answer-big", "data-testid": "label", "data-size": size },
            answer,
          ),
          el(
            "div",
            {},
            unknown
              ? el(
                  "p",
                  { class: "fl-guess" },
                  t("outcome.guess", { label, share: FL.percent(chosen.confidence) }),
                )
              : el("p", { class: "fl-confidence" }, FL.percent(chosen.confidence)),
            el(
              "p",
              { class: "fl-muted" },
              told(chosen.name, "title"),
              " · ",
              FL.millis(chosen.seconds),
            ),
            task.places
              ? el(
                  "p",
                  { class: "fl-said", "data-there": String(!chosen.place || !!chosen.place.box) },
                  FL.whereSaid(chosen),
                )
              : null,
          ),
        ),
        FL.explanation(result, chosen),
        chosen.auxiliary
          ? el(
              "ul",
              { class: "fl-further", "aria-label": t("outcome.further") },
              Object.entries(chosen.auxiliary).map(further),
            )
          : null,
        task.places ? FL.where(root, result, chosen) : null,
        task.places ? el("h3", {}, FL.fit("place.asked_for")) : null,
        el(
          "ol",
          {
            class: "fl-probs",
            "data-wide": String(labels.some((l) => l.length > 1)),
            "aria-label": t("outcome.bars"),
          },
          chosen.probs.map(bar),
        ),
      );
    }),
  );

  FL.view("export", (root, { props, watch }) => {
    FL.set("pack", JSON.parse(props.value));
    const pack = () => FL.get("pack");
    const save = (name, type, text) => {
      const url = URL.createObjectURL(new Blob([text], { type })),
        link = el("a", { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 1000);
    };
    const say = el("p", { class: "fl-muted", role: "status" });
    const take = async (kind, type) => {
      const said = await FL.ask({ export: kind });
      if (said.export) save("fusion-lab." + kind, type, said.export);
    };
    const copy = async (text) => {
      try {
        await navigator.clipboard.writeText(text);
        say.textContent = t("export.copied");
      } catch {
        say.textContent = t("export.not_copied");
      }
    };
    const link = () => location.origin + location.pathname + "?s=" + pack().query;
    const draw = () => {
      const action = (label, picture, press) =>
        el(
          "button",
          { type: "button", class: "fl-action", "aria-label": label, onclick: press },
          FL.icon(picture),
          label,
        );
      FL.replace(
        root,
        el(
          "details",
          { class: "fl-more" },
          el("summary", {}, t("export.title")),
          el(
            "div",
            { class: "fl-actions" },
            action(t("export.json"), "save", () => take("json", "application/json")),
            action(t("export.csv"), "save", () => take("csv", "text/csv")),
            action(t("export.link"), "copy", () => copy(link())),
            action(t("export.copy"), "copy", () => copy(pack().snippet)),
          ),
          say,
          el("p", { class: "fl-muted" }, t("export.note")),
          el(
            "pre",
            { tabindex: "0", "aria-label": t("export.snippet") },
            el("code", {}, pack().snippet),
          ),
        ),
      );
    };
    FL.on("lang", draw);
    watch("value", () => {
      const came = JSON.parse(props.value);
      if (FL.acts.current(came)) FL.history.link(came);
    });
    FL.on("pack", () => {
      const code = root.querySelector("code");
      if (code) code.textContent = pack().snippet;
    });
  });
})();
