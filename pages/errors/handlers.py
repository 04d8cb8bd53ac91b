"""The handlers of Errors: draw a queue, label, skip, go back, undo, settle.

A label is on the disk before the next case is shown. Where it cannot be written, the
case and all that was typed stay, with the reason in words.
"""

from collections.abc import Callable
from dataclasses import fields, replace
from urllib.parse import parse_qsl

import gradio as gr

from pages.errors.case import case_html, language_name, status_html
from pages.errors.session import LabellingSession, first_open, own_label
from pages.shell.components import Outputs
from pages.shell.strings import Interface, interface_language, shown_error, tr
from xkde.errors import DataError, XkdeError
from xkde.evaluation.results.local_runs import (
    LocalRun,
    editor_runs,
    local_runs,
    opened,
    run_of,
)
from xkde.evaluation.results.rows import choices
from xkde.labelling import store
from xkde.labelling.agreement import agreement_of
from xkde.labelling.queue import QueueChoice, draw, run_name
from xkde.labelling.records import (
    LONGEST_NOTE,
    SEVERITIES,
    Label,
    LabelledCase,
    now,
    plain_name,
)
from xkde.labelling.sharing import share

CHOICE = tuple(each.name for each in fields(QueueChoice))
OF_RUN = ("source", "target", "relation")  # filters whose choices a run has
SHOWN = ("session", "case", "status", "kind", "severity", "note", "form")
CHOICES = 500  # in a list
Value = str | bool | int | float | None


def arrived(event: gr.EventData, request: gr.Request) -> Outputs:
    """Fill the fields with what there is, and with what the address asks for."""
    query = dict(parse_qsl(str(event.search).removeprefix("?"))[:50])
    asked = query if query.get("tab") == "errors" else {}
    choice = QueueChoice.from_query(asked)
    runs = [run for run in (*local_runs(), *editor_runs()) if run.files]
    keys = [run.key for run in runs]
    if choice.run not in keys:
        choice = replace(choice, run=keys[0] if keys else "")
    if choice.beside not in keys:
        choice = replace(choice, beside="")
    return fields_of(choice, runs, interface_language(request))


def reopened(run: str, request: gr.Request) -> Outputs:
    """Offer what another run can be filtered by."""
    return _filters(QueueChoice(run=run or ""), interface_language(request))


def fields_of(
    choice: QueueChoice, runs: list[LocalRun], interface: Interface
) -> Outputs:
    """Return the fields with their choices and values."""
    names = [
        (f"{run.about['benchmark']}: {run_name(run)} ({run.key})", run.key)
        for run in runs
    ]
    none = [(tr("cases_nobody", interface), "")]
    found: Outputs = {name: getattr(choice, name) for name in CHOICE}
    found["run"] = gr.Dropdown(names, value=choice.run or None)
    found["beside"] = gr.Dropdown(none + names, value=choice.beside)
    return found | _filters(choice, interface)


def _filters(choice: QueueChoice, interface: Interface) -> Outputs:
    try:
        rows = opened(run_of(choice.run)) if choice.run else None
    except XkdeError as error:
        gr.Warning(str(shown_error(error, interface).message))
        rows = None
    found: Outputs = {}
    for name in OF_RUN:
        texts = choices(rows, name)[:CHOICES] if rows is not None else []
        named = texts if name == "relation" else [
            language_name(code, interface) for code in texts
        ]  # fmt: skip
        value = getattr(choice, name)
        found[name] = gr.Dropdown(
            [(tr("cases_any", interface), ""), *zip(named, texts, strict=True)],
            value=value if value in texts else "",
        )
    return found


def start(request: gr.Request, annotator: str, blind: bool, *values: Value) -> Outputs:
    """Draw a queue and show the first case that this annotator has not labelled."""
    interface = interface_language(request)
    try:
        name = plain_name(annotator or "")
        choice = _choice(dict(zip(CHOICE, values, strict=True)))
        drawn = draw(choice)
    except XkdeError as error:
        raise shown_error(error, interface) from error
    session = LabellingSession(
        name, str(request.session_hash), now(), drawn.cases, blind=bool(blind),
        choice=choice, matching=drawn.matching,
    )  # fmt: skip
    return _opened(session, interface)


