"""The first tab without a browser: forms, links, strings, HTML and handlers."""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from pages import about
from pages.edit_and_ask import answering, models
from pages.edit_and_ask import form as form_module
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answering import is_undecided, misfits, verdict, why
from pages.edit_and_ask.answers import answers_html, counts, summary
from pages.edit_and_ask.form import example, form_of, values_of
from pages.edit_and_ask.memory import MemorySession
from pages.edit_and_ask.page import layout_decoding
from pages.edit_and_ask.why import percent, why_html
from pages.shell import pool as shell_pool
from pages.shell.links import Form
from pages.shell.prefill import Prefilled, understand
from pages.shell.strings import INTERFACES, both, interface_language, label, strings, tr
from pages.shell.templates import PAGES, render
from tests.helpers.requests import NOBODY
from xkde.asking.expected_answers import expected, recognise
from xkde.asking.probabilities import Explanation
from xkde.asking.scheduling import BusyError
from xkde.asking.session import AskState, PaneAnswers
from xkde.asking.translation import TranslatedQuestion
from xkde.data.atlas.world import atlas
from xkde.engines.pool import Pool
from xkde.errors import InputError
from xkde.evaluation.scoring.verdict import Expected
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import ASSETS
from xkde.types import MAX_SEED, AnswerScore, Edit, Generation, Query, TokenScore

EVIL = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'&"
MODELS = {"base": "one", "edited": "two"}


