// The drawing pad: strokes with times in seconds, from mouse, touch or pen. Drawn here, rendered
// again by the server from the strokes.
// In tasks of photos it is a frame that opens a file, until the pen is taken up.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const INK = "#141414",
    LONGEST_PAUSE = 0.4; // pauses between strokes would only make the clip stand still

  const paint = (canvas, strokes, until = Infinity) => {
    const size = canvas.width,
      pen = canvas.getContext("2d");
    pen.lineCap = pen.lineJoin = "round";
    pen.lineWidth = (FL.get("lab")?.task.pen || 0.06) * size;
    pen.strokeStyle = INK;
    for (const stroke of strokes) {
      const shown = stroke.filter((p) => p[2] <= until);
      if (!shown.length) continue;
      pen.beginPath();
      pen.moveTo(shown[0][0] * size, shown[0][1] * size);
      shown.forEach(([x, y]) => pen.lineTo(x * size, y * size + 0.01)); // a dot needs a length to be drawn
      pen.stroke();
    }
  };
  // Paper where one draws; beside a photo the frame's own ground.
  const wipe = (canvas) => {
    const pen = canvas.getContext("2d");
    pen.clearRect(0, 0, canvas.width, canvas.height);
    if (canvas.dataset.draws === "false") return;
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, canvas.width, canvas.height);
  };
  // The current picture behind an empty pad: an example, an upload or a camera picture, whole and centred.
  const backdrop = (canvas, url) => {
    const picture = new Image();
    picture.onload = () => {
      const scale = canvas.width / Math.max(picture.width, picture.height),
        pen = canvas.getContext("2d");
      wipe(canvas);
      pen.imageSmoothingEnabled = scale < 2;
      pen.drawImage(
        picture,
        (canvas.width - picture.width * scale) / 2,
        (canvas.height - picture.height * scale) / 2,
        picture.width * scale,
        picture.height * scale,
      );
    };
    picture.src = url;
  };

  FL.pad = (api) => {
    const canvas = el("canvas", {
      class: "fl-pad",
      width: 480,
      height: 480,
      role: "application",
      tabindex: "0",
      "aria-label": FL.fit("pad.label"),
    });
    const cursor = el("i", { class: "fl-pad-cursor", hidden: true }); // where the keyboard's pen is
    let strokes = [],
      stroke = null,
      start = 0,
      playing = 0,
      penned = false,
      shift = 0; // between the keyboard's seconds and those of the drawing
    const drawing = () => FL.draws() || penned;
    const now = () => performance.now() / 1000;
    const place = (event) => {
      const box = canvas.getBoundingClientRect(),
        clip = (v) => Math.min(1, Math.max(0, v));
      return [
        clip((event.clientX - box.left) / box.width),
        clip((event.clientY - box.top) / box.height),
        now() - start,
      ].map((v) => +v.toFixed(4));
    };
    const draw = () => {
      if (stroke) return; // a result that arrives while the pen is down must not wipe what is being drawn
      cancelAnimationFrame(playing);
      strokes = api.value().strokes || [];
      if (api.value().source === "drawing") penned = true;
      canvas.dataset.draws = String(drawing());
      wipe(canvas);
      const url = FL.get("result")?.media?.image?.url;
      if (api.value().source === "drawing") paint(canvas, strokes);
      else if (url && api.value().source !== "none") backdrop(canvas, url);
      canvas.parentElement?.classList.toggle("fl-empty", api.value().source === "none");
      tools.forEach((tool) => {
        tool.disabled = api.value().source !== "drawing";
        tool.hidden = !drawing();
      });
      take.hidden = FL.draws();
      take.setAttribute("aria-pressed", String(penned));
    };
    const commit = () => {
      const drawn = true,
        source = strokes.length ? "drawing" : "none";
      api.edit({ source, strokes, name: "", path: "", example: "" }, drawn);
      api.free();
    };
    // The paper before a new stroke: what was drawn before stays, a picture behind it goes.
    const begin = () => {
      cancelAnimationFrame(playing);
      strokes = api.value().source === "drawing" ? [...strokes] : [];
      wipe(canvas);
      paint(canvas, strokes);
      canvas.parentElement?.classList.remove("fl-empty");
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || !drawing()) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      begin();
      const last = strokes.length ? strokes.at(-1).at(-1)[2] : null;
      if (last === null) start = now();
      else start = Math.max(start || now() - last - LONGEST_PAUSE, now() - last - LONGEST_PAUSE);
      stroke = [place(event)];
      strokes.push(stroke);
      paint(canvas, [stroke]);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!stroke) return;
      const events = event.getCoalescedEvents?.() || [];
      for (const e of events.length ? events : [event]) {
        const p = place(e),
          q = stroke.at(-1);
        if (Math.hypot(p[0] - q[0], p[1] - q[1]) > 0.004) stroke.push(p);
      }
      paint(canvas, [stroke.slice(-3)]);
    });
    const finish = () => {
      if (stroke) {
        stroke = null;
        commit();
      }
    };
    canvas.addEventListener("pointerup", finish);
    canvas.addEventListener("pointercancel", finish);
    const undo = () => {
      if (api.value().source !== "drawing") return;
      strokes = strokes.slice(0, -1);
      commit();
    };
    const play = () => {
      if (api.value().source !== "drawing") return;
      const begun = now(),
        total = strokes.at(-1).at(-1)[2];
      const step = () => {
        wipe(canvas);
        paint(canvas, strokes, now() - begun);
        if (now() - begun < total) playing = requestAnimationFrame(step);
        else draw();
      };
      step();
    };
    const tools = [FL.button(t("pad.undo"), "undo", undo), FL.button(t("pad.play"), "play", play)];
    const take = FL.button(
      t("pad.pen"),
      "pen",
      () => {
        penned = !penned;
        draw();
      },
      { class: "fl-button fl-pen", "aria-pressed": "false" },
    );
    canvas.addEventListener("click", () => {
      if (!drawing()) api.browse();
    });
    canvas.addEventListener("keydown", (event) => {
      if (drawing() || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      api.browse();
    });
    FL.padKeys(canvas, {
      drawing,
      say: api.say,
      begin: (point) => {
        begin();
        const last = strokes.length ? strokes.at(-1).at(-1)[2] : -LONGEST_PAUSE;
        shift = last + LONGEST_PAUSE - point[2];
        stroke = [[point[0], point[1], point[2] + shift]];
        strokes.push(stroke);
        paint(canvas, [stroke]);
      },
      extend: (point) => {
        stroke.push([point[0], point[1], +(point[2] + shift).toFixed(4)]);
        paint(canvas, [stroke.slice(-3)]);
      },
      end: finish,
      undo,
      cursor: (point) => {
        cursor.hidden = !point;
        if (!point) return;
        cursor.style.left = point[0] * 100 + "%";
        cursor.style.top = point[1] * 100 + "%";
      },
    });
    return {
      stage: el(
        "div",
        { class: "fl-stage fl-square", "data-hint": FL.fit("pad.hint") },
        canvas,
        cursor,
      ),
      tools: [...tools, take],
      held: () => stroke !== null,
      draw,
    };
  };
})();
