"""Propagation in a browser: the grid fills, a cell opens by keyboard."""

from collections.abc import Iterator

import pytest

from tests.pages.test_browser import LOOKS as SCREENS
from tests.pages.test_browser import Visit
from xkde.bench import browser
from xkde.bench.app import Served

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(browser.chromium() is None, reason="no Chromium here"),
]


@pytest.fixture
def visit(served: Served, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with browser.page(served.url, **getattr(request, "param", {})) as tab:
        yield Visit(tab, served.url)


@pytest.mark.parametrize("visit", SCREENS, indirect=True)
def test_an_edit_goes_round_twelve_languages(visit: Visit) -> None:
    tab = visit.open("?tab=propagation")
    tab.locator("#propagation-start").wait_for()
    fields = tab.locator("#propagation textarea")
    fields.nth(0).fill("What is the capital of Japan?")
    fields.nth(1).fill("Osaka")
    tab.locator("#propagation-start").click()
    tab.locator("#propagation-status .status.done").wait_for(timeout=120_000)
    cells = tab.locator("#propagation-grid [data-cell]")
    assert cells.count() == 156
    cells.nth(40).focus()
    tab.keyboard.press("Enter")
    tab.locator("#propagation-opened .answer").nth(1).wait_for()
    tab.locator("#propagation-order input").nth(1).click()
    visit.check()