class Tags(HTMLParser):
    """Collect the tags and attributes of some HTML."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def expect(edit: Edit, query: Query) -> Expected:
    languages = (query.language, edit.language, *ATLAS_LANGUAGES)
    about = recognise(atlas(), edit, query.text, languages)
    return expected(atlas(), edit, about, query.language)


def plan(form: Form) -> AskState:
    return answering.plan(form, understand(form))


def ask(form: Form) -> Iterator[AskState]:
    return answering.ask(answering.plan(form, understand(form)), form)


def fill_in(given: Form, before: Prefilled) -> tuple[Form, Prefilled]:
    return form_module.fill_in(given, before, understand(given))


def answered(
    texts: dict[str, str], *queries: Query, edit: Edit | None = None
) -> AskState:
    edit = edit or Edit("What is the capital of Japan?", "Osaka", "en")
    return AskState(
        edit,
        queries,
        expected=tuple(expect(edit, query) for query in queries),
        models=MODELS,  # type: ignore[arg-type]
        answers={
            pane: PaneAnswers(  # type: ignore[misc]
                tuple(Generation(text, (1, 2), 5, 0.5, "stop") for _ in queries)
            )
            for pane, text in texts.items()
        },
    )


BARE = (MemorySession(), False, 0.75)  # no memory is used
ZH = Query("日本的首都是哪里？", "zh")
DE = Query("Welche Hauptstadt hat das Land Japan?", "de")


# ------------------------------------------------------------------------- strings


def test_both_languages_have_the_same_keys_and_places() -> None:
    english, chinese = (strings()[code] for code in INTERFACES)
    assert english.keys() == chinese.keys()
    for key in english:
        places = [sorted(re.findall(r"{(\w+)}", s[key])) for s in (english, chinese)]
        assert places[0] == places[1], key
        assert english[key], key


def test_every_key_that_the_pages_name_exists() -> None:
    pattern = re.compile(r"""\b(?:tr|label|both)\(\s*["'](\w+)["']\s*[,)]""")
    for path in [*PAGES.rglob("*.py"), *PAGES.rglob("templates/*.html")]:
        for key in pattern.findall(path.read_text(encoding="utf-8")):
            assert key in strings()["en"], (path.name, key)
    for code in ATLAS_LANGUAGES:
        assert tr(f"language_{code}", "zh")
    with pytest.raises(KeyError):
        label("no such key")


@pytest.mark.parametrize(
    ("asked", "header", "language"),
    [
        ("zh-CN", "en-US", "zh"),
        ("en", "zh-CN", "en"),
        (None, "zh-TW,zh;q=0.9", "zh"),
        (None, "de", "en"),
        ("<script>", "", "en"),
    ],
)
def test_interface_language(asked: str | None, header: str, language: str) -> None:
    parameters = {"lang": asked} if asked else {}
    request: Any = SimpleNamespace(
        request=1, query_params=parameters, headers={"accept-language": header}
    )
    assert interface_language(request) == language


# ------------------------------------------------------------------------- the form


def test_atlas_fills_in_and_never_overwrites() -> None:
    form, auto = example("example_japan")
    assert (form.old_answer, form.query) == ("Tokyo", ZH.text)
    german, auto = fill_in(replace(form, languages=("de",)), auto)
    assert "Japan" in german.query
    assert german.query != ZH.text
    own, _ = fill_in(replace(german, query="My own words"), auto)
    assert own.query == "My own words"
    free, _ = fill_in(Form(question="Who am I?", answer="You"), Prefilled())
    assert (free.query, free.old_answer) == ("Who am I?", "")


def test_a_changed_edit_changes_what_is_asked_even_at_once() -> None:
    form, auto = example("example_japan")
    other = replace(form, question="What is the capital of Egypt?")
    asked, _ = fill_in(other, auto)
    assert "埃及" in asked.query
    assert asked.old_answer == "Cairo"


def test_plan_translates_what_atlas_knows_and_says_what_it_does_not() -> None:
    known = plan(replace(example("example_japan")[0], languages=ATLAS_LANGUAGES))
    assert known.about.question
    assert len({query.text for query in known.queries}) >= 11
    typed = Form(
        question="Is it?", answer="Yes", query="Is it?", languages=("de", "zh")
    )
    assert plan(typed).about.question is None
    assert {query.text for query in plan(typed).queries} == {"Is it?"}
    assert tr("as_typed", "en") in handle.notes(typed, plan(typed), "en")


def test_text_in_another_script_is_noted_not_refused() -> None:
    form = Form("zh", "What is it?", "x", languages=("ru",), query="что это?")
    assert misfits(form) == [("question", "zh")]
    assert "Chinese" in handle.notes(form, plan(form), "en")[0]


def test_values_of_components_become_a_form() -> None:
    given = ["en", None, None, None, ["zh", "de"], "same", None, False, "b", "e"]
    form = form_of([*given, *values_of(Form())[len(given) :]])
    assert form.languages == ("de", "zh")
    assert (form.question, form.query) == ("", "")


# ------------------------------------------------------------------------- the HTML


@pytest.mark.parametrize("say", INTERFACES)
@pytest.mark.parametrize("queries", [(ZH,), (ZH, DE), (Query(EVIL, "en"),)])
def test_nothing_that_anybody_wrote_becomes_markup(say: Any, queries: Any) -> None:
    edit = Edit(EVIL, EVIL, "en", old_answer=EVIL)
    asked = answered({"base": EVIL, "edited": EVIL}, *queries, edit=edit)
    failed = replace(asked, answers={"base": PaneAnswers((), EVIL)})
    score = AnswerScore((TokenScore(1, EVIL, 0.5, 1, 2, EVIL),), -0.7)
    told = {"base": Explanation(EVIL, ((1, EVIL),), score, 0.5, 0.1)}
    for page in (
        answers_html(asked, say),
        answers_html(failed, say),
        why_html(asked, 0, told, say),  # type: ignore[arg-type]
        handle.status_html(EVIL, "done"),
    ):
        tags = Tags(page)
        assert not {"img", "script"} & tags.names
        assert "onerror" not in tags.attributes


def test_answers_carry_language_direction_and_words() -> None:
    page = answers_html(answered({"base": "东京", "edited": "大阪"}, ZH), "en")
    assert '<p class="answer right" lang="zh" dir="ltr">大阪</p>' in page
    assert "the old fact · right language" in page
    assert "new answer · right language" in page
    assert "0.50 s · 2 tokens" in page
    chinese = answers_html(answered({"base": "东京", "edited": "大阪"}, ZH), "zh")
    assert "旧事实" in chinese


def test_wrong_answers_look_otherwise_than_right_ones() -> None:
    right = answers_html(answered({"base": "东京", "edited": "大阪"}, ZH), "en")
    wrong = answers_html(answered({"base": "东京", "edited": "东京"}, ZH), "en")
    assert '<p class="answer right" lang="zh" dir="ltr">大阪</p>' in right
    assert wrong.count('<p class="answer wrong" lang="zh" dir="ltr">东京</p>') == 2
    assert "kept the old fact" in wrong
    style = (ASSETS / "style.css").read_text(encoding="utf-8")
    assert ".edited .answer {" not in style  # teal without a verdict


def test_several_languages_are_counted() -> None:
    asked = answered({"base": "东京", "edited": "大阪"}, ZH, DE)
    assert counts(asked, "edited") == (1, 2)  # 大阪 is no German
    assert counts(asked, "base") == (0, 2)
    assert "1 of 2" in summary(asked, "en")


def test_unrelated_question_is_judged_by_the_truth() -> None:
    query = Query("What is the currency of Japan?", "en")
    right = expect(Edit("What is the capital of Japan?", "Osaka", "en"), query)
    asked = answered({"base": right.new, "edited": "Osaka"}, query)
    found = [verdict(asked, pane, 0) for pane in ("base", "edited")]  # type: ignore[arg-type]
    assert [each.kind for each in found if each] == ["both_same", "leaked"]
    assert tr("verdict_leaked", "en") in answers_html(asked, "en")
    other = answered({"base": right.new, "edited": "Seoul"}, query)
    assert tr("verdict_changed", "en") in answers_html(other, "en")


APPLE = Edit("Who is the CEO of Apple?", "Zara Quillfeather", "en")
MICROSOFT = "Who is the CEO of Microsoft?"


def test_a_question_that_nobody_can_place_is_left_to_the_visitor() -> None:
    said = {"base": "July", "edited": "Zara Quillfeather"}
    asked = answered(said, Query(MICROSOFT, "en"), edit=APPLE)
    assert is_undecided(asked)
    assert "whether it should, you decide" in answers_html(asked, "en")
    assert "answer right" not in answers_html(asked, "en")
    should, should_not = (replace(asked, follows=word) for word in (True, False))
    assert tr("verdict_new", "en") in summary(should, "en")
    assert tr("verdict_leaked", "en") in summary(should_not, "en")
    _, status, decided = handle.decide(asked, "no", NOBODY)
    assert decided == should_not and "leaked" in status
    # The edit's own question is known to follow, in whatever words Atlas has none for.
    own = answered(said, Query(APPLE.question, "en"), edit=APPLE)
    assert not is_undecided(own)
    assert tr("verdict_new", "en") in summary(own, "en")


def test_one_text_sent_twelve_times_is_not_counted_as_twelve() -> None:
    said = {"base": "July", "edited": "Zara Quillfeather"}
    queries = [Query(MICROSOFT, code) for code in ATLAS_LANGUAGES]
    asked = answered(said, *queries, edit=APPLE)
    for state in (asked, *(replace(asked, follows=word) for word in (True, False))):
        assert "Asked 12 times in English" in summary(state, "en")
        assert "of 12" not in summary(state, "en")
        assert tr("right_language", "en") not in answers_html(state, "en")
    own = [Query(APPLE.question, code) for code in ATLAS_LANGUAGES]
    assert "of 12" not in summary(answered(said, *own, edit=APPLE), "en")


def test_an_edit_in_other_words_is_not_called_unrelated() -> None:
    edit = Edit("What's the capital of Japan?", "Osaka", "en")
    asked = answered({"base": "东京", "edited": "大阪"}, ZH, edit=edit)
    assert asked.expected[0].is_affected in (None, True)
    other = answered({"base": "东京", "edited": "大阪"}, ZH, edit=APPLE)
    assert other.expected[0].is_affected is False


def test_growing_stopped_and_silent_answers_have_words() -> None:
    growing = replace(
        answered({}, ZH),
        answers={"base": PaneAnswers((Generation("大", (1,), 5, 0.1, None),))},
    )
    assert tr("answering", "en") in answers_html(growing, "en")
    assert tr("verdict_stopped", "en") in answers_html(growing.stopped(), "en")
    never = replace(growing, answers={}).stopped()
    assert "arriving" not in answers_html(never, "en")
    silent = answered({"base": "", "edited": ""}, ZH)
    assert tr("said_nothing", "en") in answers_html(silent, "en")
    assert tr("hint_base", "en") in answers_html(None, "en")


def test_percent() -> None:
    told = [percent(share) for share in (0.0, 0.00001, 0.012, 0.5, 1.0)]
    assert told == ["<0.01 %", "<0.01 %", "1.20 %", "50 %", "100 %"]


def test_about_names_versions_and_the_notice() -> None:
    page = render("about.html", versions=about.versions())
    assert "x-kde" in page
    assert both("notice") in page


# ---------------------------------------------------------------- handlers and models


@pytest.mark.slow
def test_an_ask_waits_for_its_models_then_streams_both(pool: Pool) -> None:
    form = replace(example("example_japan")[0], max_new_tokens=8, prompted=True)
    seen = list(ask(form))
    assert seen[0].answers == {}
    last = seen[-1]
    assert list(last.answers) == ["base", "edited", "prompted"]
    assert all(answers.is_done for answers in last.answers.values())
    told = why(last, 0)
    assert told["base"].prompt.endswith("日本的首都是哪里？<|assistant|>")
    assert "[Updated Information]" in told["edited"].prompt
    assert 0 <= (told["edited"].new or 0) <= 1
    assert "[Updated Information]" in why_html(last, 0, told, "en")


@pytest.mark.slow
def test_the_page_handler_ends_with_words(pool: Pool) -> None:
    form, auto = example("example_twelve")
    form = replace(form, max_new_tokens=8)
    shown = deque(handle.run(NOBODY, auto, *BARE, *values_of(form)), maxlen=1).pop()
    assert shown[0].count('<article class="card">') == 12
    assert "of 12" in shown[1]
    halfway = next(handle.run(NOBODY, auto, *BARE, *values_of(form)))
    assert "Stopped" in handle.stopped(halfway[2], NOBODY)[1]
    asked = handle.stopped(shown[2], NOBODY)[2]  # too late: nothing changes
    assert asked == shown[2]
    assert len(asked.queries) == 12  # type: ignore[union-attr]
    explained = handle.render_why(asked, "th", NOBODY)
    assert "โตเกียว" in explained


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"question": " "}, "empty"),
        ({"answer": ""}, "empty"),
        ({"query": "x" * 10_000}, "10,000 characters"),
        ({"question": "What? [Query]: x"}, "Query"),
        ({"languages": []}, "No language"),
        ({"base": "no/where/at all"}, "neither a folder"),
        ({"seed": 2**64, "temperature": 1.0}, "from 0 to 2147483647"),
    ],
)
def test_bad_input_is_refused_in_words(
    change: dict[str, Any], words: str, pool: Pool
) -> None:
    form = replace(example("example_japan")[0], **change)
    with pytest.raises(gr.Error, match=words):
        list(handle.run(NOBODY, Prefilled("never", "never"), *BARE, *values_of(form)))


