// The playground: strategies are trained on a problem of two numbers while the visitor watches. The
// server trains a little for each question; nothing goes on when no question is asked.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const PERIOD = 200, // ms between two questions
    PATIENCE = 30000; // ms, after which no answer is expected any more

  FL.view("playground", (root, tools) => {
    const ask = FL.asking(tools),
      known = JSON.parse(tools.props.known);
    const titles = Object.fromEntries(known.strategies.map((s) => [s.name, s.title]));
    FL.playground.title = (name) => {
      const key = `strategy.${name}.title`;
      return FL.has(key) ? t(key) : titles[name];
    };
    let setup = { ...known.setup },
      playing = false,
      asking = false,
      turn = 0, // answers to questions of an earlier turn are dropped
      history = [],
      problem = null,
      cards = [],
      language = null,
      parts = null;

    const open = () => FL.get("page") === "playground" && !document.hidden;
    const step = () => history.at(-1)?.step ?? 0;
    const done = () => history.at(-1)?.done ?? false;
    const say = (text) => {
      if (parts.status.textContent !== text) parts.status.textContent = text;
    };
    const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const late = () => wait(PATIENCE).then(() => ({ error: { key: "status.unexpected" } }));

    const draw = () => {
      const last = history.at(-1);
      parts.count.textContent = t("playground.step_count", { n: step() });
      parts.play.textContent = t(playing ? "playground.pause" : "playground.play");
      parts.play.disabled = parts.step.disabled = done();
      if (!last) return;
      last.strategies.forEach((row, i) => cards[i]?.update(row));
      FL.replace(parts.curves, FL.playground.curves(history));
    };
    const bits = () => {
      const row = ([part, value]) =>
        el(
          "li",
          {},
          el("span", {}, t("playground.bits." + part)),
          el("span", { class: "fl-bar", style: { "--share": Math.min(1, value) } }),
          el("span", { class: "fl-number" }, t("playground.bits", { n: value.toFixed(2) })),
        );
      FL.replace(parts.bits, Object.entries(problem.bits).map(row));
    };
    const show = () => {
      if (!problem) return;
      cards = history
        .at(-1)
        .strategies.map((row, i) => FL.playground.card(row, i, problem.points, known.cells));
      FL.replace(
        parts.cards,
        cards.map((card) => card.root),
      );
      bits();
      draw();
    };
    // Takes an answer, and returns whether there is one.
    const take = (said, restart) => {
      if (said.error) {
        playing = false;
        say(said.error.key ? t(said.error.key) : FL.said(said.error.text));
        draw();
        return;
      }
      if (said.step < step()) history = []; // the server no longer had it and began anew
      history.push({ step: said.step, done: said.done, strategies: said.strategies });
      if (restart) {
        problem = { points: said.points, bits: said.bits };
        show();
      } else draw();
      if (said.done) {
        playing = false;
        say(t("playground.done", { n: said.step }));
        draw();
      }
    };
    const question = async (what, restart = false) => {
      const mine = turn;
      asking = true;
      const said = await Promise.race([ask({ setup, restart, ...what }), late()]);
      if (mine !== turn) return;
      asking = false;
      take(said, restart);
    };
    const restart = () => {
      turn += 1;
      playing = false;
      history = [];
      say(t("playground.ready"));
      question({ steps: 0 }, true);
    };
    const pause = (why) => {
      if (!playing) return;
      playing = false;
      say(t(why));
      draw();
    };
    const run = async () => {
      const mine = turn;
      while (playing && mine === turn) {
        const pauseAfter = wait(PERIOD);
        await question({ steps: known.mostSteps });
        await pauseAfter;
        if (!open()) pause("playground.left");
      }
    };
    const play = () => {
      if (playing) {
        pause("playground.paused");
        return;
      }
      if (asking || done() || !problem) return;
      playing = true;
      say(t("playground.running"));
      draw();
      run();
    };
    const one = () => {
      pause("playground.paused");
      if (!asking && !done()) question({ steps: 1 });
    };

    const build = () => {
      const action = (press, key) =>
        el("button", { type: "button", class: "fl-action", onclick: press }, t(key));
      parts = {
        play: action(play, "playground.play"),
        step: action(one, "playground.step"),
        count: el("span", { class: "fl-number" }),
        status: el("p", { class: "fl-line", role: "status" }),
        cards: el("div", { class: "fl-learners" }),
        curves: el("div", { class: "fl-curves" }),
        bits: el("ul", { class: "fl-bits" }),
      };
      const change = (part) => {
        setup = { ...setup, ...part };
        restart();
      };
      const controls = FL.playground.controls(known, () => setup, change, say);
      const bar = el(
        "div",
        { class: "fl-playground-bar" },
        parts.play,
        parts.step,
        action(restart, "playground.reset"),
        parts.count,
      );
      FL.replace(
        root,
        el(
          "header",
          {},
          el("h2", {}, t("playground.title")),
          el("p", { class: "fl-muted" }, t("playground.note")),
        ),
        el(
          "div",
          { class: "fl-playground" },
          el(
            "div",
            { class: "fl-playground-side" },
            el("div", { class: "fl-card-box" }, controls),
            el(
              "section",
              { class: "fl-card-box fl-playground-bits" },
              el("h3", {}, t("playground.information")),
              parts.bits,
              el("p", { class: "fl-muted" }, t("playground.information_note")),
            ),
          ),
          el(
            "div",
            { class: "fl-playground-main" },
            bar,
            parts.status,
            parts.cards,
            el("p", { class: "fl-muted" }, t("playground.legend")),
            parts.curves,
            FL.playground.numbers(() => history),
          ),
        ),
      );
    };

    document.addEventListener("visibilitychange", () => {
      if (document.hidden) pause("playground.left");
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => parts && show());
    FL.on("page lang lab", () => {
      if (FL.get("page") !== "playground") {
        pause("playground.left");
        return;
      }
      if (!FL.get("lab") || language === FL.get("lang")) return;
      language = FL.get("lang");
      build();
      if (problem) show();
      else restart();
    });
  });
})();
