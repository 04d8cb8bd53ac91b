"""Errors: the components of the tab and how they are connected.

Everything works by keyboard: the script of the tab presses the same buttons that a
pointer does, so that a key and a click are one.
"""

import json

import gradio as gr
from gradio.blocks import Block

from pages.errors import files, handlers
from pages.errors.handlers import CHOICE, OF_RUN, SHOWN
from pages.errors.session import LabellingSession
from pages.shell.components import AT_ONCE, QUIET, Components, EventOptions, by_name
from pages.shell.look import Header
from pages.shell.scripts import bridge
from pages.shell.strings import label
from pages.shell.templates import render
from xkde.evaluation.analysis.kinds import FAILURES, KEYS
from xkde.evaluation.results.rows import PROTOCOLS
from xkde.labelling.exchange import FORMATS
from xkde.labelling.queue import SIDES
from xkde.labelling.records import LONGEST_NAME, LONGEST_NOTE, SEVERITIES
from xkde.types import PROBES

TITLE = "tab_errors"
# Key → the button that it presses; kinds have theirs in ``analysis.kinds``
BUTTONS = {
    "Enter": "errors-save", "s": "errors-skip", "p": "errors-previous",
    "u": "errors-undo",
}  # fmt: skip
SEVERITY_KEYS = dict(zip("zxcv", ("", *SEVERITIES), strict=True))
# A run of many rows takes seconds: one is read at a time.
READING: EventOptions = {
    "api_visibility": "private", "concurrency_id": "evaluations",
    "concurrency_limit": 1,
}  # fmt: skip


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    with gr.Column(elem_id="errors"):
        parts = layout()
    connect(parts)


def layout() -> Components:
    """Make the components, from the top of the tab to its end."""
    parts: Components = {"bridge": _bridge(), "session": gr.State(LabellingSession())}
    gr.HTML(render("shell/paragraph.html", kind="lead", key="errors_lead", mark=""))
    parts["queue"] = gr.Accordion(
        label("errors_queue"), open=True, elem_id="errors-queue"
    )
    with parts["queue"]:
        parts |= _queue_fields()
    parts["case"] = gr.HTML("", elem_id="errors-case")
    parts["form"] = gr.Column(visible=False, elem_id="errors-form")
    with parts["form"]:
        parts |= _label_fields()
    parts["status"] = gr.HTML("", elem_id="errors-status")
    with gr.Accordion(label("errors_results"), open=False, elem_id="errors-results"):
        parts |= _result_fields()
    return parts


def _bridge() -> gr.HTML:
    keys = {
        "kinds": list(KEYS.values()), "severities": list(SEVERITY_KEYS),
        "buttons": BUTTONS,
    }  # fmt: skip
    return bridge("errors", "errors", json.dumps(keys))


def _queue_fields() -> Components:
    parts: Components = {}
    with gr.Row(elem_classes="half filters"):
        parts["annotator"] = gr.Textbox(
            label=label("errors_annotator"), max_length=LONGEST_NAME, min_width=150,
            elem_id="errors-annotator",
        )  # fmt: skip
        parts["run"] = gr.Dropdown([], label=label("cases_run"), min_width=220)
        parts["beside"] = gr.Dropdown([], label=label("cases_beside"), min_width=220)
        parts["side"] = gr.Dropdown(
            [(label(f"errors_{side}"), side) for side in SIDES],
            value=SIDES[0], label=label("errors_side"), min_width=150,
        )  # fmt: skip
    with gr.Row(elem_classes="half filters"):
        parts["kind_of_machine"] = _any(
            "failure", [(f"kind_{kind}", str(kind)) for kind in FAILURES]
        )
        parts["probe"] = _any("probe", [(f"probe_{name}", name) for name in PROBES])
        for name in OF_RUN:
            parts[name] = _any(name, [])
        parts["protocol"] = _any(
            "protocol",
            [(f"measured_protocol_{p.replace('-', '_')}", p) for p in PROTOCOLS],
        )
    with gr.Row(elem_classes="half filters"):
        parts["count"] = gr.Number(
            80, label=label("errors_count"), precision=0, minimum=1, min_width=110
        )
        parts["seed"] = gr.Number(
            1, label=label("errors_seed"), precision=0, minimum=0, min_width=110
        )
        parts["balanced"] = gr.Checkbox(
            True, label=label("errors_balanced"), min_width=220
        )
        parts["blind"] = gr.Checkbox(False, label=label("errors_blind"), min_width=220)
    with gr.Row(elem_classes="actions"):
        parts["start"] = gr.Button(
            label("errors_start"), variant="primary", scale=0, min_width=180,
            elem_id="errors-start",
        )  # fmt: skip
        parts["settle"] = _button("errors_settle")
    return parts


