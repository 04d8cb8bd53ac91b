"""What a visitor sees of a busy app: words from the click on, refusals in words."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.app_server import running, two_models
from tests.helpers.visits import DONE, IN_BROWSER, LOOKS, Visit
from xkde.bench import browser, serving
from xkde.bench.app import Served

pytestmark = IN_BROWSER
JOIN = "**/gradio_api/queue/join*"


@pytest.fixture(scope="module")
def once_a_minute(
    atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """An app that takes one question of a visitor in a minute."""
    models = two_models(atlas_folder, tmp_path_factory.mktemp("busy"))
    with running(models, XKDE_ASKS_PER_MINUTE="1") as served:
        asyncio.run(serving.call_often(served.url, 1))  # the models are loaded then
        yield served


@pytest.mark.parametrize("look", LOOKS)
def test_who_is_refused_reads_for_how_long_where_the_answers_would_be(
    once_a_minute: Served, look: dict[str, Any]
) -> None:
    with browser.page(once_a_minute.url, **look) as tab:
        visit = Visit(tab, once_a_minute.url)
        visit.open()
        tab.locator("#ask").click()
        tab.wait_for_selector(DONE, state="attached")
        assert tab.locator("#answers .card").count() == 12
        tab.locator("#ask").click()
        refusal = tab.locator("#status .status.failed")
        refusal.wait_for()
        is_chinese = look["locale"] == "zh-CN"
        words = r"请 \d+ 秒后再提问" if is_chinese else r"Ask again in \d+ seconds"
        assert re.search(words, refusal.inner_text())
        assert tab.locator("#answers .card").count() == 0  # no older answer stands
        place = refusal.bounding_box()
        assert place["y"] >= 0
        assert place["y"] + place["height"] <= tab.viewport_size["height"]
        assert not tab.locator("#pending").is_visible()
        assert not tab.locator("#stop").is_visible()
        title = "未能完成" if is_chinese else "This did not work"
        assert title in tab.locator(".toast-title-row").inner_text()
        tab.locator(".toast-close").click()  # Gradio's, not in good order
        tab.locator(".toast-body").wait_for(state="detached")
        visit.check()


def test_words_are_there_from_the_click_on(visit: Visit) -> None:
    tab = visit.open()
    visit.chip(0)
    held: list[Any] = []
    tab.route(JOIN, lambda route: held.append(route))  # a busy app: nothing yet
    tab.locator("#ask").click()
    tab.locator("#pending").wait_for()
    assert "Asking both models" in tab.locator("#pending").inner_text()
    assert tab.locator("#stop").is_visible()
    tab.locator("#answers .stale").first.wait_for()
    tab.unroute(JOIN)  # lets go of what is held
    tab.locator("#pending").wait_for(state="hidden")
    tab.wait_for_selector(DONE)
    assert not tab.locator("#answers .stale").first.is_visible()
    assert not tab.locator("#stop").is_visible()
    visit.check()
