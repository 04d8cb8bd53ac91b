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


def test_another_press_is_not_lost_and_stop_takes_nothing_away(visit: Visit) -> None:
    tab = visit.open("?tab=propagation")
    start = tab.locator("#propagation-start")
    start.click()
    tab.locator("#propagation-status .status").wait_for()
    tab.locator("#propagation textarea").nth(1).fill("Kyoto")
    start.click()  # a tiny model may be done by now, or not
    tab.locator("#propagation-grid").get_by_text("Kyoto").first.wait_for(
        state="attached", timeout=PATIENCE
    )
    tab.locator("#propagation-status .status.done").wait_for(timeout=PATIENCE)
    tab.locator("#propagation-stop").click()
    tab.wait_for_timeout(1000)
    assert tab.locator("#propagation-status .status.done").is_visible()
    assert tab.locator("#propagation-grid [data-cell]").count() == 12 * 13
    assert visit.wrong == []
