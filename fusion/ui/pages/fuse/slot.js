// One modality's input: what it holds, where it came from, whether it is used and how much it is corrupted.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const ACCEPT = {
    image: "image/*",
    audio: "audio/*,video/*,.wav,.mp3,.ogg,.flac,.m4a,.webm",
    video: "video/*,image/gif,.webm,.mp4,.avi,.mov,.mkv,.gif",
  };
  const PAUSE = 300; // ms in which somebody who types has probably not finished
  // an example's name stays while it holds the example's medium
  const HELD = { source: "none", path: "", name: "", example: "", text: "" };

  const kinds = {
    image: (api) => {
      const pad = FL.pad(api);
      const camera = FL.button(t("slot.camera"), "camera", () =>
        FL.snapshot(api, camera, FL.live(pad.stage, camera)),
      );
      return { ...pad, tools: [...pad.tools, api.opener(), camera, api.clearer()] };
    },
    text: (api) => {
      const area = el("textarea", {
        rows: 2,
        maxlength: 2000,
        class: "fl-words",
        "aria-label": t("modality.text"),
        placeholder: FL.fit("text.hint"),
        spellcheck: "false",
      });
      let timer = null;
      const say = () => {
        clearTimeout(timer);
        timer = null;
        api.edit({ ...HELD, text: area.value, source: area.value.trim() ? "text" : "none" });
        api.free();
      };
      // The words of an example are selected, so that typing replaces them; one's own are typed on.
      let fresh = false;
      const selectExample = () => {
        fresh = !!api.value().example;
        if (fresh) area.select();
      };
      area.addEventListener("focus", selectExample);
      area.addEventListener("click", () => {
        // the click that gave the focus ended the selection
        if (fresh && area.selectionStart === area.selectionEnd) area.select();
        fresh = false;
      });
      area.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(say, PAUSE);
      });
      // who has said all does not wait; Enter that picks a character of an input method is not meant for us
      area.addEventListener("change", () => timer !== null && say());
      area.addEventListener("keydown", (e) => {
        if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
          e.preventDefault();
          if (timer !== null) say();
        }
      });
      return {
        stage: el("div", { class: "fl-stage" }, area),
        tools: [],
        held: () => timer !== null,
        // What was typed before an example or a task was chosen is over.
        drop: () => {
          clearTimeout(timer);
          timer = null;
        },
        draw: () => {
          const { text } = api.value();
          if (timer !== null || area.value === text) return; // what is being typed is not taken away
          area.value = text;
        },
      };
    },
    audio: (api) => {
      const wave = el("canvas", {
        class: "fl-wave",
        width: 560,
        height: 120,
        role: "img",
        "aria-label": t("audio.label"),
      });
      const stage = el("div", { class: "fl-stage", "data-hint": FL.fit("audio.hint") }, wave);
      const mic = FL.button(t("slot.microphone"), "mic", () =>
        FL.record(api, { audio: true }, "microphone", mic, () => () => {}),
      );
      let sound = null;
      const play = FL.button(t("slot.play"), "play", () => {
        const wav = FL.get("result")?.media?.audio?.wav;
        if (sound && !sound.paused) {
          sound.pause();
          sound = null;
          return;
        }
        if (wav) {
          sound = new Audio("data:audio/wav;base64," + wav);
          sound.play();
        }
      });
      const own = el(
        "button",
        { type: "button", class: "fl-link", onclick: () => api.edit({ ...HELD, source: "clip" }) },
        t("audio.from_clip"),
      );
      const draw = () => {
        const heard = api.value().source !== "none" && FL.get("result")?.media?.audio;
        drawWave(wave, heard ? heard.peaks : []);
        stage.classList.toggle("fl-empty", !heard);
        own.hidden = !FL.get("result")?.media?.video?.sound;
      };
      return { stage, tools: [play, mic, api.opener(), api.clearer(), own], draw };
    },
    video: (api) => {
      const screen = el("canvas", {
        class: "fl-screen",
        width: 240,
        height: 240,
        role: "img",
        "aria-label": t("video.label"),
      });
      const stage = el(
        "div",
        { class: "fl-stage fl-square fl-small", "data-hint": FL.fit("video.hint") },
        screen,
      );
      const film = reel(screen);
      screen.addEventListener("click", () => {
        if (!FL.draws()) (api.value().source === "none" ? api.browse : film.play)();
      });
      const camera = FL.button(t("slot.record"), "camera", () =>
        FL.record(api, { video: FL.lens(), audio: true }, "camera", camera, FL.live(stage, camera)),
      );
      const own = el(
        "button",
        {
          type: "button",
          class: "fl-link",
          onclick: () => api.edit({ ...HELD, source: "drawing" }),
        },
        t("video.from_drawing"),
      );
      const draw = () => {
        const shown = api.value().source !== "none" && FL.get("result")?.media?.video;
        film.load(shown || null);
        own.hidden = !!FL.get("lab")?.task.places || !FL.draws();
        stage.classList.toggle("fl-empty", !shown);
      };
      return {
        stage,
        tools: [
          FL.button(t("slot.play"), "play", film.play),
          camera,
          api.opener(),
          api.clearer(),
          own,
        ],
        draw,
      };
    },
  };

  const drawWave = (canvas, peaks) => {
    const pen = canvas.getContext("2d"),
      { width, height } = canvas,
      step = width / Math.max(1, peaks.length);
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = getComputedStyle(canvas).getPropertyValue("--modality") || "#888";
    peaks.forEach((peak, i) => {
      const h = Math.max(2, peak * height * 0.94);
      pen.fillRect(i * step, (height - h) / 2, Math.max(1, step * 0.62), h);
    });
  };
  // Plays the thumbnails of a clip in their own tempo on a canvas, and rests on the last one.
  const reel = (canvas) => {
    let frames = [],
      times = [],
      timer = 0;
    const show = (i) => {
      const frame = frames[i],
        pen = canvas.getContext("2d");
      if (!frame?.complete || !frame.naturalWidth) return;
      const scale = Math.min(canvas.width / frame.width, canvas.height / frame.height);
      pen.clearRect(0, 0, canvas.width, canvas.height);
      pen.drawImage(
        frame,
        (canvas.width - frame.width * scale) / 2,
        (canvas.height - frame.height * scale) / 2,
        frame.width * scale,
        frame.height * scale,
      );
    };
    const load = (clip) => {
      clearTimeout(timer);
      if (!clip) {
        frames = [];
        canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
        return;
      }
      times = clip.times;
      frames = clip.frames.map((url, i) => {
        const picture = new Image();
        if (i === clip.frames.length - 1) picture.onload = () => show(i);
        picture.src = url;
        return picture;
      });
    };
    const play = (i = 0) => {
      clearTimeout(timer);
      const at = typeof i === "number" ? i : 0; // called as a click listener it gets the event
      if (at >= frames.length) return;
      show(at);
      timer = setTimeout(
        () => play(at + 1),
        at + 1 < times.length ? (times[at + 1] - times[at]) * 1000 : 0,
      );
    };
    return { load, play };
  };

  FL.view("slot", (root, { props, trigger, upload }) => {
    const modality = props.modality;
    let value = JSON.parse(props.value),
      parts = null;
    const api = {
      value: () => value,
      say: (text) => {
        parts.say.textContent = text;
      },
      edit: (patch, drawn = false) => {
        if ("source" in patch) FL.acts.release(modality); // a file that is still being sent comes too late
        FL.acts.edit(modality, patch, drawn);
      },
      take: async (file) => {
        if (!file) return;
        const current = FL.acts.claim(modality);
        api.say(t("slot.uploading"));
        try {
          const { path } = await upload(file);
          if (!current()) return;
          api.say("");
          api.edit({ ...HELD, source: "file", path, name: file.name });
        } catch (error) {
          console.warn(error);
          if (current()) api.say(t("slot.upload_failed", { name: file.name }));
        }
      },
      browse: () => {},
      opener: () => {
        const file = el("input", {
          type: "file",
          accept: ACCEPT[modality],
          class: "fl-file",
          tabindex: "-1",
          "aria-label": t("slot.upload") + ": " + t("modality." + modality),
          onchange: () => {
            api.take(file.files[0]);
            file.value = "";
          },
        });
        api.browse = () => file.click();
        return el(
          "span",
          { class: "fl-opener" },
          FL.button(t("slot.upload"), "upload", api.browse),
          file,
        );
      },
      clearer: () => FL.button(t("slot.clear"), "clear", () => api.edit({ ...HELD, strokes: [] })),
    };
    const build = () => {
      const on = el("input", {
        type: "checkbox",
        role: "switch",
        "aria-label": t("slot.use", { modality: t("modality." + modality) }),
        onchange: () => api.edit({ on: on.checked }),
      });
      const level = el("output", {}),
        range = el("input", {
          type: "range",
          min: 0,
          max: 5,
          step: 1,
          "aria-label": t("slot.severity_of", { modality: t("modality." + modality) }),
          oninput: () => {
            level.textContent = range.value;
            range.style.setProperty("--fill", range.value / 5);
          },
          onchange: () => api.edit({ severity: +range.value }),
        });
      const kind = kinds[modality](api),
        alone = el("span", { class: "fl-alone" }),
        role = el("span", { class: "fl-role" }),
        say = el("p", { class: "fl-say", role: "status" }),
        name = el("p", { class: "fl-name" });
      parts = { on, range, level, kind, alone, role, say, name };
      const section = el(
        "section",
        { class: "fl-slot", "data-modality": modality, "aria-label": t("modality." + modality) },
        el("header", {}, FL.tag(modality), role, alone, on),
        el(
          "div",
          { class: "fl-body" },
          kind.stage,
          el(
            "div",
            { class: "fl-side" },
            kind.tools.length ? el("div", { class: "fl-tools" }, kind.tools) : null,
            name,
            el("label", { class: "fl-severity" }, el("span", {}, t("slot.severity")), range, level),
          ),
        ),
        say,
      );
      section.addEventListener("dragover", (event) => {
        event.preventDefault();
        section.classList.add("fl-drop");
      });
      section.addEventListener("dragleave", () => section.classList.remove("fl-drop"));
      section.addEventListener("drop", (event) => {
        event.preventDefault();
        section.classList.remove("fl-drop");
        if (modality !== "text") api.take(event.dataTransfer.files[0]);
      });
      FL.replace(root, section);
    };
    // Where the medium comes from, if that is worth a word.
    const origin = () => {
      if (value.source === "file") return value.name;
      if (value.source === "drawing" && modality === "video") return t("video.is_drawing");
      if (value.source === "clip") return t("audio.is_clip");
      return value.example && !value.on ? t("slot.of_example") : "";
    };
    // What the modality says on its own.
    const answer = (own) => {
      if (FL.outOfDistribution(own)) {
        const count = FL.numbered(own.probs.length),
          title = t("table.unknown_is", { count, label: FL.label(own.label) });
        return [el("b", { class: "fl-none-of", title }, t("slot.unknown"))];
      }
      if (FL.guesses(own)) return [t("slot.guesses")];
      return [el("b", {}, FL.label(own.label)), ` (${FL.percent(own.confidence, 0)})`];
    };
    const refresh = () => {
      const { on, range, level, kind, alone, role, name } = parts,
        result = FL.get("result"),
        key = FL.ofTask("role." + modality);
      root.hidden = !!FL.get("lab") && !FL.get("lab").modalities.includes(modality);
      role.textContent = FL.has(key) ? t(key) : "";
      on.checked = value.on;
      range.value = value.severity;
      range.style.setProperty("--fill", value.severity / 5);
      level.textContent = value.severity;
      root.firstChild.classList.toggle("fl-off", !value.on);
      name.textContent = origin();
      kind.draw();
      const out = FL.get("lab")?.unavailable[modality];
      if (out) parts.say.textContent = FL.said(out);
      const own = (result?.strategies || []).find((s) => s.name === modality + "_only");
      FL.replace(alone, own && value.on ? [t("slot.alone"), " ", ...answer(own)] : []);
    };
    const write = (given) => {
      value = given;
      props.value = JSON.stringify(value);
      refresh();
    };
    FL.acts.slot(modality, { read: () => value, write, send: () => trigger("input") });
    FL.hear("own", (mine) => {
      if (mine !== modality && value.example) write({ ...value, on: false });
    });
    FL.hear("filling", () => {
      api.say("");
      parts.kind.drop?.();
    });
    FL.hear("toggle", (name) => {
      if (name === modality) api.edit({ on: !value.on });
    });
    if (modality === "video")
      FL.hear("drawn", () => {
        // a picture of several things is not the clip that asks for one
        if (value.source === "file" || FL.get("lab").task.places || !FL.draws()) return;
        write({ ...value, ...HELD, source: "drawing" });
      });
    if (modality === "image")
      document.addEventListener("paste", (event) => {
        const picture = [...(event.clipboardData?.files || [])].find((f) =>
          f.type.startsWith("image/"),
        );
        if (picture) api.take(picture);
      });
    let words = null; // of which language and task they are
    const redraw = () => {
      const now = FL.get("lang") + " " + FL.get("lab")?.task.name;
      // what is being drawn, typed or recorded is not torn out of the visitor's hand; `api.free` draws then
      if (words !== now && !(words && (api.recording || parts.kind.held?.()))) {
        words = now;
        build();
      }
      refresh();
    };
    api.free = redraw;
    FL.on("lang result lab", redraw);
  });
})();