def _choice(values: dict[str, Value]) -> QueueChoice:
    """Return what the fields ask for; raises DataError where that is nothing."""
    texts = {
        name: "" if value is None else str(value) for name, value in values.items()
    }
    if not texts["run"]:
        raise DataError(
            "No run with answers is here yet. Start an evaluation in Benchmarks, or "
            "run “python -m xkde evaluate”."
        )
    for name in ("count", "seed"):
        value = values[name]
        if not isinstance(value, int | float) or value < 0 or value != int(value):
            raise DataError("How many cases, and the seed, are whole numbers.")
        texts[name] = str(int(value))
    texts["balanced"] = "" if values["balanced"] else "no"
    return QueueChoice.from_query(texts)


def settle(request: gr.Request, annotator: str, session: LabellingSession) -> Outputs:
    """Show the cases on which annotators differ, one by one, to agree on a kind."""
    interface = interface_language(request)
    try:
        name = plain_name(annotator or "")
        cases = store.labelled(store.default_file())
    except XkdeError as error:
        raise shown_error(error, interface) from error
    disputed = agreement_of(cases).disputed
    if not disputed:
        words = tr("errors_nothing_to_settle", interface)
        raise gr.Error(words, print_exception=False)
    made = LabellingSession(
        name, str(request.session_hash), now(), tuple(its.case for its in disputed),
        settles=True, matching=len(disputed), step=session.step,
    )  # fmt: skip
    return _opened(made, interface)


def _opened(session: LabellingSession, interface: Interface) -> Outputs:
    try:
        labelled = session.labelled()
    except XkdeError as error:
        raise shown_error(error, interface) from error
    begun = session.moved(first_open(session, labelled))
    return shown(begun, labelled, interface) | {"queue": gr.Accordion(open=False)}


def shown(
    session: LabellingSession, labelled: list[LabelledCase], interface: Interface
) -> Outputs:
    """Return what is seen at the session's place; the form has what was said before."""
    case = session.case
    before = own_label(session, labelled, case) if case else None
    return {
        "session": session,
        "case": case_html(session, labelled, interface),
        "status": status_html(session, labelled, interface),
        "kind": before.kind if before else None,
        "severity": before.severity if before else "",
        "note": before.note if before else "",
        "form": gr.Column(visible=bool(session.cases)),
    }


def save(
    request: gr.Request,
    session: LabellingSession,
    kind: str | None,
    severity: str | None,
    note: str | None,
) -> Outputs:
    """Keep a label, then show the next case."""
    interface, case = interface_language(request), session.case
    if case is None:
        return {}
    if not kind:
        raise gr.Error(tr("errors_no_kind", interface), print_exception=False)
    label = Label(
        case.id,
        session.annotator,
        kind,
        severity if severity in SEVERITIES else "",
        (note or "").strip()[:LONGEST_NOTE],
        now(),
        session.settles,
        session.blind,
    )
    try:
        number = store.store(store.default_file(), case, label, session.browser)
        share(case, label)
        stored = (*session.stored, (session.at, number))
        session = replace(session, stored=stored).moved(session.at + 1)
        return shown(session, session.labelled(), interface)
    except XkdeError as error:
        raise shown_error(error, interface) from error


def stepping(by: int) -> Callable[[gr.Request, LabellingSession], Outputs]:
    """Return what shows the next case without a label, or the one before."""

    def step(request: gr.Request, session: LabellingSession) -> Outputs:
        return _at(session.moved(session.at + by), interface_language(request))

    return step


def undo(request: gr.Request, session: LabellingSession) -> Outputs:
    """Take back the last label of this browser, and show its case again."""
    interface = interface_language(request)
    if not session.stored:
        raise gr.Error(tr("errors_nothing_to_undo", interface), print_exception=False)
    *stored, (at, number) = session.stored
    try:
        store.undo(store.default_file(), number)
    except XkdeError as error:
        raise shown_error(error, interface) from error
    return _at(replace(session, stored=tuple(stored)).moved(at), interface)


def _at(session: LabellingSession, interface: Interface) -> Outputs:
    try:
        return shown(session, session.labelled(), interface)
    except XkdeError as error:
        raise shown_error(error, interface) from error
