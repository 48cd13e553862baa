// The pages as tabs. All stay in the document and one is shown, so that turning a page costs
// nothing and nothing is lost.
(() => {
  const FL = window.FusionLab,
    { el, t } = FL;

  FL.view("tabs", (root, { props, trigger }) => {
    const { tabs: known } = JSON.parse(props.tabs);
    const PAGES = known.map(({ name }) => name);
    const title = (page) => (FL.has("page." + page.name) ? t("page." + page.name) : page.title);
    let numbers = {}; // of the visitor's acts (see acts.js): every request takes this value along
    const text = () =>
      JSON.stringify({ page: FL.get("page"), encoders: FL.get("encoders"), ...numbers });
    const same = (a, b) => JSON.stringify(a) === JSON.stringify(b),
      shown = ({ page, encoders }) => [page, encoders];
    const read = (value) => {
      const { page, encoders } = JSON.parse(value || "{}");
      FL.set("page", PAGES.includes(page) ? page : PAGES[0]);
      if (!same(encoders || {}, FL.get("encoders"))) FL.set("encoders", encoders || {});
    };
    read(props.value);
    FL.acts.carrier((now) => {
      numbers = now;
      props.value = JSON.stringify({ ...JSON.parse(props.value || "{}"), ...numbers });
    });
    FL.acts.look = () => trigger("input");
    FL.acts.field("view", {
      read: () => props.value,
      write: (value) => {
        read(value);
        props.value = text();
      },
    });
    FL.on("page encoders", () => {
      document.documentElement.dataset.page = FL.get("page");
      if (same(shown(JSON.parse(props.value || "{}")), shown(JSON.parse(text())))) return;
      FL.acts.touch("view");
      props.value = text();
      trigger("input");
    });
    FL.on("page lang result", () => {
      const tab = (page) => {
        const { name } = page;
        return el(
          "button",
          {
            type: "button",
            role: "tab",
            id: "fl-tab-" + name,
            class: "fl-page-tab",
            "aria-selected": String(name === FL.get("page")),
            "aria-controls": "fl-page-" + name,
            onclick: () => FL.set("page", name),
            onfocus: (event) => {
              if (event.target.matches(":focus-visible")) FL.set("page", name);
            },
          },
          title(page),
        );
      };
      const tabs = known.map(tab),
        list = el(
          "div",
          { role: "tablist", class: "fl-page-tabs", "aria-label": t("pages") },
          tabs,
        );
      FL.rove(list, tabs, 1, PAGES.indexOf(FL.get("page")));
      FL.replace(root, list);
      PAGES.forEach((name) => {
        const page = document.getElementById("fl-page-" + name);
        page?.setAttribute("role", "tabpanel");
        page?.setAttribute("aria-labelledby", "fl-tab-" + name);
      });
    });
  });
})();
