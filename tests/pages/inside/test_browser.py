"""Inside in a browser: a question asked in Edit & Ask is looked into, in every look."""

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
def test_a_question_is_looked_into(visit: Visit) -> None:
    tab = visit.open()
    visit.chip(3)  # from Chinese, asked in English
    tab.get_by_role("tab").nth(2).click()
    tab.locator("#inside-start").wait_for()
    question = tab.locator("#inside textarea, #inside input").filter(visible=True)
    tab.wait_for_function(
        "[...document.querySelectorAll('#inside textarea, #inside input')]"
        ".some(field => field.value.includes('印度'))"
    )
    assert question.count() > 4
    tab.locator("#inside-start").click()
    tab.locator("#inside-edited .inside-pane").wait_for()
    tab.locator("#inside-status .status.done").wait_for()
    assert tab.locator("#inside .js-plotly-plot").count() >= 2
    visit.check()
    tab.locator("#inside-look input").nth(2).click()
    tab.locator("#inside-edited .looked .answer").first.wait_for()
    tab.locator("#inside-measured h3").wait_for()
    visit.check()
