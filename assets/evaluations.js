// What the views Measured here and Cases do in the browser (after panel.js). It tells
// Python of rows ("arrived", "go"), leads from a bar or a number to the cases behind it,
// and keeps the address in step.

// The other view may never have been opened: then it reads the address by itself.
const openCases = (address) => {
  writeAddress(address);
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

const keepInStep = () => {
  if (!panel()) return;
  hearPlots(openCases);
  const shown = panel().querySelector("[data-address]");
  if (!shown) return;
  for (const row of panel().querySelectorAll("button[data-at]")) {
    if (row.dataset.at === shown.dataset.at) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  if (visible()) writeAddress(shown.dataset.address);
};
observe(keepInStep, ["data-address", "data-at"]);
followHistory();
if (PANEL === "#cases-panel")
  window.addEventListener(
    "xkde-cases",
    (event) => trigger("arrived", { search: event.detail }),
    { signal },
  );
trigger("arrived", { search: location.search });
