"""The handlers of Edit & Ask: what a click does, and what is shown of it.

They turn component values into a Form, records into HTML, and every XkdeError into the
toast that says how to mend it. ``page`` connects them.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import gradio as gr

from pages.edit_and_ask import models
from pages.edit_and_ask.answering import (
    ask,
    is_undecided,
    misfits,
    plan,
    waiting_for,
    why,
)
from pages.edit_and_ask.answers import answers_html, summary
from pages.edit_and_ask.form import (
    FIELDS,
    STATED,
    example,
    form_of,
    read_wordings,
    values_of,
)
from pages.edit_and_ask.memory import (
    MEMORY_OUTPUTS,
    MemorySession,
    recalled,
    render_session,
)
from pages.edit_and_ask.memory_link import LinkedMemory, read_memory, write_memory
from pages.edit_and_ask.models import editor_name
from pages.edit_and_ask.why import why_html
from pages.shell.links import FOLLOWS, MOST_WORDINGS, Form, read_link, write_link
from pages.shell.pool import BASE, EDITED, POOL, permitted
from pages.shell.prefill import (
    Prefilled,
    edit_in_language,
    fill_in,
    kinds_of,
    suggestion,
    understand,
    wordings_of,
    write_wordings,
)
from pages.shell.runs import begun, end_run, status_html
from pages.shell.strings import (
    Interface,
    in_words,
    interface_language,
    label,
    shown_error,
    tr,
)
from pages.shell.templates import render
from pages.shell.visitors import admitted
from xkde.asking.session import AskState
from xkde.checkpoints import CATALOGUE
from xkde.data.atlas.questions import Known
from xkde.errors import XkdeError
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import QUESTION_TYPES

# What is filled in while somebody types, in the order of the page's outputs
OFFERED = ("query", "old_answer", "wordings", "language")
WORK = "asking"  # the name of its runs


def notes(form: Form, state: AskState, interface: Interface) -> list[str]:
    """Return what to know about a question before it is asked; none stops it."""
    found = [
        tr(f"misfit_{field}", interface, language=tr(f"language_{code}", interface))
        for field, code in misfits(form)
    ]
    as_typed = len(form.languages) > 1 and state.about.question is None
    if as_typed and not (state.translated or read_wordings(form.wordings)):
        found.append(tr("as_typed", interface))
    return [*found, *translation_notes(state, interface)]


def translation_notes(state: AskState, interface: Interface) -> list[str]:
    """Return that a model has put the question, and where it could not."""
    words = [tr("translated", interface)] if state.translated else []
    for problem in ("empty", "same", "script"):
        names = [
            tr(f"language_{each.language}", interface)
            for each in state.translated
            if each.problem == problem
        ]
        if names:
            joined = tr("list_gap", interface).join(names)
            words.append(tr(f"untranslated_{problem}", interface, languages=joined))
    return words


def run(
    request: gr.Request,
    prefilled: Prefilled,
    memory: MemorySession,
    uses: bool,
    threshold: float,
    *values: object,
) -> Iterator[tuple[object, ...]]:
    """Yield the answers as they grow, with all that stands around them.

    That is (answers, status, state, choice, prefilled, what was filled in); the choice
    is whether the question should follow the edit, where only a visitor can tell.
    """
    interface = interface_language(request)
    form = form_of(values)
    known = understand(form)
    form, prefilled = fill_in(form, prefilled, known)
    edits = memory.memory.edits if uses else ()
    retrieve = partial(recalled, edits, float(threshold)) if edits else None
    state: AskState | None = None
    # What was filled in is shown once: later it would replace what is typed meanwhile.
    offered: tuple[object, ...] = (form.query, form.old_answer, form.wordings)

    def shown(state: AskState, status: str) -> tuple[object, ...]:
        choice = gr.Radio(visible=is_undecided(state))
        answers = answers_html(state, interface)
        return answers, status, state, choice, prefilled, *offered

    def emptied(status: str) -> tuple[object, ...]:
        """No older answer stands as that of a question which was refused."""
        choice = gr.Radio(visible=False)
        return answers_html(None, interface), status, None, choice, prefilled, *offered

    try:
        for name in (form.base, form.edited):
            permitted(name, interface)
        visitor, planned = admitted(request), plan(form, known)
        with begun(WORK, request) as ended:
            for state in ask(planned, form, ended, retrieve, edits, visitor=visitor):
                words = _progress(form, state, interface)
                yield shown(state, status_html(words, "busy"))
                offered = (gr.skip(), gr.skip(), gr.skip())
            assert state is not None
            if was_cancelled(state):
                words = tr("status_stopped", interface)
                yield shown(state.stopped(), status_html(words))
                return
    except XkdeError as error:
        words = status_html(in_words(error, interface), "failed")
        yield shown(state.stopped(), words) if state is not None else emptied(words)
        raise shown_error(error, interface) from error
    except gr.Error as error:  # this place does not offer the model
        yield emptied(status_html(error.message, "failed"))
        raise
    unused = bool(edits) and not state.recalled
    if state.translated:
        texts = {query.language: query.text for query in state.queries}
        prefilled = replace(prefilled, wordings=write_wordings(texts))
        offered = (gr.skip(), gr.skip(), prefilled.wordings)
    yield shown(state, _outcome(form, state, interface, unused))


def _outcome(
    form: Form, state: AskState, interface: Interface, is_memory_unused: bool
) -> str:
    """Return the status line of answers that have ended."""
    noted = notes(form, state, interface)
    words = [*noted, *(in_words(each, interface) for each in state.notes)]
    if is_memory_unused:
        editor = editor_name(form.editor, interface)
        words.append(tr("memory_unused", interface, editor=editor))
    outcome = summary(state, interface)
    if outcome and not (noted and len(state.queries) > 1):  # it is the cards' headline
        words.insert(0, outcome + tr("full_stop", interface))
    return status_html(" ".join(words), "noted" if noted else "done")


def decide(
    state: AskState | None, follows: str | None, request: gr.Request
) -> tuple[object, object, AskState | None]:
    """Judge the answers again by a visitor's word whether they should follow."""
    if state is None:
        return gr.skip(), gr.skip(), None
    interface = interface_language(request)
    state = replace(state, follows=FOLLOWS[follows or ""])
    words = summary(state, interface) + tr("full_stop", interface)
    return answers_html(state, interface), status_html(words, "done"), state


