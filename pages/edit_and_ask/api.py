"""The named endpoints: ``ask`` in one language, ``ask_all`` in all twelve,
``evaluate_case`` for a case of Atlas's benchmark.

They use the embedded models, and the same passes as the page. With ``app.py --mcp`` an
agent has them as tools.

Try it, from Python: ``gradio_client.Client("http://127.0.0.1:7860").predict("What is
the capital of Japan?", "Osaka", "en", "日本的首都是哪里？", "zh", api_name="/ask")``
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import gradio as gr

from pages.edit_and_ask.answering import ask as answers_of
from pages.edit_and_ask.answering import panes_of, plan, verdict
from pages.shell.links import FOLLOWS, Form
from pages.shell.pool import ASKING
from pages.shell.prefill import understand
from pages.shell.strings import interface_language, shown_error
from pages.shell.visitors import admitted
from xkde.asking.session import AskState, Pane
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.errors import InputError, XkdeError
from xkde.evaluation.scoring.answers import is_unchanged, score
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Case, Generation, Query


class StatedEdit(TypedDict):
    """The edit as it was stated."""

    question: str
    answer: str
    language: str


class PaneAnswer(TypedDict):
    """One model's answer; ``verdict`` says which answer it names, None if unknown."""

    answer: str
    verdict: str | None
    rule: str | None
    language_ok: bool | None
    seconds: float
    tokens: int
    model: str


class AnsweredQuery(TypedDict):
    """One query with the base and the edited model's answer."""

    query: str
    language: str
    should_follow: bool | None
    base: PaneAnswer
    edited: PaneAnswer


class AnsweredAsk(AnsweredQuery):
    """What ``ask`` returns."""

    edit: StatedEdit


class AnsweredEverywhere(TypedDict):
    """What ``ask_all`` returns, a query for each language."""

    edit: StatedEdit
    answers: list[AnsweredQuery]


class AnswerWithF1(TypedDict):
    """One model's answer against the gold one: exact match, and F1 from 0 to 1."""

    answer: str
    exact: bool
    f1: float


class ScoredProbe(TypedDict):
    """One probe's question with both answers."""

    probe: str
    query: str
    gold: str
    base: AnswerWithF1
    edited: AnswerWithF1
    unchanged_from_base: bool


class EvaluatedCase(TypedDict):
    """What ``evaluate_case`` returns."""

    case: str
    protocol: str
    edit: StatedEdit
    language: str
    models: dict[str, str]
    probes: list[ScoredProbe]


def ask(
    question: str,
    answer: str,
    language: str,
    query: str,
    query_language: str,
    request: gr.Request,
    follows: str = "",
) -> AnsweredAsk:
    """Ask both models one question after an edit.

    Args:
        question: The edit's question, such as "What is the capital of Japan?".
        answer: The edit's new answer, such as "Osaka".
        language: The edit's language, an ISO 639-1 code.
        query: What to ask.
        query_language: The language to ask in, an ISO 639-1 code.
        follows: "yes" or "no": whether the query should follow the edit, which decides
            the verdict where the app cannot tell.
    """
    codes = (query_language,)
    state = _answered(question, answer, language, query, codes, follows, request)
    return {"edit": _edit(state), **_row(state, 0)}


def ask_all(
    question: str,
    answer: str,
    language: str,
    query: str,
    request: gr.Request,
    follows: str = "",
) -> AnsweredEverywhere:
    """Ask both models the same question in all twelve languages after an edit.

    Args:
        question: The edit's question.
        answer: The edit's new answer.
        language: The edit's language, an ISO 639-1 code.
        query: What to ask; what Atlas knows is asked in each language's own words.
        follows: "yes" or "no": whether the query should follow the edit, which decides
            the verdict where the app cannot tell.
    """
    codes = ATLAS_LANGUAGES
    state = _answered(question, answer, language, query, codes, follows, request)
    rows = [_row(state, index) for index in range(len(state.queries))]
    return {"edit": _edit(state), "answers": rows}


