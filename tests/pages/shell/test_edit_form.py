"""The form that tabs share is filled by a question of Edit & Ask, each one once."""

import json
from dataclasses import replace

import pytest

from pages.shell.edit_form import (
    FilledIn,
    brought_by,
    first_form,
    form_of,
    of_link,
    offer,
    refilled,
    take_over,
    values_of,
)
from pages.shell.links import Form, write_link
from pages.shell.prefill import edit_in_language

NAMES = ("language", "question", "answer", "languages", "query", "subject", "base")
FORM = Form(
    question="Who?", answer="Me", languages=("th", "zh"), query="Wer?",
    base="atlas-base",
)  # fmt: skip


def test_a_link_fills_the_fields_and_each_one_once() -> None:
    link = write_link(FORM)
    taken, brought, *values = take_over(link, "", NAMES)
    assert brought == brought_by(FORM)
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


def test_another_fact_brings_its_own_old_answer_and_question() -> None:
    form, filled = first_form(), brought_by(first_form())
    same, _ = refilled(form, filled)
    assert (same.query, same.old_answer) == (form.query, form.old_answer)
    asked, filled = refilled(
        replace(form, question="What is the capital of Egypt?"), filled
    )
    assert (asked.old_answer, asked.query) == ("Cairo", "埃及的首都是哪里？")
    asked, filled = refilled(replace(asked, languages=("de",)), filled)
    assert asked.query == "Wie heißt die Hauptstadt des Landes Ägypten?"
    own = replace(asked, query="Und Kairo?", question="What is the capital of Peru?")
    asked, filled = refilled(own, filled)
    assert (asked.old_answer, asked.query) == ("Lima", "Und Kairo?")  # typed: it stays
    unknown = replace(asked, question="Who wrote Aida?", query="")
    asked, _ = refilled(unknown, filled)
    assert (asked.old_answer, asked.query) == ("", "Who wrote Aida?")


@pytest.mark.parametrize("kind", ["same", "unrelated"])
def test_what_came_with_a_link_goes_with_its_fact(kind: str) -> None:
    link = write_link(replace(FORM, old_answer="You", kind=kind))
    names = [*NAMES, "old_answer"]
    _, filled, *values = take_over(link, "", names)
    assert isinstance(filled, FilledIn)
    form = form_of(names, [str(value) for value in values])
    kept, _ = refilled(replace(form, answer="Nobody"), filled)
    assert (kept.query, kept.old_answer) == ("Wer?", "You")
    asked, _ = refilled(replace(form, question="What is the capital of Japan?"), filled)
    assert asked.query not in ("", "Wer?")
    assert asked.old_answer == "Tokyo"


def test_offers_say_what_they_are_for() -> None:
    names = ["language", "question", "answer", "old_answer", "languages", "query"]
    values = values_of(replace(first_form(), question="法国的首都是哪里？"), names)
    _, pairs = offer(brought_by(first_form()), names, values)
    query, old, language = json.loads(pairs)
    assert query == ["日本的首都是哪里？", "法国的首都是哪里？"]
    assert old == ["Tokyo", "巴黎"]
    assert language == ["en", "zh"]  # the fact is typed in Chinese


def test_an_edit_is_put_into_the_chosen_language_or_stays() -> None:
    german = replace(first_form(), language="de")
    assert edit_in_language(german) == (
        "Wie heißt die Hauptstadt des Landes Japan?", "Osaka",
    )  # fmt: skip
    assert edit_in_language(replace(german, question="Who?")) == ("Who?", "Osaka")