def _progress(form: Form, state: AskState, interface: Interface) -> str:
    """Return what is being done, in words."""
    if state.reading is not None:
        name, (done, total) = editor_name(state.editor, interface), state.reading
        if 0 < done < total:
            share = f"{100 * done / total:.0f}"
            return tr("status_reading", interface, editor=name, share=share)
        return tr("status_making", interface, editor=name)
    if state.wait >= 1:
        return tr("status_queued", interface, seconds=round(state.wait))
    waiting = waiting_for(form, state.is_translating)
    if state.is_translating and not waiting:
        return tr("status_translating", interface)
    if not waiting:
        return tr("status_asking", interface)
    phase = models.phase_words(POOL.status(waiting[0]), interface)
    return f"{tr('status_waiting', interface)} {waiting[0]} {phase}"


def was_cancelled(state: AskState) -> bool:
    """Tell whether an answer, or the edit before it, was broken off."""
    return state.is_stopped or any(
        generation.finish == "cancelled"
        for answers in state.answers.values()
        for generation in answers.generations
    )


def stop(request: gr.Request) -> None:
    """End the visitor's running answers."""
    end_run(WORK, request)


def stopped(
    state: AskState | None, request: gr.Request
) -> tuple[str, object, AskState | None]:
    """Show what had arrived when Stop was pressed."""
    interface = interface_language(request)
    if state is None:
        return answers_html(None), status_html(""), None
    if state.answers and all(each.is_done for each in state.answers.values()):
        return answers_html(state, interface), gr.skip(), state  # it had just ended
    state = state.stopped()
    words = tr("status_stopped", interface)
    return answers_html(state, interface), status_html(words), state


def prefill(prefilled: Prefilled, *values: object) -> tuple[Prefilled, str, gr.Radio]:
    """Offer what the visitor has not given, and the types of question that there are.

    Of each field [what it is offered for, what is offered], in JSON: the page takes it
    only where nothing else was typed meanwhile.
    """
    given = form_of(values)
    known = understand(given)
    form, prefilled = fill_in(given, prefilled, known)
    offered = [[getattr(given, name), getattr(form, name)] for name in OFFERED]
    return prefilled, json.dumps(offered), kinds_radio(form, known)


def settle(pending: Prefilled) -> Prefilled:
    """Return what was filled in, now that the fields show it."""
    return pending


def kinds_radio(form: Form, known: Known | None) -> gr.Radio:
    """Return the types of question that can be asked, and why some cannot."""
    kinds = kinds_of(known)
    choices = [(label(f"kind_{kind}"), kind) for kind in kinds]
    missing = len(kinds) < len(QUESTION_TYPES)
    reason = "kinds_of_own" if known is None else "kinds_of_fact"
    info = label(reason) if missing else None
    return gr.Radio(choices=choices, value=form.kind, info=info)


def change_language(*values: object) -> tuple[str, str]:
    """Return fact and new answer in the language that was chosen for the edit."""
    return edit_in_language(form_of(values))


