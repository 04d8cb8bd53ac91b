// What the Errors tab does in the browser (after panel.js): keys press the buttons that a
// pointer would, and the address follows the queue.
const KEYS = "#KEYS";

// Keys may come faster than answers: until the next case is there they wait.
const PATIENCE = 15000; // a busy server takes seconds
let waiting = null; // the keys that wait; null: none has to
let timer = 0;
const stamp = () => find("#errors-case [data-step]")?.dataset.step;
let shown = stamp();
const release = () => {
  clearTimeout(timer);
  const keys = waiting || [];
  waiting = null;
  for (const key of keys) press(key);
};
const forget = () => {
  waiting = null;
};
const button = (id) => {
  waiting = [];
  timer = setTimeout(forget, PATIENCE);
  if (document.activeElement) document.activeElement.blur();
  setTimeout(() => find("#" + id)?.click(), BREATH);
};
const choose = (group, at) => {
  const input = panel().querySelectorAll(`#errors-${group} input[type=radio]`)[at];
  if (input) input.click();
};
const press = (key) => {
  if (waiting) return waiting.push(key);
  if (key === "n") return find("#errors-note input, #errors-note textarea")?.focus();
  if (KEYS.buttons[key]) return button(KEYS.buttons[key]);
  if (KEYS.kinds.includes(key)) return choose("kind", KEYS.kinds.indexOf(key));
  choose("severity", KEYS.severities.indexOf(key));
};
const known = (key) =>
  key === "n" || key in KEYS.buttons || KEYS.kinds.includes(key) || KEYS.severities.includes(key);

const TYPED =
  "input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], [role=listbox]";
const PRESSED = "button, a, summary, [role=tab], [role=button]";
document.addEventListener(
  "keydown",
  (event) => {
    if (!visible() || event.ctrlKey || event.metaKey || event.altKey) return;
    const within = (selector) => event.target.closest && event.target.closest(selector);
    if (event.isComposing) return; // Enter takes what an input method offers
    if (event.key === "Escape" && within("#errors-note")) return event.target.blur();
    if (event.key === "Enter" && within("#errors-note")) {
      event.preventDefault();
      return press("Enter"); // and the keys are for the next case again
    }
    if (!find("#errors-case [data-case]") && event.key !== "u" && event.key !== "p") return;
    if (!known(event.key) || within(TYPED)) return;
    if (event.key === "Enter" && within(PRESSED)) return;
    event.preventDefault();
    press(event.key);
  },
  { signal },
);

const mark = () => {
  for (const [group, keys] of [["kind", KEYS.kinds], ["severity", KEYS.severities]])
    panel()
      .querySelectorAll(`#errors-${group} label:has(input[type=radio])`)
      .forEach((label, at) => {
        if (label.dataset.key === keys[at]) return;
        label.dataset.key = keys[at];
        label.querySelector("input").setAttribute("aria-keyshortcuts", keys[at]);
      });
};

const follow = () => {
  const frame = find("#errors-case [data-address]");
  if (frame && visible()) writeAddress(frame.dataset.address);
};

const changed = () => {
  if (!panel()) return;
  mark();
  if (stamp() === shown) return;
  shown = stamp();
  follow();
  setTimeout(release, BREATH);
  const top = find("#errors-case").getBoundingClientRect().top;
  if (top < 0 || top > innerHeight / 2)
    scrollTo_(find("#errors-case"));
};
observe(changed, ["data-step"]);
signal.addEventListener("abort", () => clearTimeout(timer));
changed();
trigger("arrived", { search: location.search });
