"""The first screen in Chromium, at three sizes: all of it without scrolling; Back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.app_server import running, some_results
from tests.helpers.visits import DONE, IN_BROWSER, Visit
from xkde import paths
from xkde.bench import browser
from xkde.bench.app import Served

pytestmark = IN_BROWSER

SIZES = [(1280, 800), (390, 844), (1920, 1080)]
PRESSES = 6  # of the Tab key at most, from the page's top to the button
BELOW = """() => [...document.querySelectorAll("#ask, #question, #languages, .card")]
  .filter((each) => each.offsetParent)
  .filter((each) => each.getBoundingClientRect().bottom > innerHeight + 1)
  .map((each) => each.id || each.innerText.slice(0, 20))"""
FOCUSED = "() => document.activeElement.closest('[id]')?.id"


@pytest.fixture(scope="module")
def shipped() -> Iterator[Served]:
    """The app with the shipped Atlas checkpoints, whose answers are recorded."""
    with running(paths.EMBEDDED_CHECKPOINTS) as served:
        yield served


def opened(tab: Any, served: Served) -> Visit:
    visit = Visit(tab, served.url)
    visit.open()
    tab.locator(".card").first.wait_for()
    return visit


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_everything_is_seen_without_scrolling(
    shipped: Served, width: int, height: int
) -> None:
    with browser.page(shipped.url, width=width, height=height) as tab:
        visit = opened(tab, shipped)
        cards = [each for each in tab.locator(".card").all() if each.is_visible()]
        assert len(cards) == 12
        assert tab.evaluate(BELOW) == []
        assert "recorded on" in tab.locator("#answers").inner_text()
        visit.check()


def test_the_button_is_six_presses_away_and_answers_live(shipped: Served) -> None:
    with browser.page(shipped.url, height=800) as tab:
        visit = opened(tab, shipped)
        tab.keyboard.press("Tab")
        tab.keyboard.press("Enter")  # the skip link
        for _ in range(PRESSES - 1):
            tab.keyboard.press("Tab")
            if tab.evaluate(FOCUSED) == "ask":
                break
        assert tab.evaluate(FOCUSED) == "ask"
        tab.keyboard.press("Enter")
        tab.wait_for_selector(DONE)
        assert "recorded" not in tab.locator("#answers").inner_text()
        assert tab.locator(".card").count() == 12
        visit.check()


def test_the_line_under_the_fact_follows_what_is_typed(shipped: Served) -> None:
    with browser.page(shipped.url, height=800) as tab:
        visit = opened(tab, shipped)
        question = tab.get_by_label("Fact, as a question")
        question.fill("capital of germ")
        offered = tab.locator("#known [data-suggest]").first
        offered.wait_for()
        assert offered.inner_text() == "What is the capital of Germany?"
        offered.click()
        tab.locator("#known .good").wait_for()
        assert question.input_value() == "What is the capital of Germany?"
        assert "capital of Germany" in tab.locator("#known").inner_text()
        assert tab.locator("#answers[data-stale] .stale").first.is_visible()
        question.fill("Hello, how are you?")
        tab.locator("#known .own").wait_for()
        assert visit.wrong == []


def test_back_returns_to_tabs_views_and_numbers(tmp_path: Path) -> None:
    results = some_results(tmp_path)
    with (
        running(paths.EMBEDDED_CHECKPOINTS, XKDE_RESULTS=results) as here,
        browser.page(here.url) as tab,
    ):
        visit = opened(tab, here)
        tab.get_by_label("New answer").fill("Kyoto")
        tab.locator("#tab-benchmarks-button").click()
        tab.locator("#view-measured-button").click()
        number = tab.locator("#measured-panel [data-cases]").first
        number.click()
        tab.locator("#case-shown article, #case-shown h3").first.wait_for()
        assert "view=cases" in tab.url
        tab.go_back()
        number.wait_for()
        assert "view=measured" in tab.url
        tab.go_back()
        tab.go_back()
        tab.locator("#ask").wait_for()
        assert tab.get_by_label("New answer").input_value() == "Kyoto"
        assert visit.wrong == []