def ask_everywhere(
    prefilled: Prefilled, *values: object
) -> tuple[list[str], Prefilled, str, str, str]:
    """Choose all twelve languages; once more, only the last of them but the edit's."""
    form = form_of(values)
    others = [code for code in ATLAS_LANGUAGES if code != form.language]
    whole = form.languages == ATLAS_LANGUAGES
    form = replace(form, languages=(others[-1],) if whole else ATLAS_LANGUAGES)
    form, prefilled = fill_in(form, prefilled, understand(form))
    offered = (form.query, form.old_answer, form.wordings)
    return list(form.languages), prefilled, *offered


def choose_example(key: str, count: int) -> list[object]:
    """Return an example's field values, and ask at once."""
    form, prefilled = example(key)
    values = dict(zip(STATED, values_of(form, STATED), strict=True))
    values["kind"] = kinds_radio(form, understand(form))
    return [prefilled, count + 1, *values.values()]


def open_page(request: gr.Request) -> list[object]:
    """Fill the form from the link that was opened.

    Without one the form stays as it is: it shows the first example, or what a visitor
    has typed before this answer came.
    """
    interface = interface_language(request)
    linked = read_link(dict(request.query_params)) if request.request else None
    if linked is None:
        panel = models.render_panel(BASE, EDITED, interface)
        return [*(gr.skip() for _ in ("prefilled", *FIELDS, "answers")), *panel]
    known = understand(linked)
    # A link's wordings are of its query, or of the one that the fact suggests.
    query = linked.query.strip() or suggestion(linked, known).query
    form, prefilled = fill_in(linked, Prefilled(asked=query), known)
    values = dict(zip(FIELDS, values_of(form), strict=True))
    values["editor"] = models.render_editors(form.editor, form.base)
    panel = models.render_panel(form.base, form.edited, interface)
    return [prefilled, *values.values(), answers_html(None), *panel]


def why_hint() -> str:
    """Return what the explanation will show, in both languages."""
    return render("shell/paragraph.html", kind="hint", key="why_hint", mark="")


def renew_why(state: AskState | None) -> tuple[gr.Dropdown, str]:
    """Offer the languages that were asked, and forget the last explanation."""
    codes = [query.language for query in state.queries] if state else []
    names = [(language(code).own_name, code) for code in codes]
    first = codes[0] if codes else None
    choices = gr.Dropdown(choices=names, value=first, visible=len(codes) > 1)
    return choices, why_hint()


def render_why(state: AskState | None, code: str | None, request: gr.Request) -> str:
    """Explain the answers to the query in a language."""
    interface = interface_language(request)
    if state is None or not state.answers:
        raise gr.Error(tr("why_nothing", interface), print_exception=False)
    codes = [query.language for query in state.queries]
    index = codes.index(code) if code in codes else 0
    try:
        return why_html(state, index, why(state, index), interface)
    except XkdeError as error:
        raise shown_error(error, interface) from error


def link_of(
    session: MemorySession, uses: bool, threshold: float, *values: object
) -> str:
    """Return the query string that reopens what is filled in, with the memory."""
    remembered = write_memory(LinkedMemory(session, uses, threshold))
    return write_link(_linked_form(values)) + (remembered or "")


def _linked_form(values: tuple[object, ...]) -> Form:
    """Return the form without the wordings that Atlas makes of its question anyway."""
    form = form_of(values)
    is_made = form.wordings == wordings_of(form, understand(form))
    return replace(form, wordings="") if is_made else form


def render_link(
    request: gr.Request,
    session: MemorySession,
    uses: bool,
    threshold: float,
    *values: object,
) -> gr.Textbox:
    """Show the link, so that it can be copied by hand as well."""
    interface, form = interface_language(request), _linked_form(values)
    if write_memory(LinkedMemory(session, uses, threshold)) is None:
        gr.Warning(tr("memory_not_in_link", interface))
    if len(form.wordings) > MOST_WORDINGS:
        gr.Warning(tr("wordings_not_in_link", interface))
    for name in dict.fromkeys((form.base, form.edited)):
        if name and name not in CATALOGUE:
            gr.Warning(tr("model_not_in_link", interface, model=name))
    return gr.Textbox(link_of(session, uses, threshold, *values), visible=True)


def open_memory(request: gr.Request) -> list[object]:
    """Fill the memory from the link that was opened, if it carries one."""
    parameters = dict(request.query_params) if request.request else {}
    linked = read_memory(parameters)
    if linked is None:
        return [gr.skip()] * (MEMORY_OUTPUTS + 1)
    interface = interface_language(request)
    shown = render_session(linked.session, interface)
    return [*shown[:-1], linked.uses, linked.threshold]
