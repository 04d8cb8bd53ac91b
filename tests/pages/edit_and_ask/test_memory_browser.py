"""The edit memory in Chromium: kept, changed, imported, exported, used, one's own."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.visits import DONE, IN_BROWSER, LOOKS, Visit
from tests.pages.test_browser import more

pytestmark = IN_BROWSER


def opened(visit: Visit, query: str = "") -> Any:
    tab = visit.open(query)
    tab.locator("#memory button").first.click()
    tab.locator("#memory-add").wait_for()
    return tab


def rows(tab: Any) -> list[str]:
    return list(tab.locator(".memory-table tbody tr").all_inner_texts())


def bring(tab: Any, path: Path) -> None:
    with tab.expect_file_chooser() as chooser:
        tab.locator("#memory-import").click()
    chooser.value.set_files(path)


def use_it(tab: Any) -> None:
    tab.locator("#memory-use input[type=checkbox]").check()
    tab.wait_for_timeout(300)


def ask(tab: Any) -> None:
    # A quick answer is never seen busy: what an earlier one left is taken away first.
    tab.evaluate("document.querySelectorAll('.status').forEach(s => s.className = '')")
    tab.locator("#ask").click()
    tab.wait_for_selector(DONE)
    tab.wait_for_timeout(500)


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_a_memory_is_kept_and_used(visit: Visit, tmp_path: Path) -> None:
    tab = opened(visit)
    assert not tab.locator("#memory-use").is_visible()
    tab.locator("#memory-add").click()
    tab.locator(".memory-table").wait_for()
    path = tmp_path / "edits.jsonl"
    row = {"question": "What is the capital of Japan?", "answer": "Kyoto"}
    path.write_text(json.dumps(row) + "\nnothing\n", encoding="utf-8")
    bring(tab, path)
    tab.locator(".memory-noted").nth(1).wait_for()  # the bad row, the conflict
    assert len(rows(tab)) == 2
    visit.check()
    use_it(tab)
    tab.locator("#chips button").nth(1).click()  # in Chinese only, answered at once
    tab.locator(".pane.edited .recalled").wait_for()
    tab.wait_for_selector(DONE)
    tab.locator("#memory-found .recall").wait_for()  # one, or this fails
    tab.locator("#chips button").nth(0).click()  # all twelve
    tab.locator(".card").nth(11).wait_for()
    tab.wait_for_selector(DONE)
    tab.locator("#memory-found .recall").nth(11).wait_for()
    assert tab.locator("#memory-found li.passed").count() >= 2
    assert tab.locator(".card .recalled").count() == 12
    visit.check()


def test_edits_are_changed_dropped_and_undone(visit: Visit) -> None:
    tab = opened(visit)
    tab.locator("#memory-add").click()
    tab.locator(".memory-table").wait_for()
    tab.get_by_role("button", name="Change 1").click()
    tab.get_by_role("button", name="Put the edit above in place of 1").wait_for()
    tab.get_by_label("New answer").fill("Kyoto")
    tab.locator("#memory-add").click()
    tab.get_by_text("Edit 1 was changed.").wait_for()
    assert "Kyoto" in rows(tab)[0]
    tab.get_by_role("button", name="Drop 1").click()
    tab.get_by_text("No edits yet.").first.wait_for()
    tab.locator("#memory-undo").click()
    tab.locator(".memory-table").wait_for()
    assert "Kyoto" in rows(tab)[0]
    with tab.expect_download() as download:
        tab.locator("#memory-csv").click()
        tab.locator("#memory a[download]").first.click()
    assert "Kyoto" in Path(download.value.path()).read_text(encoding="utf-8")
    visit.check()


def test_a_thousand_rows_are_imported_at_once(visit: Visit, tmp_path: Path) -> None:
    tab = opened(visit)
    path = tmp_path / "many.csv"
    lines = [f"Who leads T{i}ville?,P{i},en" for i in range(1000)]
    path.write_text("\n".join(["question,answer,language", *lines]), encoding="utf-8")
    bring(tab, path)
    tab.get_by_text("Imported: 1000. Left out: 0.").wait_for(timeout=20_000)
    assert len(rows(tab)) == 20
    assert "T999ville" in rows(tab)[-1]
    tab.get_by_role("button", name="← Previous").click()
    tab.get_by_text("Page 49 of 50").wait_for()
    use_it(tab)
    more(tab)
    tab.get_by_label("What is asked").fill("Who leads T7ville?")
    ask(tab)
    assert "T7ville" in tab.locator("#memory-found li.passed").first.inner_text()
    visit.check()


def test_no_session_sees_another_s_memory(visit: Visit) -> None:
    tab = opened(visit)
    tab.locator("#memory-add").click()
    tab.locator(".memory-table").wait_for()
    other = opened(Visit(tab.context.new_page(), visit.url))
    other.wait_for_timeout(500)
    assert rows(other) == []
    other.get_by_label("New answer").fill("Kyoto")
    other.locator("#memory-add").click()
    other.locator(".memory-table").wait_for()
    assert len(rows(other)) == 1
    tab.get_by_label("New answer").fill("Nara")
    tab.locator("#memory-add").click()
    tab.locator(".memory-table tbody tr").nth(1).wait_for()
    assert "Kyoto" not in " ".join(rows(tab))
    assert visit.wrong == []
