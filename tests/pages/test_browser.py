"""The app as a visitor meets it, in Chromium: examples, Stop, links, themes, phone.

Every page here may reach only the app itself, must throw nothing, scroll nowhere
sideways and satisfy axe but for two findings in Gradio's own footer and table search.
"""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.app_server import running, two_models
from tests.helpers.visits import DONE, IN_BROWSER, LOOKS, Visit
from xkde.bench import browser
from xkde.bench.app import Served

pytestmark = IN_BROWSER

STOP_AT_THE_FIRST_WORD = """() => new MutationObserver((_, observer) => {
  const arriving = [...document.querySelectorAll(".answer.arriving")];
  if (!arriving.some((answer) => answer.innerText.trim().length > 1)) return;
  observer.disconnect();
  document.querySelector("#stop").click();
}).observe(document.body, {childList: true, subtree: true})"""
LONG = (
    "?q=Who%3F&a=Me&query=Who%3F&prompted=1&tokens=512"
    "&ask=en-cs-de-es-fr-nl-pt-ru-th-tr-vi-zh"
)


def more(tab: Any) -> None:
    """Open the fold of what is seldom changed: question, wordings, editor."""
    if not tab.locator("#query").is_visible():
        tab.locator("#more button").first.click()
        tab.locator("#query").wait_for()


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_one_click_on_an_example_answers_in_every_language(visit: Visit) -> None:
    tab = visit.open()
    visit.chip(0)
    assert tab.locator(".card").count() == 12
    assert tab.locator('.card .answer[lang="th"]').count() == 2
    visit.check()
    tab.locator("#why button").first.click()
    tab.locator("#explain").click()
    tab.locator(".chances").first.wait_for()
    tab.locator("details summary").first.click()
    assert "<|assistant|>" in tab.locator("pre.prompt").first.inner_text()
    visit.check()
    tab.get_by_role("tab").last.click()
    tab.locator(".about").wait_for()
    visit.check()


def test_chinese_browser_gets_a_chinese_page_and_can_switch(served: Served) -> None:
    with browser.page(served.url, locale="zh-CN") as tab:
        visit = Visit(tab, served.url)
        visit.open()
        assert tab.locator("#ask").inner_text() == "询问两个模型"
        tab.get_by_label("新答案").fill("Kyoto")
        tab.locator("#language").click()
        tab.get_by_role("button", name="Ask both models").wait_for()
        tab.wait_for_timeout(800)
        assert tab.get_by_label("New answer").input_value() == "Kyoto"
        assert "lang=en" in tab.url
        tab.goto(served.url)  # and it is remembered
        tab.get_by_role("button", name="Ask both models").wait_for()
        assert visit.wrong == []


def test_dark_is_remembered(visit: Visit) -> None:
    tab = visit.open()
    tab.locator("#theme").click()
    assert tab.evaluate("document.body.classList.contains('dark')")
    visit.open()
    assert tab.evaluate("document.body.classList.contains('dark')")


def copied(tab: Any) -> str:
    """Return the link that is copied, once it is there."""
    for _ in range(100):
        # Asked anew each time: wait_for_function takes a promise itself for a yes.
        link = str(tab.evaluate("navigator.clipboard.readText()"))
        if "type=" in link:
            return link
        tab.wait_for_timeout(50)
    pytest.fail("No link was copied.")


def test_copied_link_reopens_the_form(visit: Visit) -> None:
    tab = visit.open()
    tab.get_by_label("New answer").fill("Kyōto & <b>more</b>")
    more(tab)
    tab.get_by_role("radio", name="rephrased").click()
    tab.get_by_role("button", name="Copy link").click()
    link = copied(tab)
    asked = tab.get_by_label("What is asked").input_value()
    tab.goto(link)
    tab.locator("#ask").wait_for()
    tab.wait_for_timeout(800)
    assert tab.get_by_label("New answer").input_value() == "Kyōto & <b>more</b>"
    more(tab)
    assert tab.get_by_role("radio", name="rephrased").is_checked()
    assert tab.get_by_label("What is asked").input_value() == asked
    assert visit.wrong == []


