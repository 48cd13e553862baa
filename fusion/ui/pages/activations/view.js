// The Activations page: asks for one modality at a time while it is open, and shows the previous
// answer until the next one comes.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL,
    OWN = "own",
    BACKBONE = SETTINGS.backbone;
  // English words come from the encoders themselves; another language may override them.
  const textKey = (name, field) =>
    `encoder.${name.startsWith(BACKBONE) ? "backbone" : name}.${field}`;
  const told = (name, field, other) =>
    FL.has(textKey(name, field)) ? t(textKey(name, field)) : other;
  const words = (error) => {
    if (!error) return "";
    return error.key ? t(error.key) : FL.said(error.text);
  };

  FL.view("activations", (root, tools) => {
    const ask = FL.asking(tools);
    let kept = {},
      parts = {},
      task = "",
      seen = null,
      waiting = null,
      urgent = "";
    const chosen = {},
      now = {},
      done = {}; // versions of what is wanted and of what is shown, per modality
    const names = () => FL.get("lab")?.modalities || [],
      media = () => FL.get("result")?.media || {},
      open = () => FL.get("page") === "activations";
    const choice = (m, i) => (FL.get("encoders")[m] || ["", ""])[i];
    const keep = (m) =>
      (kept[m] = kept[m] || {
        sides: [null, null],
        says: ["", ""],
        own: [null, null],
        choices: [],
        about: null,
        bus: FL.clock(),
        trouble: "",
      });

    // Choosing and asking.
    const choose = (m, i, name, quiet = false) => {
      const pair = [choice(m, 0), choice(m, 1)];
      if (pair[i] === name) return;
      pair[i] = name;
      if (!quiet) {
        keep(m).says[i] = "";
        keep(m).own[i] = null;
        urgent = m;
      }
      FL.set("encoders", { ...FL.get("encoders"), [m]: pair });
    };
    const next = () => {
      if (!open() || !seen || (waiting && Date.now() - waiting.since < 60000)) return;
      const m = [urgent, ...names()].find(
        (n) => n && media()[n] !== undefined && now[n] !== done[n],
      );
      if (!m) return;
      const question = (waiting = { m, version: now[m], since: Date.now() });
      const held = keep(m).sides.map((s) => (s ? `${s.name} ${s.mark}` : ""));
      ask({ modality: m, held }).then((said) => take(question, said));
      busy(m);
    };
    const take = (question, said) => {
      const { m } = question,
        k = keep(m),
        old = [...k.sides];
      if (waiting === question) {
        done[m] = question.version;
        waiting = null;
        if (urgent === m) urgent = "";
      }
      k.trouble = words(said.error);
      k.choices = said.choices || k.choices;
      k.about = said.about || k.about;
      k.media = media()[m];
      (said.sides || []).forEach((s, i) => {
        if (s.same)
          k.sides[i] = old.find((o) => o?.name === s.name && o.mark === s.mark) || k.sides[i];
        else if (!s.error) {
          k.sides[i] = s;
          if (choice(m, i) === s.name) k.own[i] = null;
        } else {
          // the previous encoder stays, and the choice goes back to it
          k.says[i] = words(s.error);
          if (choice(m, i) === s.name)
            choose(m, i, old[i] && old[i].name !== s.name ? old[i].name : "", true);
        }
      });
      draw(m);
      busy(m);
      next();
    };

    // What stands above an encoder's drawings: which one, what it is, what it costs.
    const chooser = (m, i) => {
      const k = keep(m),
        side = k.sides[i],
        current = choice(m, i) || side?.name || "",
        label = t(i ? "activations.right_encoder" : "activations.left_encoder", {
          modality: FL.modality(m),
        });
      const own = k.own[i] !== null,
        option = (c) =>
          el(
            "option",
            { value: c.name, selected: !own && c.name === current },
            told(c.name, "title", c.title),
          );
      const part = (key, learned) => {
        const some = k.choices.filter((c) => c.learned === learned);
        return some.length ? el("optgroup", { label: t(key) }, some.map(option)) : null;
      };
      const other = current.startsWith(BACKBONE)
        ? option({ name: current, title: current.slice(BACKBONE.length) })
        : null;
      const select = el(
        "select",
        {
          class: "fl-select",
          "aria-label": label,
          onchange: () => {
            if (select.value !== OWN) {
              k.own[i] = null;
              choose(m, i, select.value);
              head(m, i);
            } else {
              k.own[i] = current.startsWith(BACKBONE) ? current.slice(BACKBONE.length) : "";
              head(m, i);
              parts[m].heads[i].querySelector("input").focus();
            }
          },
        },
        part("activations.learned", true),
        part("activations.textbook", false),
        el(
          "optgroup",
          { label: t("activations.own_group") },
          other,
          el("option", { value: OWN, selected: own }, t("activations.own")),
        ),
      );
      const field = (parts[m].fields[i] =
        parts[m].fields[i] ||
        el("input", {
          type: "text",
          class: "fl-field",
          maxlength: SETTINGS.longestBackbone,
          placeholder: "microsoft/resnet-18",
          "aria-label": t("activations.own_label"),
          spellcheck: "false",
          autocomplete: "off",
          oninput: () => {
            k.own[i] = field.value;
          },
        })); // the same one in every drawing: who types keeps the caret
      if (own && field.value !== k.own[i]) field.value = k.own[i];
      const form = own
        ? el(
            "form",
            {
              class: "fl-own",
              onsubmit: (event) => {
                event.preventDefault();
                const name = field.value.trim();
                if (name) {
                  k.says[i] = "";
                  urgent = m;
                  choose(m, i, BACKBONE + name, true);
                  head(m, i);
                }
              },
            },
            el("label", { class: "fl-muted" }, t("activations.own_label")),
            el(
              "span",
              {},
              field,
              el("button", { type: "submit", class: "fl-action" }, t("activations.load")),
            ),
          )
        : null;
      return [el("div", { class: "fl-chooser" }, select), form];
    };
    const facts = (s) => {
      const fact = (key, value, hint) =>
        el("div", { title: hint }, el("dt", {}, t("activations." + key)), el("dd", {}, value));
      return el(
        "dl",
        { class: "fl-stats" },
        fact("size", `${s.places.length} × ${s.embedding.length}`, t("activations.size_hint")),
        fact("length", s.norm.toFixed(2), t("activations.length_hint")),
        fact(
          "time",
          FL.millis(s.prepare + s.forward),
          t("activations.time_hint", {
            prepare: FL.millis(s.prepare),
            forward: FL.millis(s.forward),
          }),
        ),
        fact("parameters", FL.count(s.parameters)),
        fact("probe", s.probe === null ? "–" : FL.percent(s.probe), t("activations.probe_hint")),
      );
    };
    const idea = ({ name, told: about, trained_on }) =>
      el(
        "p",
        { class: "fl-idea" },
        told(name, "idea", about.idea),
        " ",
        el(
          "span",
          { class: "fl-muted" },
          [about.paper, FL.said(trained_on)].filter(Boolean).join(" · "),
        ),
      );
    const twins = (m) => {
      const [left, right] = keep(m).sides;
      return !!left && !!right && left.name === right.name;
    }; // shown once
    const head = (m, i) => {
      const k = keep(m),
        side = k.sides[i],
        about = side?.told,
        again = i === 1 && twins(m);
      FL.replace(
        parts[m].heads[i],
        chooser(m, i),
        k.says[i]
          ? el(
              "p",
              { class: "fl-say", role: "alert" },
              k.says[i],
              " ",
              side ? t("activations.kept", { encoder: told(side.name, "title", about.title) }) : "",
            )
          : null,
        again ? el("p", { class: "fl-idea fl-muted" }, t("activations.twins")) : null,
        side && !again ? [idea(side), facts(side)] : null,
      );
    };
    const body = (m, i) => {
      const k = keep(m),
        side = k.sides[i];
      if (!side || (i === 1 && twins(m))) {
        FL.replace(parts[m].bodies[i]);
        FL.replace(parts[m].tails[i]);
        return;
      }
      const ctx = {
          side,
          about: k.about,
          media: FL.kind(m) === "text" ? (k.media ?? "") : k.media || {},
          bus: k.bus,
        },
        tracks = FL.kind(m) === "audio";
      const shown = side.panels
          .filter((p) => !(tracks && p.kind === "series"))
          .map((p) => FL.panels.of(p, ctx)),
        vector = FL.panels.figure(t("activations.vector"), FL.barcode(side.embedding), {
          note: t("activations.numbers", { count: side.embedding.length }),
          wide: true,
        });
      FL.replace(
        parts[m].bodies[i],
        el("div", { class: "fl-figures" }, tracks ? null : FL.panels.tokens(ctx), shown),
      );
      FL.replace(
        parts[m].tails[i],
        el(
          "div",
          { class: "fl-figures" },
          vector,
          side.scatter ? FL.scatter(side.scatter, FL.get("lab").labels.map(FL.label)) : null,
          side.notes.map((note) => el("p", { class: "fl-muted" }, FL.said(note))),
        ),
      ); // a row of their own: two clouds side by side
    };
    // Both encoders of a sound on one axis, which ends shortly after the sound despite padding.
    const lanes = (m) => {
      const k = keep(m),
        sides = twins(m) ? [k.sides[0]] : k.sides.filter(Boolean);
      if (FL.kind(m) !== "audio" || !sides.length || !k.about?.wave) {
        FL.replace(parts[m].lanes);
        return;
      }
      const series = (s) => s.panels.filter((p) => p.kind === "series"),
        ends = sides.flatMap((s) => [
          ...series(s).map((p) => p.extent[1]),
          ...s.places.map((p) => p[1]),
        ]);
      const range = [
        0,
        Math.max(k.about.seconds, Math.min(k.about.seconds * 1.25, Math.max(...ends))),
      ];
      FL.replace(
        parts[m].lanes,
        FL.tracks({
          range,
          bus: k.bus,
          about: k.about,
          groups: sides.map((s) => ({
            title: told(s.name, "title", s.told.title),
            side: s.kind === "seconds" ? s : null,
            panels: series(s),
          })),
        }),
      );
    };

    // A section per modality.
    const facts_of = (m, k) => {
      if (!k.about) return "";
      const { seconds } = k.about;
      return t("activations.of_" + FL.kind(m), { ...k.about, seconds: seconds?.toFixed(2) });
    };
    const player = (k) => {
      let sound = null;
      const stop = () => {
        sound?.pause();
        sound = null;
        k.bus.set(null);
      };
      const press = () => {
        if (sound) {
          stop();
          return;
        }
        sound = new Audio("data:audio/wav;base64," + k.media.wav);
        const walk = () => {
          if (!sound) return;
          k.bus.set(sound.currentTime);
          if (sound.ended) stop();
          else requestAnimationFrame(walk);
        };
        sound.play().then(walk, stop);
      };
      return FL.button(t("slot.play"), "play", press);
    };
    const section = (m) => {
      const column = () => el("div", { class: "fl-side" }),
        part = {
          fields: [],
          heads: [column(), column()],
          bodies: [column(), column()],
          tails: [column(), column()],
          lanes: el("div", { class: "fl-lanes" }),
          facts: el("span", { class: "fl-muted" }),
          tools: el("span", { class: "fl-tools" }),
          trouble: el("p", { class: "fl-say", role: "alert", hidden: true }),
          none: el("p", { class: "fl-muted" }),
        };
      const veil = el("input", {
        type: "range",
        min: 0,
        max: 100,
        step: 5,
        value: 75,
        "aria-label": t("activations.veil"),
        oninput: () => part.root.style.setProperty("--veil", veil.value / 100),
      });
      if (FL.kind(m) === "image" || FL.kind(m) === "video")
        part.tools.append(
          el("label", { class: "fl-veil-slide fl-muted" }, t("activations.veil"), veil),
        );
      part.sides = el(
        "div",
        { class: "fl-duo", "data-lanes": String(FL.kind(m) === "audio") },
        part.heads[0],
        part.heads[1],
        part.lanes,
        ...part.bodies,
        ...part.tails,
      );
      part.root = el(
        "section",
        {
          class: "fl-activations fl-card-box",
          ...FL.ofModality(m),
          "aria-labelledby": "fl-activations-" + FL.asId(m),
        },
        el(
          "header",
          {},
          el("h2", { id: "fl-activations-" + FL.asId(m) }, FL.tag(m)),
          part.facts,
          el("span", { class: "fl-wait", role: "status" }),
          part.tools,
        ),
        part.trouble,
        part.none,
        part.sides,
      );
      parts[m] = part;
      return part.root;
    };
    const draw = (m) => {
      const k = keep(m),
        part = parts[m],
        given = media()[m] !== undefined;
      if (!part) return;
      part.sides.hidden = part.tools.hidden = part.facts.hidden = !given;
      part.none.hidden = given;
      FL.replace(
        part.none,
        t("activations.none", { modality: FL.modality(m) }),
        " ",
        el(
          "button",
          { type: "button", class: "fl-link", onclick: () => FL.set("page", "fuse") },
          t("activations.go"),
        ),
      );
      part.facts.textContent = facts_of(m, k);
      part.trouble.hidden = !k.trouble;
      part.trouble.textContent = k.trouble;
      if (FL.kind(m) === "audio" && k.media && !part.tools.firstChild) part.tools.append(player(k));
      k.bus.clear();
      part.sides.dataset.twins = String(twins(m));
      [0, 1].forEach((i) => {
        head(m, i);
        body(m, i);
      });
      lanes(m);
    };
    const busy = (m) => {
      names().forEach((n) => {
        if (!parts[n]) return;
        const pending = open() && media()[n] !== undefined && now[n] !== done[n],
          active = waiting?.m === n;
        parts[n].root.dataset.busy = String(pending);
        const wait = parts[n].root.querySelector(".fl-wait"),
          text = pending
            ? t(active || m === n ? "activations.working" : "activations.waiting")
            : "";
        if (wait.textContent !== text) wait.textContent = text;
      });
    };
    const build = () => {
      parts = {};
      FL.replace(
        root,
        el(
          "header",
          { class: "fl-activations-intro" },
          el("h2", {}, t("activations.title")),
          el("p", { class: "fl-muted" }, t("activations.note")),
          el(
            "div",
            { class: "fl-chips", role: "group", "aria-label": t("activations.jump") },
            names().map((m) =>
              el(
                "button",
                {
                  type: "button",
                  class: "fl-chip",
                  onclick: () => parts[m].root.scrollIntoView({ block: "start" }),
                },
                FL.tag(m),
              ),
            ),
          ),
        ),
        names().map(section),
      );
      names().forEach(draw);
      busy();
    };

    let language = null;
    FL.on("result lang page encoders lab", () => {
      const lab = FL.get("lab"),
        result = FL.get("result");
      if (!lab || !FL.get("encoders") || !open()) return;
      if (lab.task.name !== task) {
        task = lab.task.name;
        kept = {};
        seen = null;
        language = null;
        names().forEach((m) => {
          now[m] = (now[m] || 0) + 1;
        });
      }
      if (result?.status.kind === "ok" && result.id !== seen) {
        seen = result.id;
        names().forEach((m) => {
          now[m] = (now[m] || 0) + 1;
          keep(m).says = ["", ""];
        });
        if (language)
          names().forEach((m) => {
            if ((media()[m] === undefined) === !parts[m]?.sides.hidden) draw(m);
          });
      }
      for (const m of names()) {
        const pair = JSON.stringify(FL.get("encoders")[m] || []);
        if (chosen[m] !== pair) {
          chosen[m] = pair;
          now[m] = (now[m] || 0) + 1;
        }
      }
      if (language !== FL.get("lang")) {
        language = FL.get("lang");
        build();
      }
      busy();
      next();
    });
  });
})();