def _any(name: str, offered: list[tuple[str, str]]) -> gr.Dropdown:
    """Make a filter; what it offers may come with the run."""
    choices = [(label("cases_any"), ""), *((label(key), its) for key, its in offered)]
    return gr.Dropdown(choices, value="", label=label(f"cases_{name}"), min_width=130)


def _button(key: str, name: str = "") -> gr.Button:
    return gr.Button(
        label(key), size="sm", elem_classes="plain", scale=0, min_width=110,
        elem_id=f"errors-{name}" if name else None,
    )  # fmt: skip


def _label_fields() -> Components:
    parts: Components = {
        "kind": gr.Radio(
            [(label(f"kind_{kind}"), str(kind)) for kind in KEYS],
            label=label("errors_kind"), elem_id="errors-kind",
            elem_classes="pills keyed",
        ),
        "severity": gr.Radio(
            [(label(f"severity_{name or 'none'}"), name) for name in ("", *SEVERITIES)],
            value="", label=label("errors_severity"), elem_id="errors-severity",
            elem_classes="pills keyed",
        ),
        "note": gr.Textbox(
            label=label("errors_note"), max_length=LONGEST_NOTE, lines=1, max_lines=1,
            elem_id="errors-note",
        ),
    }  # fmt: skip
    with gr.Row(elem_classes="actions", elem_id="errors-actions"):
        parts["save"] = gr.Button(
            label("errors_save"), variant="primary", scale=0, min_width=180,
            elem_id="errors-save",
        )  # fmt: skip
        for name in ("skip", "previous", "undo"):
            parts[name] = _button(f"errors_{name}", name)
    gr.HTML(
        render("shell/paragraph.html", kind="hint keys", key="errors_keys", mark="")
    )
    return parts


def _result_fields() -> Components:
    parts: Components = {}
    with gr.Row(elem_classes="actions"):
        parts["compare"] = _button("errors_compare", "compare")
        parts["report"] = _button("errors_report", "report")
    with gr.Row(elem_classes="actions"):
        parts["format"] = gr.Radio(
            [(form.name, name) for name, form in FORMATS.items()],
            value="jsonl", label=label("errors_format"), elem_classes="pills",
            min_width=320, scale=0,
        )  # fmt: skip
        parts["export"] = _button("errors_export", "export")
        parts["import"] = gr.UploadButton(
            label("errors_import"),  # type: ignore[arg-type]
            file_types=[".jsonl", ".json", ".csv"], size="sm", elem_classes="plain",
            scale=0, min_width=110,
        )  # fmt: skip
    parts["file"] = gr.File(
        label=label("errors_file"), visible=False, interactive=False,
        file_count="multiple",
    )  # fmt: skip
    parts["findings"] = gr.HTML("", elem_id="errors-findings")
    return parts


def connect(parts: Components) -> None:
    """Tie the handlers to the components."""
    drawn = {name: parts[name] for name in CHOICE if name != "kind"}
    drawn["kind"] = parts["kind_of_machine"]
    fields = [drawn[name] for name in CHOICE]
    shown: dict[str, Block] = {name: parts[name] for name in SHOWN}
    opened = {**shown, "queue": parts["queue"]}
    session = parts["session"]
    parts["bridge"].arrived(
        by_name(handlers.arrived, drawn), None, fields, **READING | QUIET
    )
    parts["run"].input(
        by_name(handlers.reopened, drawn), parts["run"], fields, **READING | QUIET
    )
    parts["start"].click(
        by_name(handlers.start, opened),
        [parts["annotator"], parts["blind"], *fields],
        [*opened.values()],
        trigger_mode="once",
        **READING,
    )
    parts["settle"].click(
        by_name(handlers.settle, opened),
        [parts["annotator"], session],
        [*opened.values()],
        **AT_ONCE,
    )
    parts["save"].click(
        by_name(handlers.save, shown),
        [session, parts["kind"], parts["severity"], parts["note"]],
        [*shown.values()],
        trigger_mode="once",
        **AT_ONCE,
    )
    for name, handler in (
        ("skip", handlers.stepping(1)), ("previous", handlers.stepping(-1)),
        ("undo", handlers.undo),
    ):  # fmt: skip
        parts[name].click(
            by_name(handler, shown), session, [*shown.values()], **AT_ONCE
        )
    _connect_results(parts)


def _connect_results(parts: Components) -> None:
    session, file = parts["session"], {"file": parts["file"]}
    parts["compare"].click(
        files.compare, session, parts["findings"], api_visibility="private"
    )
    parts["report"].click(
        by_name(files.report, file), session, parts["file"], api_visibility="private"
    )
    parts["export"].click(
        by_name(files.export, file), [session, parts["format"]], parts["file"],
        api_visibility="private",
    )  # fmt: skip
    parts["import"].upload(
        files.take_over, parts["import"], None, api_visibility="private"
    )
