// What the views Measured here and Cases do in the browser: runs when one of them is
// first opened, with PANEL set to its id. It tells Python of rows ("arrived", "go"),
// leads from a bar or a number to the cases behind it, and keeps the address in step.
const PANEL = "#PANEL";
const find = (selector) => document.querySelector(selector);
const panel = () => find(PANEL);
const visible = () => Boolean(panel() && panel().offsetParent);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const narrow = matchMedia("(max-width: 900px)");
const scrollTo_ = (node) =>
  node && node.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });

// A page that Gradio makes anew runs this anew: the old listeners go.
const KNOWN = "xkde" + PANEL;
if (window[KNOWN]) window[KNOWN].abort();
const life = (window[KNOWN] = new AbortController());
const signal = life.signal;

const KEPT = ["lang", "__theme"];
const write = (address) => {
  const query = new URLSearchParams(address);
  const now = new URLSearchParams(location.search);
  for (const name of KEPT) if (now.has(name)) query.set(name, now.get(name));
  window.xkdeAddress(query);
};

// The other view may never have been opened: then it reads the address by itself.
const openCases = (address) => {
  write(address);
  window.dispatchEvent(new CustomEvent("xkde-cases", { detail: "?" + address }));
  const tab = find("#view-cases-button");
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
  scrollTo_(find("#views"));
};

document.addEventListener(
  "click",
  (event) => {
    const node = event.target.closest && event.target.closest("[data-cases], [data-at]");
    if (!node || !panel() || !panel().contains(node)) return;
    if (node.dataset.cases) return openCases(node.dataset.cases);
    if (node.tagName !== "BUTTON") return;
    trigger("go", { at: Number(node.dataset.at) });
    if (narrow.matches) scrollTo_(find("#case-shown"));
  },
  { signal },
);

const attach = () => {
  for (const plot of panel().querySelectorAll(".js-plotly-plot")) {
    if (!plot.on || plot.heard) continue;
    plot.heard = true;
    plot.on("plotly_click", ({ points }) => {
      const address = points[0] && points[0].customdata;
      if (typeof address === "string" && address) openCases(address);
    });
  }
};

const keepInStep = () => {
  if (!panel()) return;
  attach();
  const shown = panel().querySelector("[data-address]");
  if (!shown) return;
  for (const row of panel().querySelectorAll("button[data-at]")) {
    if (row.dataset.at === shown.dataset.at) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  if (visible()) write(shown.dataset.address);
};
const observer = new MutationObserver(keepInStep);
// Where two states have one structure, Gradio changes attributes only.
observer.observe(panel(), {
  childList: true,
  subtree: true,
  attributes: true,
  attributeFilter: ["data-address", "data-at"],
});
// A view that comes into sight again has its own address again.
const seen = new IntersectionObserver(() => setTimeout(keepInStep, 50));
seen.observe(panel());
signal.addEventListener("abort", () => {
  observer.disconnect();
  seen.disconnect();
});
// Back in the browser's history: what was shown there is shown again.
window.addEventListener(
  "xkde-back",
  () => setTimeout(() => visible() && trigger("arrived", { search: location.search }), 100),
  { signal },
);
if (PANEL === "#cases-panel")
  window.addEventListener(
    "xkde-cases",
    (event) => trigger("arrived", { search: event.detail }),
    { signal },
  );
trigger("arrived", { search: location.search });
