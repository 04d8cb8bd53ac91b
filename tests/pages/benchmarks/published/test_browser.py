"""The view Published as a visitor meets it, in Chromium.

Rules as in ``tests.pages.test_browser``.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.helpers.visits import IN_BROWSER, LOOKS, Visit

pytestmark = IN_BROWSER

STILL = 900  # milliseconds in which an answer of the server is shown


def opened(visit: Visit, query: str = "?tab=benchmarks") -> Any:
    """Open the tab by a link and wait for a figure."""
    visit.tab.goto(visit.url + query)
    visit.tab.locator("#published .published").wait_for()
    visit.tab.wait_for_timeout(STILL)
    return visit.tab


def claim(tab: Any) -> str:
    tab.wait_for_timeout(STILL)
    return str(tab.locator("#published .claim").inner_text())


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_the_claim_is_there_in_every_look(visit: Visit) -> None:
    tab = visit.open()
    tab.get_by_role("tab").nth(1).click()
    tab.locator("#published .published").wait_for()
    tab.wait_for_timeout(STILL)
    assert "94.81" in tab.locator("#published .claim").inner_text()
    assert tab.locator("#published .bars").count() == 4
    assert tab.locator("#published .bars .star").count() == 4
    visit.check()
    for section in ("cells", "context"):
        tab.locator(f"#published-{section}-section button").first.click()
    tab.wait_for_timeout(STILL)
    visit.check()


def test_choices_are_in_the_address_which_reopens_them(visit: Visit) -> None:
    tab = opened(visit)
    tab.get_by_role("radio", name="Qwen2.5-7B-Instruct").check()
    assert "X-KDE reaches 90.42" in claim(tab)
    tab.get_by_role("radio", name="Chinese").check()
    tab.get_by_role("checkbox", name="LTE").uncheck()
    words = claim(tab)
    assert "Edited in Chinese" in words
    assert "table=11&edit=zh" in tab.url and "view=published" in tab.url
    tab.reload()
    tab.locator("#published .published").wait_for()
    assert claim(tab) == words
    assert not tab.get_by_role("checkbox", name="LTE").is_checked()
    visit.check()


def test_figures_lead_on_by_mouse_and_by_key(visit: Visit) -> None:
    tab = opened(visit, "?tab=benchmarks&view=published&table=9")
    tab.get_by_role("button", name="locality").first.click()
    assert "MEMIT is ahead in locality" in claim(tab)
    assert tab.locator("#published .bars").count() == 12
    tab.locator("#published .bars [data-go]").nth(1).focus()
    tab.keyboard.press("Enter")
    assert "asked in Czech" in claim(tab)
    assert tab.evaluate("document.activeElement.className") == "published"
    tab.locator("#published-printed [data-go]").first.click()
    assert "Edited in Chinese" in claim(tab)
    assert "△" in tab.locator("#published-figure .found").inner_text()
    assert visit.wrong == []


def test_no_method_is_said_and_mended(visit: Visit) -> None:
    tab = opened(visit, "?tab=benchmarks&view=published&methods=")
    tab.get_by_role("button", name="Show all methods").click()
    assert "94.81" in claim(tab)
    assert visit.wrong == []


def test_what_is_shown_can_be_taken_along(visit: Visit, tmp_path: Path) -> None:
    tab = opened(visit, "?tab=benchmarks&view=published&table=6")
    tab.locator("#published-cells-section button").first.click()
    with tab.expect_download() as download:
        tab.locator("#published-cells a").click()
    file = tmp_path / "cells.csv"
    download.value.save_as(file)
    rows = file.read_text(encoding="utf-8").splitlines()
    assert len(rows) == 1 + 5 * 4
    assert rows[0].startswith("kind,table,benchmark")
    assert download.value.suggested_filename == "x-kde-published-table-6.csv"


def test_the_view_of_a_link_is_opened_and_others_keep_theirs(visit: Visit) -> None:
    tab = opened(visit, "?tab=benchmarks&view=published&table=13")
    before = claim(tab)
    tab.get_by_role("tab", name="Cases").click()
    tab.wait_for_timeout(STILL)
    assert "view=cases" in tab.url
    tab.get_by_role("tab", name="Published").click()
    assert claim(tab) == before
    assert "view=published" in tab.url and "table=13" in tab.url
    assert visit.wrong == []