def test_words_typed_at_once_are_kept(visit: Visit) -> None:
    tab = visit.open()
    slow = {"offline": False, "latency": 700, "downloadThroughput": -1}
    network = tab.context.new_cdp_session(tab)
    network.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    more(tab)
    tab.get_by_label("New answer").fill("Kyoto")
    query = tab.get_by_label("What is asked")
    query.fill("Where is the palace?")  # the answer's field is being read meanwhile
    tab.wait_for_timeout(3000)
    assert query.input_value() == "Where is the palace?"
    assert visit.wrong == []


def test_markup_in_an_edit_stays_text(visit: Visit) -> None:
    tab = visit.open()
    evil = "<img src=x onerror=\"document.title='evil'\">"
    tab.get_by_label("Fact, as a question").fill(evil)
    more(tab)
    tab.get_by_label("What is asked").fill(evil)
    tab.locator("#ask").click()
    tab.wait_for_selector(DONE)
    assert tab.locator("#answers img").count() == 0
    assert tab.title() == "X-KDE"
    assert evil in tab.locator("#answers").inner_text()


def test_empty_edit_is_said_and_the_button_works_again(visit: Visit) -> None:
    tab = visit.open()
    tab.get_by_label("New answer").fill("  ")
    tab.locator("#ask").click()
    tab.locator(".toast-body").wait_for()
    assert "empty" in tab.locator(".toast-body").inner_text()
    visit.chip(1)
    assert tab.locator(".pane").count() == 2
    assert visit.wrong == []


def test_two_clicks_ask_once(visit: Visit) -> None:
    tab = visit.open()
    tab.locator("#ask").dblclick()
    tab.wait_for_selector(DONE)
    tab.wait_for_timeout(300)
    assert tab.locator(".card .answer").count() == 24
    assert visit.wrong == []


def test_stop_keeps_what_arrived_and_another_ask_works(visit: Visit) -> None:
    tab = visit.open(LONG)
    # A tiny model answers in a second: the page itself presses Stop at the first word.
    tab.evaluate(STOP_AT_THE_FIRST_WORD)
    tab.locator("#ask").click()
    tab.get_by_text("Stopped. What had arrived stays.").wait_for()
    tab.wait_for_timeout(500)
    assert tab.locator(".answer.arriving").count() == 0
    assert tab.locator(".verdict.stopped").count() > 0
    visit.chip(1)
    assert tab.locator(".pane .verdict").count() == 3  # the link asked for the third
    assert visit.wrong == []


def test_closing_the_tab_frees_the_models(served: Served) -> None:
    with browser.page(served.url) as tab:
        Visit(tab, served.url).open(LONG)
        tab.locator("#ask").click()
        tab.wait_for_selector(".answer.arriving")
    with browser.page(served.url) as tab:
        visit = Visit(tab, served.url)
        visit.open()
        visit.chip(1)
        assert visit.wrong == []


def test_without_checkpoints_the_app_says_so_and_stays_usable(tmp_path: Path) -> None:
    with (
        running(tmp_path / "nowhere") as served,
        browser.page(served.url) as tab,
    ):
        visit = Visit(tab, served.url)
        visit.open()
        tab.locator("#ask").click()
        tab.locator(".toast-body").wait_for()
        assert "python -m xkde speedrun" in tab.locator(".toast-body").inner_text()
        tab.locator("#choose-models").click()
        tab.locator(".model.failed").first.wait_for()
        tab.get_by_role("button", name="Retry").click()
        tab.get_by_role("tab", name="About").click()
        tab.locator(".about").wait_for()
        assert visit.wrong == []


@pytest.mark.parametrize(
    ("locale", "words"),
    [("en-US", "connection to the app was lost"), ("zh-CN", "连接中断")],
)
def test_a_lost_connection_is_said_where_the_answer_would_be(
    locale: str, words: str, atlas_folder: Path, tmp_path: Path
) -> None:
    with (
        running(two_models(atlas_folder, tmp_path)) as served,
        browser.page(served.url, locale=locale) as tab,
    ):
        visit = Visit(tab, served.url)
        visit.open()
        os.kill(served.process, signal.SIGKILL)
        tab.locator("#ask").click()
        tab.locator("#status .status.failed").wait_for(timeout=60_000)
        assert words in tab.locator("#status").inner_text()
        assert words in tab.locator(".toast-body").first.inner_text()
        assert tab.locator("#answers[data-stale]").count() == 1
