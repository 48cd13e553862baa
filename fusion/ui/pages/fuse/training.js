// Training on a choice of encoders: how far it is, how long it will take, and a button that cancels it.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  FL.view("training", (root, { props, trigger, watch }) => {
    let told = {};
    const bar = el("progress", { max: 1 }),
      line = el("p", { class: "fl-training-line" }),
      announced = el("p", { class: "fl-hidden", role: "status" }),
      cancel = el("button", { type: "button", class: "fl-action" });
    const box = el("div", { class: "fl-training fl-card-box" }, line, bar, cancel);
    root.append(box, announced);

    const ask = (wish) => {
      props.value = JSON.stringify({ ask: wish });
      trigger("input");
    };
    const duration = (seconds) =>
      seconds < 90
        ? t("training.seconds", { count: Math.max(5, Math.ceil(seconds / 5) * 5) })
        : t("training.minutes", { count: Math.round(seconds / 60) });
    const running = ({ what, share, left }) => {
      if (!what) return t("training.starting");
      const name = FL.told(what, "title");
      const done = t("training.running", { what: name, share: FL.percent(share, 0) });
      return typeof left === "number"
        ? done + " " + t("training.left", { time: duration(left) })
        : done;
    };
    const sentence = () => {
      if (told.kind === "error") return told.key ? t(told.key) : FL.said(told.text);
      if (told.kind === "trained" || told.kind === "cancelled") return t("training." + told.kind);
      if (told.kind !== "training") return "";
      return told.position ? t("training.waiting", { position: told.position }) : running(told);
    };
    // Screen readers hear of each place in the queue and each quarter of the work, not of every step.
    const say = (key) => {
      if (announced.dataset.key === key) return;
      announced.dataset.key = key;
      announced.textContent = sentence();
    };
    const draw = () => {
      const active = told.kind === "training";
      box.hidden = !active && told.kind !== "error" && told.kind !== "cancelled";
      box.dataset.kind = told.kind || "";
      line.textContent = sentence();
      cancel.hidden = !active;
      bar.hidden = !active || told.position > 0;
      bar.setAttribute("aria-label", t("training.bar"));
      if (told.what) bar.value = told.share;
      else bar.removeAttribute("value");
      cancel.textContent = t("training.cancel");
      const quarter = told.what ? Math.floor(told.share * 4) : "";
      say([FL.get("lang"), told.kind, told.position, quarter].join(" "));
    };
    const receive = (next) => {
      const focused = document.activeElement === cancel;
      told = next;
      FL.set("training", told.kind === "training");
      draw();
      if (told.kind === "trained") FL.emit("trained");
      if (focused && told.kind !== "training")
        setTimeout(() => {
          const find = (selector) => document.querySelector("#fl-encoder-choice " + selector);
          (find(".fl-action") || find("summary"))?.focus();
        });
    };
    cancel.onclick = () => ask("cancel");
    FL.hear("chosen", () => {
      if (told.kind === "training") ask("cancel");
    });
    FL.hear("train", () => {
      ask("train");
      receive({ kind: "training" });
      cancel.focus();
    });
    watch("value", () => {
      const next = JSON.parse(props.value || "{}");
      if (next.kind) receive(next);
    });
    FL.on("lang", draw);
    FL.on("lab", () => {
      if (told.kind !== "training") receive({});
    });
  });
})();
