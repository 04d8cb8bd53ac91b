"""Propagation in a browser: the grid fills, stops, begins anew; cells open by key."""

import pytest

from tests.helpers.visits import IN_BROWSER, LOOKS, Visit

pytestmark = IN_BROWSER
PATIENCE = 120_000  # milliseconds for 156 answers of a model that talks noise


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_an_edit_goes_round_twelve_languages(visit: Visit) -> None:
    tab = visit.open("?tab=propagation")
    tab.locator("#propagation-recorded table").wait_for()
    fields = tab.locator("#propagation textarea")
    fields.nth(0).fill("What is the capital of Japan?")
    fields.nth(1).fill("Osaka")
    tab.locator("#propagation-start").click()
    tab.locator("#propagation-status .status.done").wait_for(timeout=PATIENCE)
    cells = tab.locator("#propagation-grid [data-cell]")
    assert cells.count() == 156
    cells.nth(40).focus()
    tab.keyboard.press("Enter")
    tab.locator("#propagation-opened .answer").nth(1).wait_for()
    tab.locator("#propagation-order input").nth(1).click()
    tab.locator("#propagation-recorded [data-cell]").first.focus()
    tab.keyboard.press("Enter")
    tab.locator("#propagation-answers h2").wait_for()
    visit.check()


# A tiny model fills the grid in a second: the page itself presses Stop, at once.
STOP_AT_ONCE = """() => new MutationObserver((_, observer) => {
  if (!document.querySelector("#propagation-status .busy")) return;
  observer.disconnect();
  document.querySelector("#propagation-stop").click();
}).observe(document.body, {childList: true, subtree: true})"""


def test_stop_works_and_another_press_is_not_lost(visit: Visit) -> None:
    tab = visit.open("?tab=propagation")
    start = tab.locator("#propagation-start")
    tab.evaluate(STOP_AT_ONCE)
    start.click()
    tab.locator("#propagation-status").get_by_text("Stopped").wait_for(timeout=PATIENCE)
    start.click()
    tab.locator("#propagation-grid [data-cell]").first.wait_for(timeout=PATIENCE)
    tab.locator("#propagation textarea").nth(1).fill("Kyoto")
    start.click()  # while it still runs
    tab.locator("#propagation-status .status.done").wait_for(timeout=PATIENCE)
    tab.locator("#propagation-grid summary").click()
    tab.locator("#propagation-grid").get_by_text("Kyoto").first.wait_for()
    assert visit.wrong == []
