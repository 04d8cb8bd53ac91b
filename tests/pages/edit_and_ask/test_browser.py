"""Another editor in Edit & Ask, in Chromium: chosen, answering, stopped, in a link."""

from typing import Any

import pytest

from tests.helpers.visits import DONE, IN_BROWSER, LOOKS, Visit
from tests.pages.test_browser import LONG, STOP_AT_THE_FIRST_WORD, copied, more

pytestmark = IN_BROWSER


def choose(tab: Any, name: str) -> None:
    more(tab)
    tab.locator("#editor input").click()
    tab.wait_for_timeout(400)  # the list opens
    tab.get_by_role("option", name=name, exact=True).click()


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_an_editor_of_weights_answers_in_the_edited_pane(visit: Visit) -> None:
    tab = visit.open()
    choose(tab, "FT-M")
    tab.locator("#ask").click()
    tab.wait_for_selector(DONE)
    assert tab.locator(".side.edited h4").first.inner_text() == "FT-M"
    tab.locator("#why button").first.click()
    tab.locator("#explain").click()
    tab.locator(".because.edited .hint").wait_for()
    assert tab.locator("pre.prompt").count() == 1
    visit.check()


def test_an_editor_in_the_prompt_answers_in_all_languages(visit: Visit) -> None:
    tab = visit.open()
    choose(tab, "Plain prompt")
    visit.chip(0)
    assert tab.locator(".card").count() == 12
    assert "Plain prompt" in tab.locator(".tally").inner_text()
    assert "Plain prompt" in tab.locator(".side.edited h4").first.inner_text()
    assert tab.locator("#editor input").input_value() == "Plain prompt"
    visit.check()


def test_the_copied_link_reopens_the_editor(visit: Visit) -> None:
    tab = visit.open()
    choose(tab, "KN")
    tab.get_by_role("button", name="Copy link").click()
    link = copied(tab)
    assert "editor=kn" in link
    tab.goto(link)
    tab.locator("#ask").wait_for()
    tab.wait_for_timeout(1000)
    more(tab)
    assert tab.locator("#editor input").input_value() == "KN"
    assert "neurons" in tab.locator("#editor").inner_text()
    visit.open("?q=Who%3F&a=Me&editor=mend")  # its part is not here
    more(tab)
    assert tab.locator("#editor input").input_value() == "X-KDE"
    assert visit.wrong == []


def test_stop_keeps_what_an_editor_of_weights_has_said(visit: Visit) -> None:
    tab = visit.open(LONG + "&editor=ft-m")
    tab.evaluate(STOP_AT_THE_FIRST_WORD)
    tab.locator("#ask").click()
    tab.get_by_text("Stopped. What had arrived stays.").wait_for()
    tab.wait_for_timeout(500)
    assert tab.locator(".answer.arriving").count() == 0
    choose(tab, "X-KDE")
    visit.chip(1)
    assert visit.wrong == []


def test_without_a_subject_it_is_said_and_asking_works_again(visit: Visit) -> None:
    tab = visit.open("?q=Who%3F&a=Me&query=Who%3F&editor=rome")
    more(tab)
    opened = "() => document.querySelector('#editor input').value === 'ROME'"
    tab.wait_for_function(opened)
    tab.locator("#ask").click()
    tab.locator(".toast-body").wait_for()
    assert "must know the subject" in tab.locator(".toast-body").inner_text()
    assert "must know the subject" in tab.locator(".status.failed").inner_text()
    assert tab.locator(".answer.arriving").count() == 0  # nothing is waited for
    assert not tab.locator("#status .error").is_visible()
    choose(tab, "X-KDE")
    tab.locator("#ask").click()
    tab.wait_for_selector(DONE)
    assert visit.wrong == []
