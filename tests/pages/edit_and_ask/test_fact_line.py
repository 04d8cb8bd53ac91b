"""What is said of a typed fact, and what is filled in around it."""

from dataclasses import replace
from typing import Any

import pytest

from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answering import is_translated, plan
from pages.edit_and_ask.fact_line import fact_html
from pages.edit_and_ask.form import example, read_wordings, values_of
from pages.edit_and_ask.models import badge_html
from pages.shell.links import Form
from pages.shell.prefill import Prefilled, fill_in, kinds_of, understand, write_wordings
from pages.shell.strings import tr
from xkde.languages import ATLAS_LANGUAGES

ATLAS = {"base": "atlas-base", "edited": "atlas-xe-it"}
GEMMA = {"base": "gemma-3-270m", "edited": "gemma-3-270m-x-kde"}
OWN = Form(question="Who leads Apple?", answer="Me", languages=("en", "de", "zh"))


def filled(form: Form, before: Prefilled | None = None) -> tuple[Form, Prefilled]:
    return fill_in(form, before or Prefilled(), understand(form))


@pytest.mark.parametrize(
    ("question", "models", "key"),
    [
        ("", ATLAS, "fact_empty"),
        ("Who leads Apple?", ATLAS, "fact_outside"),
        ("Who leads Apple?", GEMMA, "fact_translated"),
        ("Who leads Apple?", dict.fromkeys(ATLAS, "Qwen/Qwen2.5-0.5B-Instruct"),
         "fact_as_typed"),
    ],
)  # fmt: skip
def test_the_line_says_what_becomes_of_the_sentence(
    question: str, models: dict[str, str], key: str
) -> None:
    form = Form(question=question, answer="Me", **models)  # type: ignore[arg-type]
    assert tr(key, "en") in fact_html(form, understand(form), "en")


def test_one_language_is_named_and_several_are_counted() -> None:
    form = Form(question="What is the capital of Japan?", answer="Osaka", **ATLAS)  # type: ignore[arg-type]
    for languages, words in ((("de",), "asked in German."), (("de", "zh"), "2 lang")):
        asked = replace(form, languages=languages)
        assert words in fact_html(asked, understand(asked), "en")
    assert "以德语提问" in fact_html(
        replace(form, languages=("de",)), understand(form), "zh"
    )


def test_what_atlas_knows_is_named_and_stated_in_its_words() -> None:
    form = Form(question="whats the capital of the USA", answer="New York", **ATLAS)  # type: ignore[arg-type]
    said = fact_html(form, understand(form), "en")
    assert "capital of United States" in said
    assert "What is the capital of the United States?" in said
    form, _ = filled(replace(form, languages=("zh",)))
    assert plan(form, understand(form)).edit.question != form.question
    assert form.old_answer == "Washington"


def test_the_language_follows_the_text() -> None:
    german = Form(question="Was ist die Hauptstadt von Deutschland?", answer="Hamburg")
    assert filled(german)[0].language == "de"
    assert filled(Form(question="谁领导苹果？", answer="我"))[0].language == "zh"
    form, _ = example("example_japan")
    asked, answer = handle.change_language(*values_of(replace(form, language="zh")))
    assert (asked, answer) == ("日本的首都是哪里？", "大阪")
    kept = handle.change_language(*values_of(replace(OWN, language="zh")))
    assert kept == (OWN.question, OWN.answer)


def test_what_is_offered_is_in_the_language_that_is_typed() -> None:
    typed = Form(
        question="Wie heißt die Hauptstadt von Deutschlan", answer="X", **ATLAS
    )  # type: ignore[arg-type]
    said = fact_html(replace(typed, language="en"), None, "en")
    assert "Wie heißt die Hauptstadt des Landes Deutschland?" in said
    assert 'lang="de"' in said


def test_the_language_of_an_own_sentence_is_found_once() -> None:
    typed = Form(question="Who wrote Moby-Dick, and when?", answer="Me", language="fr")
    form, auto = filled(typed)
    assert form.language == "en"
    # Whoever chooses another one afterwards keeps it, until the fact changes.
    chosen, auto = filled(replace(form, language="fr"), auto)
    assert chosen.language == "fr"
    other = replace(chosen, question="Wer hat Moby-Dick geschrieben?")
    assert filled(other, auto)[0].language == "de"


def test_only_questions_that_can_be_proposed_are_offered_and_none_is_emptied() -> None:
    assert kinds_of(understand(OWN)) == ("same", "unrelated")
    form, _ = filled(replace(OWN, kind="two_hops"))
    assert (form.kind, form.query) == ("same", OWN.question)
    other, _ = filled(replace(OWN, kind="unrelated"))
    assert other.query not in ("", OWN.question)


def test_wordings_are_shown_can_be_changed_and_belong_to_their_question() -> None:
    form, before = filled(replace(example("example_twelve")[0], wordings=""))
    shown = read_wordings(form.wordings)
    assert tuple(shown) == ATLAS_LANGUAGES
    own = write_wordings(shown | {"de": "Welche Stadt regiert Japan?"})
    kept, before = filled(replace(form, wordings=own), before)
    texts = {q.language: q.text for q in plan(kept, understand(kept)).queries}
    assert texts["de"] == "Welche Stadt regiert Japan?"
    assert texts["fr"] == shown["fr"]
    kept, before = filled(kept, before)  # asked once more
    assert kept.wordings == own
    other = replace(kept, question="What is the capital of Egypt?", query="")
    assert "Egypt" in read_wordings(filled(other, before)[0].wordings)["en"]


def test_the_edited_model_translates_what_has_no_wording_yet() -> None:
    form, _ = filled(replace(OWN, **GEMMA))  # type: ignore[arg-type]
    assert is_translated(form, plan(form, understand(form)))
    given = write_wordings({"de": "Wer leitet Apple?", "zh": "谁领导苹果？"})
    told = replace(form, wordings=given)
    assert not is_translated(told, plan(told, understand(told)))
    atlas_form = replace(form, **ATLAS)  # type: ignore[arg-type]
    assert not is_translated(atlas_form, plan(atlas_form, understand(atlas_form)))


def test_a_server_translates_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XKDE_SERVER", "http://127.0.0.1:8000/v1")
    form, _ = filled(replace(OWN, **GEMMA))  # type: ignore[arg-type]
    assert is_translated(form, plan(form, understand(form)))


@pytest.mark.parametrize(
    ("base", "edited", "warned"),
    [
        ("atlas-base", "atlas-xe-it", False),
        ("atlas-base", "YukinoKaren/X_KDE_Demo_EN_ZH", True),
        ("atlas-base", "atlas-base", False),
        ("gemma-3-270m", "gemma-3-270m-x-kde", False),
    ],
)
def test_the_badge_says_what_runs_and_warns_of_a_pair(
    base: str, edited: str, warned: bool
) -> None:
    said: Any = badge_html(base, edited, "en")
    assert base in said and edited in said
    assert ("was trained from" in said) == warned
    if base == "atlas-base":
        assert "facts of one small world" in said and "7.7 M" in said
