// Camera and microphone. Nothing is kept in the browser: a recording is a file like any other and
// goes to our own server.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;
  const LONGEST = 10; // seconds of a recording; a digit needs two

  const open = async (api, wants) => {
    if (!navigator.mediaDevices?.getUserMedia) {
      api.say(t("device.insecure"));
      return null;
    }
    try {
      return await navigator.mediaDevices.getUserMedia(wants);
    } catch (error) {
      api.say(t(error.name === "NotFoundError" ? "device.missing" : "device.denied"));
      return null;
    }
  };
  const close = (stream) => stream.getTracks().forEach((track) => track.stop());

  // What is to be recognised lies before a visitor; a digit on paper is held up to either camera.
  FL.lens = () => (FL.draws() ? true : { facingMode: "environment" });
  // Runs until it is pressed again or LONGEST seconds are over; `live` shows what is being recorded.
  FL.record = async (api, wants, stem, press, live) => {
    if (press.recorder) {
      press.recorder.stop();
      return;
    }
    const stream = await open(api, wants);
    if (!stream) return;
    const recorder = (press.recorder = new MediaRecorder(stream)),
      parts = [];
    const begun = Date.now(),
      hide = live(stream);
    press.classList.add("fl-recording");
    api.recording = true;
    const clock = setInterval(() => {
      const seconds = (Date.now() - begun) / 1000;
      api.say(t("device.recording", { seconds: seconds.toFixed(1) }));
      if (seconds >= LONGEST) recorder.stop();
    }, 100);
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = () => {
      clearInterval(clock);
      close(stream);
      hide();
      press.recorder = null;
      press.classList.remove("fl-recording");
      api.recording = false;
      api.say("");
      api.free();
      const type = recorder.mimeType.split(";")[0] || "video/webm";
      api.take(new File(parts, stem + (type.includes("mp4") ? ".mp4" : ".webm"), { type }));
    };
    recorder.start();
  };

  FL.snapshot = async (api, press, live) => {
    if (press.snap) {
      press.snap();
      return;
    }
    const stream = await open(api, { video: FL.lens() });
    if (!stream) return;
    const hide = live(stream);
    press.classList.add("fl-recording");
    api.recording = true;
    api.say(t("device.snap"));
    press.snap = () => {
      const film = press.film,
        canvas = el("canvas", { width: film.videoWidth, height: film.videoHeight });
      canvas.getContext("2d").drawImage(film, 0, 0);
      close(stream);
      hide();
      press.snap = null;
      press.classList.remove("fl-recording");
      api.recording = false;
      api.say("");
      api.free();
      canvas.toBlob(
        (blob) => api.take(new File([blob], "camera.png", { type: "image/png" })),
        "image/png",
      );
    };
  };
  // A live picture over the stage while a camera is open.
  FL.live = (stage, press) => (stream) => {
    const film = el("video", {
      class: "fl-live",
      autoplay: true,
      playsinline: true,
      "aria-label": t("device.live"),
    });
    film.muted = true;
    film.srcObject = stream;
    press.film = film;
    stage.append(film);
    return () => film.remove();
  };
})();