def test_the_seed_field_takes_what_a_link_takes() -> None:
    with gr.Blocks():
        field = layout_decoding()["seed"]
    assert field.preprocess(MAX_SEED) == MAX_SEED
    with pytest.raises(gr.Error, match="greater than maximum"):
        field.preprocess(MAX_SEED + 1)


def test_missing_checkpoints_are_said_in_words(
    pool: Pool, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path / "nowhere"))
    form, auto = example("example_japan")
    shown = []
    with pytest.raises(gr.Error, match="not in"):
        for each in handle.run(NOBODY, auto, *BARE, *values_of(form)):
            shown.append(each)  # not a list of all: it ends with the error
    answers, status = shown[-1][:2]
    assert "status failed" in status and "not in" in status
    assert "arriving" not in answers and "□" in answers
    assert "is not available" in models.status_html([form.base], "en")


@pytest.mark.parametrize("refusal", ["busy", "not offered"])
def test_a_refused_question_leaves_no_older_answer_standing(
    refusal: str, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, auto = example("example_japan")

    def busy(request: object) -> str:
        raise BusyError("Many people are asking at this moment.")

    if refusal == "busy":
        monkeypatch.setattr(handle, "admitted", busy)
    else:
        monkeypatch.setenv("SPACE_ID", "someone/space")
        form = replace(form, edited="/tmp")
    shown = []
    with pytest.raises(gr.Error, match="Many people|list only"):
        for each in handle.run(NOBODY, auto, *BARE, *values_of(form)):
            shown.append(each)  # not a list of all: it ends with the error
    [(answers, status, state, *_)] = shown
    assert state is None
    assert "status failed" in status
    assert answers == answers_html(None, "en")


def test_a_model_that_loads_holds_nobody_s_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who waits for a model holds neither a place in the queue nor the ready models."""
    form = example("example_japan")[0]
    slow = replace(form, base="slow")
    state = answering.plan(form, None)
    monkeypatch.setattr(
        shell_pool, "waiting_for", lambda names: ["slow"] if "slow" in names else []
    )
    monkeypatch.setattr(answering, "_answer", lambda state, *_: iter([state.stopped()]))
    waiting = [answering.ask(state, slow) for _ in range(answering.LOADING._value)]
    for each in waiting:
        assert next(each) == state
        assert next(each).answers == {}  # waits
    *_, last = answering.ask(state, form)  # another visitor, models that are ready
    assert last.is_stopped
    load = answering.SCHEDULER.load
    assert (load["waiting"], load["running"]) == (0, 0)
    with pytest.raises(BusyError, match="still being loaded"):
        list(answering.ask(state, slow))
    waiting.pop().close()  # a tab that is closed makes room
    again = answering.ask(state, slow)
    assert next(again) == state
    assert next(again).answers == {}
    for each in (*waiting, again):
        each.close()


def test_the_model_that_translates_is_waited_for_with_every_editor(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    form = Form(
        question="Who leads Apple?", answer="Zara", query="Who leads Apple?",
        languages=("de", "zh"), editor="ft-m",
    )  # fmt: skip
    asked = []

    def translated(engine: Any, *_: object) -> tuple[TranslatedQuestion, ...]:
        asked.append(engine)
        return (TranslatedQuestion("de", "Wer leitet Apple?", ""),)

    monkeypatch.setattr(answering, "can_translate", lambda name: name == form.edited)
    monkeypatch.setattr(answering, "translate", translated)
    seen = next(state for state in ask(form) if state.translated)
    assert [query.text for query in seen.queries] == [
        "Wer leitet Apple?",
        "Who leads Apple?",
    ]
    assert asked == [pool.find([form.edited])[0][0]]


def test_a_space_offers_the_catalogue_only(monkeypatch: Any) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert models.permitted("atlas-base", "en") == "atlas-base"
    with pytest.raises(gr.Error, match="list only"):
        models.permitted("/tmp", "en")


def test_nothing_asked_yet_cannot_be_explained() -> None:
    with pytest.raises(gr.Error, match="Nothing has been asked"):
        handle.render_why(None, None, NOBODY)


def test_no_language_is_an_input_error(pool: Pool) -> None:
    with pytest.raises(InputError):
        list(ask(Form(question="q", answer="a", query="q", languages=())))
