"""The handlers of Edit & Ask: what a click does, and what is shown of it.

Thin: they turn component values into a Form, records into HTML, and every XkdeError
into the toast that says how to mend it. Run by ``page``.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``
"""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from pages.edit_and_ask import editor_choice, models
from pages.edit_and_ask.answering import ask, misfits, plan, waiting_for, why
from pages.edit_and_ask.answers import answers_html, summary
from pages.edit_and_ask.editor_choice import name_of
from pages.edit_and_ask.examples import example
from pages.edit_and_ask.form import Auto, filled, form_of
from pages.edit_and_ask.memory.retrieval import Use
from pages.edit_and_ask.memory.session import Desk
from pages.edit_and_ask.why import why_html
from pages.shell.errors import in_words, shown_error
from pages.shell.links import Form, read_link, write_link
from pages.shell.strings import Interface, both, interface_language, tr
from xkde.asking.session import Asked
from xkde.errors import XkdeError
from xkde.languages import ATLAS_LANGUAGES, language

FIRST = "example_japan"
PATIENCE = 5.0  # seconds that Stop waits for a model to end
RUNNING: dict[str, threading.Event] = {}  # by session: set it and the answers end


def status_html(words: str, kind: str = "") -> str:
    """Return the status line; ``words`` are our own."""
    return f'<p class="status {kind}" role="status">{escape(words)}</p>'


def notes(form: Form, say: Interface) -> list[str]:
    """Return what to know about a question before it is asked; none stops it."""
    found = [
        tr(f"misfit_{field}", say, language=tr(f"language_{code}", say))
        for field, code in misfits(form)
    ]
    if len(form.languages) > 1 and not plan(form).is_known:
        found.append(tr("as_typed", say))
    return found


def run(
    request: gr.Request,
    auto: Auto,
    desk: Desk,
    uses: bool,
    threshold: float,
    *values: Any,
) -> Iterator[tuple[str, str, Asked, Auto, Any, Any]]:
    """Yield (answers, status, asked, auto, query, old answer) as the answers grow."""
    say = interface_language(request)
    form, auto = filled(form_of(list(values)), auto)
    for name in (form.base, form.edited):
        models.permitted(name, say)
    last: Asked | None = None
    first = True
    use = Use(desk.memory.edits, float(threshold)) if uses else None
    session, cancelled = str(request.session_hash), threading.Event()
    RUNNING[session] = cancelled
    try:
        for last in ask(form, cancelled, use):
            words = _under_way(form, last, say)
            yield _shown(form, auto, last, status_html(words, "busy"), say, first)
            first = False
        if last is not None and was_cancelled(last):
            words = tr("status_stopped", say)
            yield _shown(form, auto, last.stopped(), status_html(words), say, first)
            return
    except XkdeError as error:
        if last is not None:  # nothing is waited for any longer
            words = status_html(in_words(error, say), "failed")
            yield _shown(form, auto, last.stopped(), words, say, first)
        raise shown_error(error, say) from error
    finally:
        RUNNING.pop(session, None)
    if last is not None:
        noted = [*notes(form, say), *(in_words(each, say) for each in last.notes)]
        if use is not None and use.edits and not last.recalled:
            noted.append(tr("memory_unused", say, editor=name_of(form.editor, say)))
        told = summary(last, say)
        told = " ".join([*([told + tr("full_stop", say)] if told else []), *noted])
        kind = "noted" if notes(form, say) else "done"
        yield _shown(form, auto, last, status_html(told, kind), say, first)


def _under_way(form: Form, asked: Asked, say: Interface) -> str:
    """Return what is being done, in words."""
    if asked.making is not None:
        name, (done, total) = name_of(asked.editor, say), asked.making
        if 0 < done < total:
            share = f"{100 * done / total:.0f}"
            return tr("status_reading", say, editor=name, share=share)
        return tr("status_making", say, editor=name)
    return tr("status_waiting" if waiting_for(form) else "status_asking", say)


def _shown(
    form: Form, auto: Auto, asked: Asked, status: str, say: Interface, first: bool
) -> tuple[str, str, Asked, Auto, Any, Any]:
    # What was filled in is shown once: later it would replace what is typed meanwhile.
    offered = (form.query, form.old_answer) if first else (gr.skip(), gr.skip())
    return answers_html(asked, say), status, asked, auto, *offered


