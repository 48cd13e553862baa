// Drawing with the keyboard: arrow keys move a pen, Space or Enter puts it down and lifts it,
// Backspace takes the last stroke back.
(() => {
  const FL = window.FusionLab,
    { t } = FL;
  const STEP = 0.04, // of the pad's side, for each press of an arrow key
    FINE_STEP = 0.01, // with Shift
    SECONDS = 0.04; // that a step takes in the clip of the drawing
  const DIRECTIONS = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
  };

  const within = (value) => Math.min(1, Math.max(0, value));

  // `pad` has drawing(), begin(point), extend(point), end(), undo(), cursor(point or null), say(text).
  FL.padKeys = (canvas, pad) => {
    let point = [0.5, 0.5],
      down = false,
      seconds = 0;

    const lift = () => {
      if (!down) return;
      down = false;
      pad.end();
    };
    const toggle = () => {
      if (down) {
        lift();
        pad.say(t("pad.pen_up"));
      } else {
        down = true;
        pad.begin([...point, seconds]);
        pad.say(t("pad.pen_down"));
      }
    };
    const move = ([dx, dy], step) => {
      point = [within(point[0] + dx * step), within(point[1] + dy * step)];
      seconds += SECONDS;
      if (down) pad.extend([...point, seconds]);
      pad.cursor(point);
    };

    canvas.addEventListener("keydown", (event) => {
      if (!pad.drawing() || event.ctrlKey || event.metaKey || event.altKey) return;
      const direction = DIRECTIONS[event.key];
      if (direction) move(direction, event.shiftKey ? FINE_STEP : STEP);
      else if (event.key === " " || event.key === "Enter") toggle();
      else if (event.key === "Backspace" || event.key === "Delete") {
        lift();
        pad.undo();
      } else return;
      event.preventDefault();
    });
    canvas.addEventListener("focus", () => {
      if (pad.drawing() && canvas.matches(":focus-visible")) pad.cursor(point);
    });
    canvas.addEventListener("blur", () => {
      lift();
      pad.cursor(null);
    });
  };
})();
