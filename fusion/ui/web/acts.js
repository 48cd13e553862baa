// The visitor's last act decides what the page shows. Every act has a number. A request carries the
// number of the last act it knows and the
// number of the last fill (example, task, link) that its slots hold; the reply names both again, so
// that what is out of date is recognised.
// Edits made while a fill is on its way are kept and made again on what comes.
(() => {
  const FL = window.FusionLab,
    PATIENCE = 60000, // ms after which a fill that never came is given up
    OWN_SOURCES = ["file", "drawing", "text"];
  const slots = {}, // {modality: {read, write, send}}
    fields = {}, // {task, strategy, language, view, encoder_choice: {read, write}}
    touched = {}; // {field: number of the visitor's last act on it}
  let number = 0, // of the last act
    wanted = 0, // of the last act that changes the answer
    filled = 0, // of the last fill that the slots hold
    begun = 0, // fills that were asked for
    fill = null, // the fill on its way: {number, since, push, example}
    later = [], // acts since then: {redo, send}
    carry = () => {};

  const waiting = () => fill !== null && Date.now() - fill.since < PATIENCE;
  const next = (changesAnswer) => {
    number += 1;
    if (changesAnswer) {
      wanted = number;
      FL.set("busy", true);
      FL.set("notices", []);
    }
    carry();
  };

  const apply = ({ modality, patch, drawn }) => {
    if (drawn) FL.emit("drawn");
    // The first medium of one's own is asked about alone; what the example says to it can be
    // switched on again.
    if (OWN_SOURCES.includes(patch.source) && !FL.get("own")) {
      FL.set("own", true);
      if (FL.get("lab")?.task.interaction === "redundancy") FL.emit("own", modality);
    }
    const value = slots[modality].read(),
      given = patch.source && patch.source !== "none";
    slots[modality].write({ ...value, ...patch, on: given ? true : (patch.on ?? value.on) });
    FL.set("example", "");
  };
  const act = (redo, send) => {
    next(true);
    redo();
    if (waiting()) later.push({ redo, send });
    else send();
  };
  // A slot was changed by the visitor; `drawn` is true where the pad was drawn on.
  const edit = (modality, patch, drawn = false) =>
    act(() => apply({ modality, patch, drawn }), slots[modality].send);
  // Other encoders were chosen, or are to be trained on.
  const choose = (redo, send) => {
    act(redo, send);
    touched.encoder_choice = number;
  };
  // A choice that the browser draws by itself: strategy, language, view.
  const touch = (field) => {
    next(false);
    touched[field] = number;
  };
  // An example or a task is asked for, which will replace all slots; earlier edits are over.
  const begin = (field, redo, send) => {
    if (!waiting()) FL.history.keep();
    const example = waiting() ? fill.example : FL.get("example");
    next(true);
    if (field) touched[field] = number;
    fill = { number, since: Date.now(), push: true, example };
    later = [];
    begun += 1;
    FL.set("filling", field || "example");
    FL.emit("filling");
    redo();
    carry();
    send();
  };
  // A file takes time to arrive: whether the slot was given something else since `claim()`.
  const claims = {};
  const claim = (modality) => {
    const claimed = (claims[modality] = {}),
      fills = begun;
    return () => claims[modality] === claimed && fills === begun;
  };
  const release = (modality) => delete claims[modality];

  const put = (given, since) => {
    FL.set("own", false);
    for (const [modality, value] of Object.entries(given.slots || {}))
      slots[modality].write(JSON.parse(value));
    for (const [field, part] of Object.entries(fields))
      if (field in given && !(touched[field] > since)) part.write(given[field]);
    if ("example" in given) FL.set("example", given.example);
  };
  const resend = () => {
    const sends = new Set(later.map((l) => l.send));
    later = [];
    carry();
    setTimeout(() => {
      FL.set("busy", true);
      sends.forEach((send) => send());
    }, 0); // after all views have drawn what came
  };

  // What to do with a reply: "drop" it, "show" it, or take its "lab" and wait for the answer that
  // knows the later acts.
  // `enter` sets the reply's lab, which later acts may need.
  const receive = (reply, enter) => {
    if (!("act" in reply)) return "show"; // came with the page
    if (reply.filled !== filled) return "drop";
    if (!("fill" in reply)) return fill || reply.act < wanted ? "drop" : "show";
    if (!fill || reply.act < fill.number) return "drop";
    const { example, number: since } = fill;
    FL.set("filling", "");
    if (!reply.fill) FL.set("example", example);
    else {
      filled = since;
      enter();
      put(reply.fill, since);
      later.forEach(({ redo }) => redo());
    }
    const push = fill.push && !!reply.fill;
    fill = null;
    carry();
    if (reply.pack) FL.history.link({ ...reply.pack, act: reply.act, filled }, push);
    if (later.length) {
      resend();
      return reply.fill ? "lab" : "show";
    }
    if (number > reply.act) setTimeout(() => FL.acts.look(), 0);
    return "show";
  };

  const snapshot = () => ({
    slots: Object.fromEntries(Object.entries(slots).map(([m, s]) => [m, JSON.stringify(s.read())])),
    ...Object.fromEntries(Object.entries(fields).map(([name, f]) => [name, f.read()])),
    example: FL.get("example"),
    own: FL.get("own"),
  });
  // Shows a state that was left with Back or Forward.
  const restore = (state) => {
    next(true);
    fill = null;
    later = [];
    filled = number;
    begun += 1;
    FL.set("filling", "");
    put(state, number);
    FL.set("own", state.own);
    carry();
    setTimeout(() => Object.values(slots)[0].send(), 0);
  };

  FL.acts = {
    slot: (modality, part) => (slots[modality] = part),
    field: (name, part) => (fields[name] = part),
    // `tell` writes the numbers to where every request takes them from.
    carrier: (tell) => (carry = () => tell({ act: number, filled })),
    // The page has just been opened, perhaps by a link, which will fill it.
    expect: () => (fill = { number: 0, since: Date.now(), push: false }),
    waiting,
    current: (said) => !fill && said.filled === filled && said.act === number,
    edit,
    choose,
    touch,
    begin,
    claim,
    release,
    receive,
    snapshot,
    restore,
    look: () => {}, // set by the view that asks for a new link
  };
})();
