"""Errors in a browser: cases are labelled by keyboard alone, by two at once."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.helpers.app_server import running, two_models
from tests.helpers.measured_samples import written
from tests.helpers.visits import IN_BROWSER, LOOKS, Visit
from xkde.bench.app import Served
from xkde.evaluation.analysis.kinds import KEYS

pytestmark = IN_BROWSER
QUEUE = "?tab=errors&run=evaluations%2Fedited&count=6"


@pytest.fixture(scope="module")
def served(
    atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The running app with one run of many failures."""
    models = two_models(atlas_folder, tmp_path_factory.mktemp("models"))
    home = tmp_path_factory.mktemp("home")
    written(home / "runs" / "evaluations" / "edited", cases=10, right=0.5)
    with running(models, XKDE_HOME=str(home)) as served:
        yield served


def reach(tab: Any, selector: str) -> None:
    """Press Tab until the focus is on or in an element."""
    for _ in range(80):
        if tab.evaluate("s => !!document.activeElement.closest(s)", selector):
            return
        tab.keyboard.press("Tab")
    raise AssertionError(f"Tab never reaches {selector}")


def began(visit: Visit, name: str, query: str = QUEUE) -> Any:
    """Open a queue by its address, and begin with the keyboard."""
    tab = visit.tab
    tab.goto(visit.url + query)
    tab.locator("#errors-start").wait_for()
    tab.wait_for_timeout(900)
    reach(tab, "#errors-annotator")
    tab.keyboard.type(name)
    reach(tab, "#errors-start")
    tab.keyboard.press("Enter")
    tab.locator("#errors-case [data-case]").wait_for()
    return tab


def place(tab: Any, number: int) -> None:
    """Wait until the case of this number is shown; its words are in two languages."""
    pattern = f"{number} of 6|第 {number} 条"
    tab.wait_for_function(
        "p => new RegExp(p).test(document.querySelector('#errors-case')?.innerText)",
        arg=pattern,
    )


def chosen(tab: Any, group: str) -> int:
    """Return which pill of a group is chosen, or -1."""
    script = "g => [...document.querySelectorAll(g)].findIndex(each => each.checked)"
    return int(tab.evaluate(script, f"#errors-{group} input"))


def kind_key(tab: Any) -> str | None:
    """Return the key of the kind that is chosen."""
    at = chosen(tab, "kind")
    return None if at < 0 else list(KEYS.values())[at]


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_cases_are_labelled_by_keyboard_alone(
    visit: Visit, request: pytest.FixtureRequest
) -> None:
    tab = began(visit, request.node.name[-30:])
    place(tab, 1)
    tab.keyboard.press("3")
    tab.keyboard.press("c")
    tab.keyboard.press("n")
    tab.keyboard.type("seen twice 12")
    tab.keyboard.press("Enter")
    place(tab, 2)
    tab.keyboard.press("s")
    place(tab, 3)
    tab.keyboard.press("p")
    place(tab, 2)
    tab.keyboard.press("1")
    tab.keyboard.press("Enter")
    place(tab, 3)
    visit.check()
    tab.keyboard.press("u")
    place(tab, 2)
    assert kind_key(tab) is None
    tab.keyboard.press("p")
    place(tab, 1)
    expect(tab.locator("#errors-note :is(input, textarea)")).to_have_value(
        "seen twice 12"
    )
    assert (kind_key(tab), chosen(tab, "severity")) == ("3", 2)
    reach(tab, "#errors-results button")
    tab.keyboard.press("Enter")
    reach(tab, "#errors-compare")
    tab.keyboard.press("Enter")
    tab.locator("#errors-findings table").first.wait_for()
    visit.check()


def test_keys_that_come_faster_than_answers_are_kept(visit: Visit) -> None:
    tab = began(visit, "fast")
    for key in ("1", "Enter", "2", "Enter", "3", "Enter"):
        tab.keyboard.press(key)
    place(tab, 4)
    for number in (3, 2, 1):
        tab.keyboard.press("p")
        place(tab, number)
        assert kind_key(tab) == str(number)
    assert visit.wrong == []


def test_two_label_at_once_and_settle(visit: Visit) -> None:
    one = began(visit, "Ada")
    other = began(Visit(one.context.browser.new_context().new_page(), visit.url), "Bo")
    for tab, key in ((one, "1"), (other, "2")):
        tab.keyboard.press(key)
        tab.keyboard.press("Enter")
    for tab in (one, other):
        place(tab, 2)
        tab.locator("#errors-status").get_by_text("1 of 6 labelled").wait_for()
    one.reload()
    one.wait_for_timeout(900)
    reach(one, "#errors-annotator")
    one.keyboard.type("Ada and Bo")
    one.get_by_role("button", name="Settle").press("Enter")
    said = one.locator("#errors-case .said")
    for name in ("Ada", "Bo"):
        said.get_by_text(name, exact=True).wait_for()
    assert visit.wrong == []
