// What the scripts of all panels share; pages/shell/scripts.py puts it before each one's
// own. Runs when the panel is first opened, with PANEL set to its id.
const PANEL = "#PANEL";
const find = (selector) => document.querySelector(selector);
const panel = () => find(PANEL);
const visible = () => Boolean(panel() && panel().offsetParent);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const narrow = matchMedia("(max-width: 900px)");
const scrollTo_ = (node) =>
  node && node.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
const BREATH = 60; // until an update of the page is over, or has reached Gradio

// A page that Gradio makes anew runs this anew: the old listeners go.
const KNOWN = "xkde" + PANEL;
if (window[KNOWN]) window[KNOWN].abort();
const life = (window[KNOWN] = new AbortController());
const { signal } = life;

// What is shown gives the address; language and theme stay in it.
const KEPT = ["lang", "__theme"];
const writeAddress = (address) => {
  const query = new URLSearchParams(address);
  const now = new URLSearchParams(location.search);
  for (const name of KEPT) if (now.has(name)) query.set(name, now.get(name));
  window.xkdeAddress(query);
};

// Call ``changed`` after every change of the panel, and when it comes into sight again:
// where two states have one structure, Gradio changes attributes only.
const observe = (changed, attributeFilter) => {
  const observer = new MutationObserver(changed);
  observer.observe(panel(), { childList: true, subtree: true, attributeFilter });
  const seen = new IntersectionObserver(() => setTimeout(changed, BREATH));
  seen.observe(panel());
  signal.addEventListener("abort", () => {
    observer.disconnect();
    seen.disconnect();
  });
};

// Call ``press`` with what a bar or a point of a figure leads to.
const hearPlots = (press) => {
  for (const plot of panel().querySelectorAll(".js-plotly-plot")) {
    if (!plot.on || plot.heard) continue;
    plot.heard = true;
    plot.on("plotly_click", ({ points }) => {
      const leads = points[0] && points[0].customdata;
      if (typeof leads === "string" && leads) press(leads);
    });
  }
};

// Back in the browser's history: what was shown there is shown again.
const followHistory = () =>
  window.addEventListener(
    "xkde-back",
    () => setTimeout(() => visible() && trigger("arrived", { search: location.search }), 100),
    { signal },
  );
