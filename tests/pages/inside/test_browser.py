"""Inside in a browser: a question asked in Edit & Ask is looked into, in every look."""

import pytest

from tests.helpers.visits import IN_BROWSER, LOOKS, Visit

pytestmark = IN_BROWSER
FIELDS = "#inside :is(textarea, input)"


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_a_question_is_looked_into(visit: Visit) -> None:
    tab = visit.open()
    visit.chip(3)  # from Chinese, asked in English
    visit.open_tab("inside")
    tab.wait_for_function(
        "fields => [...document.querySelectorAll(fields)]"
        ".some(field => field.value.includes('印度'))",
        arg=FIELDS,
    )
    tab.locator("#inside-start").click()
    tab.locator("#inside-edited .inside-pane").wait_for()
    tab.locator("#inside-status .status.done").wait_for()
    tab.locator("#inside .js-plotly-plot").nth(1).wait_for()
    visit.check()
    tab.locator("#inside-look input").nth(2).click()
    tab.locator("#inside-edited .looked .answer").first.wait_for()
    tab.locator("#inside-measured h2").wait_for()
    visit.check()


def test_words_typed_here_stay_until_another_question_is_asked(visit: Visit) -> None:
    tab = visit.open("?tab=inside")
    answer = tab.locator("#inside").get_by_label("New answer")
    answer.fill("Kyoto")
    visit.open_tab("about")
    visit.open_tab("inside")
    tab.wait_for_timeout(900)
    assert answer.input_value() == "Kyoto"
    visit.open_tab("edit")
    visit.chip(2)
    visit.open_tab("inside")
    tab.wait_for_function(
        "fields => [...document.querySelectorAll(fields)]"
        ".some(field => field.value.includes('Labour'))",
        arg=FIELDS,
    )
    assert visit.wrong == []


def test_another_fact_fills_in_its_old_answer_and_question(visit: Visit) -> None:
    tab = visit.open("?tab=inside")
    fact = tab.locator("#inside").get_by_label("Fact, as a question")
    fact.fill("What is the capital of Egypt?")
    fact.blur()
    for value in ("埃及的首都是哪里？", "Cairo"):
        tab.wait_for_function(
            "([fields, value]) => [...document.querySelectorAll(fields)]"
            ".some(field => field.value === value)",
            arg=[FIELDS, value],
        )
    assert visit.wrong == []