def evaluate_case(
    number: int, language: str, query_language: str, request: gr.Request
) -> EvaluatedCase:
    """Evaluate both models on one case of Atlas's benchmark: all four probes.

    The protocol is “generated”: greedy answers of at most 48 tokens, scored by exact
    match and F1 after normalisation. A single case measures nothing by itself.

    Args:
        number: Which case of the test split, from 1.
        language: The language of the edit, an ISO 639-1 code.
        query_language: The language of the four questions, an ISO 639-1 code.
    """
    with _in_words(request):
        _check_languages(language, query_language)
        case = _case(int(number))
        edit = case.edits[language]
        items = [probe[query_language] for probe in case.probes.values()]
        form = Form(language, edit.question, edit.answer, languages=(query_language,))
        queries = tuple(Query(item.question, query_language) for item in items)
        planned = AskState(edit, queries, models=panes_of(form))
        visitor = admitted(request)
        states = answers_of(planned, form, visitor=visitor, is_watched=False)
        state = deque(states, maxlen=1).pop()
    return {
        "case": case.id,
        "protocol": "generated",
        "edit": _edit(state),
        "language": query_language,
        "models": {str(pane): name for pane, name in state.models.items()},
        "probes": [_probe(case, state, i, query_language) for i in range(len(items))],
    }


def _case(number: int) -> Case:
    cases = atlas_cases(atlas(), "test")
    if not 1 <= number <= len(cases):
        raise InputError("There are cases 1 to {n}. Choose one of them.", n=len(cases))
    return cases[number - 1]


def _probe(case: Case, state: AskState, index: int, language: str) -> ScoredProbe:
    """Return one probe's question with both answers and their scores."""
    probe, source = list(case.probes)[index], state.edit.language
    items = case.probes[probe]
    item, names = items[language], {code: it.answer for code, it in items.items()}

    def scored(text: str) -> AnswerWithF1:
        found = score(
            text, item.answer, language, source=source, aliases=item.aliases,
            names=names, stated=state.edit.answer,
        )  # fmt: skip
        return {"answer": text, "exact": found.exact, "f1": round(found.f1, 4)}

    base = _generation(state, "base", index).text
    edited = _generation(state, "edited", index).text
    return {
        "probe": probe,
        "query": item.question,
        "gold": item.answer,
        "base": scored(base),
        "edited": scored(edited),
        "unchanged_from_base": is_unchanged(base, edited),
    }


def _answered(
    question: str,
    answer: str,
    language: str,
    query: str,
    asked_in: tuple[str, ...],
    follows: str,
    request: gr.Request,
) -> AskState:
    with _in_words(request):
        _check_languages(language, *asked_in)
        if follows not in FOLLOWS:
            raise InputError("“follows” is “yes”, “no” or empty: nobody has said.")
        form = Form(
            language, question, answer, languages=asked_in, query=query, follows=follows
        )
        visitor, planned = admitted(request), plan(form, understand(form))
        states = answers_of(planned, form, visitor=visitor, is_watched=False)
        return deque(states, maxlen=1).pop()


def _check_languages(*codes: str) -> None:
    for code in codes:
        if code not in ATLAS_LANGUAGES:
            raise InputError(
                "“{code}” is not offered. Use one of: {known}.",
                code=code,
                known=ATLAS_LANGUAGES,
            )


@contextmanager
def _in_words(request: gr.Request) -> Iterator[None]:
    """Raise what a person can mend as Gradio shows it, in the visitor's language."""
    try:
        yield
    except XkdeError as error:
        raise shown_error(error, interface_language(request)) from error


def _edit(state: AskState) -> StatedEdit:
    edit = state.edit
    return {
        "question": edit.question, "answer": edit.answer, "language": edit.language,
    }  # fmt: skip


def _row(state: AskState, index: int) -> AnsweredQuery:
    query = state.queries[index]
    golds = state.expected[index].decided(state.follows, "")
    return {
        "query": query.text,
        "language": query.language,
        "should_follow": golds.is_affected,
        "base": _judged(state, "base", index),
        "edited": _judged(state, "edited", index),
    }


def _judged(state: AskState, pane: Pane, index: int) -> PaneAnswer:
    generation, found = _generation(state, pane, index), verdict(state, pane, index)
    return {
        "answer": generation.text,
        "verdict": found.kind if found else None,
        "rule": found.words if found else None,
        "language_ok": found.language_ok if found else None,
        "seconds": round(generation.seconds, 4),
        "tokens": len(generation.token_ids),
        "model": state.models[pane],
    }


def _generation(state: AskState, pane: Pane, index: int) -> Generation:
    answers = state.answers[pane]
    if answers.failure or index >= len(answers.generations):
        raise gr.Error(answers.failure, print_exception=False)
    return answers.generations[index]


def connect() -> None:
    """Add the endpoints to the app."""
    for function in (ask, ask_all, evaluate_case):
        gr.api(function, api_name=function.__name__, **ASKING)
