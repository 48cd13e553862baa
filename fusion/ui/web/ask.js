// Questions of a view to the server, whose answers go to that view alone (see `Page.answer_with`).
(() => {
  const FL = window.FusionLab;

  const read = (value) => {
    try {
      return JSON.parse(value || "{}");
    } catch {
      return {};
    }
  };

  // Takes what a view is started with, and returns `ask(what)`, which gives a promise of the answer.
  FL.asking = ({ props, trigger, watch }) => {
    const waiting = new Map();
    let number = 0;
    watch("value", () => {
      const said = read(props.value);
      if (said.ask || !waiting.has(said.number)) return;
      const resolve = waiting.get(said.number);
      waiting.delete(said.number);
      resolve(said);
    });
    return (what) =>
      new Promise((resolve) => {
        number += 1;
        waiting.set(number, resolve);
        props.value = JSON.stringify({ ask: true, number, ...what });
        trigger("input");
      });
  };
})();
