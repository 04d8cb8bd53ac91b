// What the view Published does in the browser: runs when the view is first opened. It
// tells Python of the address and of buttons in a figure ("arrived", "go"), and keeps
// the address in step with what is shown.
const find = (selector) => document.querySelector(selector);
const panel = () => find("#published");
const visible = () => Boolean(panel() && panel().offsetParent);
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;

// A page that Gradio makes anew runs this anew: the old listeners go.
if (window.xkdePublished) window.xkdePublished.abort();
const life = (window.xkdePublished = new AbortController());
const signal = life.signal;

let went = false;
document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest && event.target.closest("#published [data-go]");
    if (!button) return;
    went = true;
    trigger("go", { link: button.dataset.go });
  },
  { signal },
);

// The button that was pressed is gone with the old figure: the new one takes the focus.
const arrive = (shown) => {
  went = false;
  shown.tabIndex = -1;
  shown.focus({ preventScroll: true });
  const { top } = shown.getBoundingClientRect();
  if (top < 0 || top > innerHeight)
    shown.scrollIntoView({ behavior: calm ? "auto" : "smooth", block: "start" });
};

const KEPT = ["lang", "__theme"];
let known = "";
const keepInStep = () => {
  const shown = find("#published [data-address]");
  if (!shown || !visible()) return;
  if (went && known && shown.dataset.address !== known) arrive(shown);
  known = shown.dataset.address;
  const address = new URLSearchParams(known);
  const now = new URLSearchParams(location.search);
  for (const name of KEPT) if (now.has(name)) address.set(name, now.get(name));
  window.xkdeAddress(address);
};

const observer = new MutationObserver(keepInStep);
observer.observe(panel(), { childList: true, subtree: true });
const seen = new IntersectionObserver(keepInStep);
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
trigger("arrived", { search: location.search });
