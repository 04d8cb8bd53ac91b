// What the Preferences tab does in the browser (after panel.js). It tells Python of rows,
// keys and bars ("arrived", "go", "bar"), keeps the address in step with what is shown,
// and marks the row of the pair that is shown.

// Keys may come faster than answers: one question is under way at a time, and the next
// one asks for the place that was reached meanwhile. What is not answered in time is
// asked again; it names a place, so that two answers to it are one. When something else
// arrives, a filter's pairs for example, the question is forgotten.
const PATIENCE = 1500;
const TRIES = 4;
let aim = null; // the place that is wanted
let sent = null; // the place that was asked for
let before = ""; // what was shown then
let timer = 0;
const shownPair = () => find("#pair-shown [data-at]");
const go = (at) => {
  const shown = shownPair();
  if (!shown || (sent === null && Number(shown.dataset.at) === at)) return;
  aim = at;
  if (sent === null) ask(TRIES);
};
const ask = (tries) => {
  clearTimeout(timer);
  const shown = shownPair();
  if (!tries || aim === null || !shown) return forget();
  sent = aim;
  before = shown.dataset.address;
  timer = setTimeout(ask, PATIENCE, tries - 1);
  trigger("go", { at: sent });
};
const forget = () => {
  clearTimeout(timer);
  aim = sent = null;
};
const arrived = (shown) => {
  if (sent === null || shown.dataset.address === before) return;
  if (Number(shown.dataset.at) !== sent || aim === sent) return forget();
  clearTimeout(timer);
  sent = null;
  timer = setTimeout(ask, BREATH, TRIES);
};
const step = (by) => {
  const shown = shownPair();
  if (!shown) return;
  const { at, total } = shown.dataset;
  const next = (aim ?? Number(at)) + by;
  if (next >= 0 && next < Number(total)) go(next);
};

const TYPED =
  "input:not([type=checkbox]), textarea, select, [contenteditable], [role=listbox]";
const KEYS = { ArrowLeft: -1, k: -1, ArrowRight: 1, j: 1 };
const BUTTONS = { "pair-before": -1, "pair-next": 1 };
document.addEventListener(
  "keydown",
  (event) => {
    const by = KEYS[event.key];
    if (!by || !visible() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest && event.target.closest(TYPED)) return;
    event.preventDefault();
    step(by);
  },
  { signal },
);

document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest && event.target.closest("#preferences button");
    if (!button) return;
    if (button.id in BUTTONS) step(BUTTONS[button.id]);
    const row = button.closest("#pair-list [data-at]");
    if (!row) return;
    go(Number(row.dataset.at));
    if (narrow.matches) scrollTo_(find("#pair-shown"));
  },
  { signal },
);

const filterBy = (link) => {
  trigger("bar", { link });
  scrollTo_(find("#pair-filters"));
};

const keepInStep = () => {
  const shown = find("#pair-shown [data-address]");
  if (!shown) return;
  arrived(shown);
  for (const row of panel().querySelectorAll("#pair-list [data-at]")) {
    const own = row.dataset.at === shown.dataset.at;
    if (own === row.hasAttribute("aria-current")) continue;
    if (own) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
  if (!visible()) return;
  const list = find("#pair-list .pairs");
  const own = find("#pair-list [aria-current]");
  if (list && own) {
    const [outer, inner] = [list, own].map((node) => node.getBoundingClientRect());
    if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
    if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
  }
  writeAddress(shown.dataset.address);
};

const changed = () => {
  if (!panel()) return;
  hearPlots(filterBy);
  keepInStep();
};
// A pair like the one before it comes as other texts in the same elements, and takes the
// mark off the row.
observe(changed, ["data-address", "data-at", "aria-current"]);
signal.addEventListener("abort", forget);
followHistory();
trigger("arrived", { search: location.search });
