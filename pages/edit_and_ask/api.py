"""The named endpoints: ``ask`` in one language, ``ask_all`` in all twelve.

They use the embedded models and the same run as the page. Every other endpoint of the
app is private.

Try it, from Python: ``gradio_client.Client("http://127.0.0.1:7860").predict("What is
the capital of Japan?", "Osaka", "en", "日本的首都是哪里？", "zh", api_name="/ask")``
"""

from collections import deque
from typing import Any

import gradio as gr

from pages.edit_and_ask.answering import ask as answers_of
from pages.edit_and_ask.answering import verdict
from pages.edit_and_ask.form import understand
from pages.shell.links import FOLLOWS, Form
from xkde.asking.session import AskState, Pane
from xkde.errors import InputError, XkdeError
from xkde.languages import ATLAS_LANGUAGES

PANES: tuple[Pane, ...] = ("base", "edited")


def ask(
    question: str,
    answer: str,
    language: str,
    query: str,
    query_language: str,
    follows: str = "",
) -> dict[str, Any]:
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
    state = _finished(question, answer, language, query, (query_language,), follows)
    return {"edit": _edit(state), **_row(state, 0)}


def ask_all(
    question: str, answer: str, language: str, query: str, follows: str = ""
) -> dict[str, object]:
    """Ask both models the same question in all twelve languages after an edit.

    Args:
        question: The edit's question.
        answer: The edit's new answer.
        language: The edit's language, an ISO 639-1 code.
        query: What to ask; what Atlas knows is asked in each language's own words.
        follows: "yes" or "no": whether the query should follow the edit, which decides
            the verdict where the app cannot tell.
    """
    state = _finished(question, answer, language, query, ATLAS_LANGUAGES, follows)
    rows = [_row(state, index) for index in range(len(state.queries))]
    return {"edit": _edit(state), "answers": rows}


def _finished(
    question: str,
    answer: str,
    language: str,
    query: str,
    asked_in: tuple[str, ...],
    follows: str,
) -> AskState:
    try:
        for code in (language, *asked_in):
            if code not in ATLAS_LANGUAGES:
                known = ", ".join(ATLAS_LANGUAGES)
                raise InputError(f"“{code}” is not offered. Use one of: {known}.")
        if follows not in FOLLOWS:
            raise InputError("“follows” is “yes”, “no” or empty: nobody has said.")
        form = Form(
            language, question, answer, languages=asked_in, query=query, follows=follows
        )
        last = deque(answers_of(form, understand(form)), maxlen=1).pop()
    except XkdeError as error:
        raise gr.Error(str(error), print_exception=False) from error
    return last


def _edit(state: AskState) -> dict[str, str]:
    edit = state.edit
    return {
        "question": edit.question, "answer": edit.answer, "language": edit.language,
    }  # fmt: skip


def _row(state: AskState, index: int) -> dict[str, Any]:
    query = state.queries[index]
    golds = state.expected[index].decided(state.follows, "")
    row: dict[str, Any] = {
        "query": query.text, "language": query.language,
        "should_follow": golds.is_affected,
    }  # fmt: skip
    for pane in PANES:
        answers = state.answers[pane]
        if answers.failure or index >= len(answers.generations):
            raise gr.Error(answers.failure, print_exception=False)
        generation, found = answers.generations[index], verdict(state, pane, index)
        row[pane] = {
            "answer": generation.text,
            "verdict": found.kind if found else None,
            "rule": found.words if found else None,
            "language_ok": found.language_ok if found else None,
            "seconds": round(generation.seconds, 4),
            "tokens": len(generation.token_ids),
            "model": state.models[pane],
        }
    return row


def connect() -> None:
    """Add the endpoints to the app."""
    for function in (ask, ask_all):
        gr.api(
            function,
            api_name=function.__name__,
            concurrency_id="model",
            concurrency_limit=1,
        )