def was_cancelled(asked: Asked) -> bool:
    """Tell whether an answer, or the edit before it, was broken off."""
    return asked.is_stopped or any(
        generation.finish == "cancelled"
        for answers in asked.answers.values()
        for generation in answers.generations
    )


def stop(request: gr.Request) -> None:
    """End the visitor's running answers and wait until their last state was sent.

    Cancelling the event instead would let what is on its way overwrite the last state.
    """
    cancelled = RUNNING.get(str(request.session_hash))
    if cancelled is None:
        return
    cancelled.set()
    give_up = time.monotonic() + PATIENCE
    while RUNNING.get(str(request.session_hash)) is cancelled:
        if time.monotonic() > give_up:
            return
        time.sleep(0.02)


def stopped(asked: Asked | None, request: gr.Request) -> tuple[str, Any, Asked | None]:
    """Show what had arrived when Stop was pressed."""
    say = interface_language(request)
    if asked is None:
        return answers_html(None, say), status_html(""), None
    if all(answers.is_done for answers in asked.answers.values()) and asked.answers:
        return answers_html(asked, say), gr.skip(), asked  # it had just ended
    asked = asked.stopped()
    return answers_html(asked, say), status_html(tr("status_stopped", say)), asked


def prefill(auto: Auto, *values: Any) -> tuple[Auto, str]:
    """Offer a query and an old answer where the visitor has given none.

    Each as [what it is offered for, what is offered], in JSON: the page takes it only
    where nothing else was typed meanwhile.
    """
    given = form_of(list(values))
    form, auto = filled(given, auto)
    offered = [[given.query, form.query], [given.old_answer, form.old_answer]]
    return auto, json.dumps(offered)


def everywhere(auto: Auto, *values: Any) -> tuple[list[str], Auto, str, str]:
    """Choose all twelve languages; once more, only the first of them but the edit's."""
    form = form_of(list(values))
    others = [code for code in ATLAS_LANGUAGES if code != form.language]
    whole = form.languages == ATLAS_LANGUAGES
    form = replace(form, languages=(others[-1],) if whole else ATLAS_LANGUAGES)
    form, auto = filled(form, auto)
    return list(form.languages), auto, form.query, form.old_answer


def chosen_example(key: str, count: int) -> list[Any]:
    """Return an example's field values, and ask at once."""
    form, auto = example(key)
    return [auto, count + 1, *_values(form)[:7]]


def opened(request: gr.Request) -> list[Any]:
    """Fill the form from the link that was opened, else with the first example."""
    say = interface_language(request)
    linked = read_link(dict(request.query_params)) if request.request else None
    if linked is None:
        form, auto = example(FIRST)
    else:
        form, auto = filled(linked, Auto())
    panel = models.shown(form.base, form.edited, say)
    chosen = editor_choice.shown(form.editor, form.base)
    return [auto, *_values(form)[:-1], chosen, answers_html(None, say), *panel]


def _values(form: Form) -> list[Any]:
    values = [getattr(form, name) for name in Form.__dataclass_fields__]
    return [list(value) if isinstance(value, tuple) else value for value in values]


def why_hint() -> str:
    """Return what the explanation will show, in both languages."""
    return f'<p class="hint">{both("why_hint")}</p>'


def fresh(asked: Asked | None) -> tuple[Any, str]:
    """Offer the languages that were asked, and forget the last explanation."""
    codes = [query.language for query in asked.queries] if asked else []
    names = [(language(code).own_name, code) for code in codes]
    first = codes[0] if codes else None
    choices = gr.Dropdown(choices=names, value=first, visible=len(codes) > 1)
    return choices, why_hint()


def explained(asked: Asked | None, code: str | None, request: gr.Request) -> str:
    """Explain the answers to the query in a language."""
    say = interface_language(request)
    if asked is None or not asked.answers:
        raise gr.Error(tr("why_nothing", say), print_exception=False)
    codes = [query.language for query in asked.queries]
    index = codes.index(code) if code in codes else 0
    try:
        return why_html(asked, index, why(asked, index), say)
    except XkdeError as error:
        raise shown_error(error, say) from error


def link_of(*values: Any) -> str:
    """Return the query string that reopens what is filled in."""
    return write_link(form_of(list(values)))


def shown_link(*values: Any) -> Any:
    """Show the link, so that it can be copied by hand as well."""
    return gr.Textbox(link_of(*values), visible=True)
