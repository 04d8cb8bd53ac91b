// What the view Published does in the browser (after panel.js). It tells Python of the
// address and of buttons in a figure ("arrived", "go"), and keeps the address in step
// with what is shown.

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
    scrollTo_(shown);
};

let known = "";
const keepInStep = () => {
  const shown = find("#published [data-address]");
  if (!shown || !visible()) return;
  if (went && known && shown.dataset.address !== known) arrive(shown);
  known = shown.dataset.address;
  writeAddress(known);
};

observe(keepInStep);
followHistory();
trigger("arrived", { search: location.search });
