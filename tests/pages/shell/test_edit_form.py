"""The form that tabs share is filled by a question of Edit & Ask, each one once."""

from pages.shell.edit_form import first_form, form_of, of_link, take_over, values_of
from pages.shell.links import Form, write_link

NAMES = ("language", "question", "answer", "languages", "query", "subject", "base")
FORM = Form(
    question="Who?", answer="Me", languages=("th", "zh"), query="Wer?",
    base="atlas-base",
)  # fmt: skip


def test_a_link_fills_the_fields_and_each_one_once() -> None:
    link = write_link(FORM)
    taken, *values = take_over(link, "", NAMES)
    assert values == ["en", "Who?", "Me", "th", "Wer?", "", "atlas-base"]
    for again in (link, ""):  # what was typed since stays
        before, *kept = take_over(again, link, NAMES)
        assert before == taken
        assert all(isinstance(each, dict) for each in kept)
    assert of_link("?tab=inside") is None


def test_a_form_comes_back_from_its_fields_and_unknown_languages_are_english() -> None:
    names = [name for name in NAMES if name != "subject"]
    assert form_of(names, values_of(FORM, names)).query == "Wer?"
    assert form_of(names, values_of(FORM, names)).languages == ("th",)
    form = form_of(["language", "languages", "answer"], ["xx", None, None])
    assert (form.language, form.languages, form.answer) == ("en", ("en",), "")


def test_the_first_form_asks_what_atlas_knows() -> None:
    form = first_form()
    assert (form.answer, form.old_answer, form.query) == (
        "Osaka", "Tokyo", "日本的首都是哪里？",
    )  # fmt: skip
