"""Edit & Ask: state a fact in one language, ask about it in others, see both models.

Components and their wiring; what handlers do is in ``_run``, ``_form``, ``_answers`` and
``_why``. One generator streams both panes, so Stop and a closed tab end both at once.

Run its tests: ``python -m pytest tests/test_edit_and_ask.py tests/test_browser.py``
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import gradio as gr
from xkde.editors.asking import Asked
from xkde.errors import XkdeError
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import QUESTION_TYPES

from pages import _models
from pages._answers import answers_html, summary
from pages._examples import EXAMPLES, example
from pages._form import TOKENS, WARMEST, Auto, Form, filled, form_of, read_link, write_link
from pages._run import ask, misfits, plan, waiting_for, why
from pages._strings import Interface, both, interface_language, label, tr
from pages._why import why_html

TITLE = "tab_edit"
FIRST = "example_japan"
COPY_SCRIPT = """
(query) => {
  const link = location.origin + location.pathname + query;
  if (navigator.clipboard) navigator.clipboard.writeText(link).catch(() => {});
  return link;
}
"""
# Gradio shows its own spinner over what it updates; the words in the status line do.
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


@dataclass(frozen=True)
class Parts:
    """The components of the tab; ``fields`` in the order of a Form."""

    chips: dict[str, gr.Button]
    fields: list[Any]
    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    answers: gr.HTML
    why_button: gr.Button
    why_language: gr.Dropdown
    why: gr.HTML
    link_button: gr.Button
    link: gr.Textbox
    panel: _models.Panel


def status_html(words: str, kind: str = "") -> str:
    """Return the status line; ``words`` are our own."""
    return f'<p class="status {kind}" role="status">{escape(words)}</p>'


def words_of(error: XkdeError) -> gr.Error:
    """Return an error that a person can mend as Gradio shows it."""
    return gr.Error(str(error), print_exception=False)


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
    request: gr.Request, auto: Auto, *values: Any
) -> Iterator[tuple[str, str, Asked, Auto, str, str]]:
    """Yield (answers, status, asked, auto, query, old answer) as the answers grow."""
    say = interface_language(request)
    form, auto = filled(form_of(list(values)), auto)
    for name in (form.base, form.edited):
        _models.permitted(name)
    last: Asked | None = None
    try:
        for last in ask(form):
            words = tr("status_waiting" if waiting_for(form) else "status_asking", say)
            yield _shown(form, auto, last, status_html(words, "busy"), say)
    except XkdeError as error:
        raise words_of(error) from error
    if last is not None:
        told = " ".join([summary(last, say) + ".", *notes(form, say)])
        kind = "noted" if notes(form, say) else "done"
        yield _shown(form, auto, last, status_html(told.lstrip(". "), kind), say)


def _shown(
    form: Form, auto: Auto, asked: Asked, status: str, say: Interface
) -> tuple[str, str, Asked, Auto, str, str]:
    return answers_html(asked, say), status, asked, auto, form.query, form.old_answer


def stopped(asked: Asked | None, request: gr.Request) -> tuple[str, str, Asked | None]:
    """Show what had arrived when Stop was pressed."""
    say = interface_language(request)
    if asked is None:
        return answers_html(None, say), status_html(""), None
    asked = asked.stopped()
    return answers_html(asked, say), status_html(tr("status_stopped", say)), asked


def prefill(auto: Auto, *values: Any) -> tuple[Auto, str, str]:
    """Fill in old answer and query where the visitor has not."""
    form, auto = filled(form_of(list(values)), auto)
    return auto, form.query, form.old_answer


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
    panel = _models.shown(form.base, form.edited, say)
    return [auto, *_values(form), answers_html(None, say), *panel]


def _values(form: Form) -> list[Any]:
    values = [getattr(form, name) for name in Form.__dataclass_fields__]
    return [list(value) if isinstance(value, tuple) else value for value in values]


def why_choices(asked: Asked | None) -> Any:
    """Offer the languages that were asked."""
    codes = [query.language for query in asked.queries] if asked else []
    names = [(language(code).own_name, code) for code in codes]
    first = codes[0] if codes else None
    return gr.Dropdown(choices=names, value=first, visible=len(codes) > 1)


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
        raise words_of(error) from error


def build(root: gr.Blocks) -> None:
    """Make the tab's content and connect it."""
    parts = _layout()
    _wire(root, parts)


def _layout() -> Parts:
    gr.HTML(f'<p class="lead">{both("lead")}</p>')
    with gr.Row(elem_id="chips"):
        chips = {
            key: gr.Button(label(key), size="sm", elem_classes="chip", min_width=60)
            for key in EXAMPLES
        }
    with gr.Row(elem_id="form", equal_height=False):
        edit_fields = _edit_fields()
        ask_fields = _ask_fields()
    with gr.Row(elem_id="actions"):
        ask_button = gr.Button(label("ask"), variant="primary", elem_id="ask", scale=0, min_width=220)
        stop = gr.Button(label("stop"), elem_id="stop", scale=0, min_width=90)
        status = gr.HTML(status_html(""), elem_id="status")
    answers = gr.HTML(answers_html(None, "en"), elem_id="answers")
    gr.HTML(f'<p class="caution small"><span aria-hidden="true">△</span> {both("notice")}</p>')
    with gr.Accordion(label("why"), open=False, elem_id="why"):
        with gr.Row(elem_classes="actions"):
            why_language = gr.Dropdown([], label=label("why_language"), visible=False, scale=0, min_width=200)
            why_button = gr.Button(label("why_button"), size="sm", scale=0, min_width=200)
        why_area = gr.HTML(f'<p class="hint">{both("why_hint")}</p>', elem_id="because")
    with gr.Accordion(label("decoding"), open=False), gr.Row():
        decoding = _decoding_fields()
    with gr.Accordion(label("models"), open=False, elem_id="models"):
        panel = _models.build()
    with gr.Row(elem_classes="actions", elem_id="link-row"):
        link_button = gr.Button(label("copy_link"), size="sm", scale=0, min_width=160)
        link = gr.Textbox(label=label("link"), visible=False, buttons=["copy"], interactive=False)
    fields = [*edit_fields, *ask_fields, panel.base, panel.edited, *decoding]
    return Parts(
        chips, fields, ask_button, stop, status, answers, why_button, why_language,
        why_area, link_button, link, panel,
    )  # fmt: skip


def _languages() -> list[tuple[str, str]]:
    return [(language(code).own_name, code) for code in ATLAS_LANGUAGES]


def _edit_fields() -> list[Any]:
    """Make the edit's fields: language, question, new and old answer."""
    form, _ = example(FIRST)
    with gr.Column(elem_classes="half edit"):
        gr.HTML(f'<h2><span class="step">1</span>{both("step_edit")}</h2>')
        code = gr.Dropdown(_languages(), value=form.language, label=label("edit_language"))
        question = gr.Textbox(form.question, label=label("edit_question"), lines=1, max_lines=4)
        with gr.Row():
            answer = gr.Textbox(form.answer, label=label("new_answer"), elem_id="new-answer")
            old = gr.Textbox(form.old_answer, label=label("old_answer"), placeholder=label("old_placeholder"))
    return [code, question, answer, old]


def _ask_fields() -> list[Any]:
    """Make the query's fields: languages, question type, question, third pane."""
    form, _ = example(FIRST)
    kinds = [(label(f"kind_{kind}"), kind) for kind in QUESTION_TYPES]
    with gr.Column(elem_classes="half query"):
        gr.HTML(f'<h2><span class="step">2</span>{both("step_ask")}</h2>')
        codes = gr.CheckboxGroup(
            _languages(), value=list(form.languages), label=label("ask_in"),
            show_select_all=True, elem_id="languages",
        )  # fmt: skip
        kind = gr.Radio(kinds, value=form.kind, label=label("question_type"), elem_id="kinds")
        query = gr.Textbox(
            form.query, label=label("query"), placeholder=label("query_placeholder"), lines=1, max_lines=4
        )
        prompted = gr.Checkbox(False, label=label("third_pane"))
    return [codes, kind, query, prompted]


def _decoding_fields() -> list[Any]:
    return [
        gr.Slider(*TOKENS, value=48, step=1, label=label("max_tokens")),
        gr.Slider(0, WARMEST, value=0, step=0.1, label=label("temperature"), info=label("temperature_info")),
        gr.Number(0, precision=0, minimum=0, label=label("seed")),
    ]  # fmt: skip


def _wire(root: gr.Blocks, parts: Parts) -> None:
    asked, auto, count = gr.State(None), gr.State(example(FIRST)[1]), gr.State(0)
    question, answer, old = parts.fields[1:4]
    codes, kind, query = parts.fields[4:7]

    asking = gr.on(
        [parts.ask.click, count.change, query.submit, answer.submit],
        run,
        [auto, *parts.fields],
        [parts.answers, parts.status, asked, auto, query, old],
        api_visibility="private",
        show_progress="minimal",
        show_progress_on=parts.status,
        trigger_mode="once",
        concurrency_id="model",
        concurrency_limit=1,
    )
    asking.then(why_choices, asked, parts.why_language, queue=False, **QUIET)
    parts.stop.click(
        stopped, asked, [parts.answers, parts.status, asked], cancels=[asking], queue=False, **QUIET
    )
    gr.on(
        [question.blur, answer.blur, parts.fields[0].input, codes.input, kind.input],
        prefill,
        [auto, *parts.fields],
        [auto, query, old],
        queue=False,
        **QUIET,
    )
    for key, chip in parts.chips.items():
        chip.click(
            partial(chosen_example, key), count, [auto, count, *parts.fields[:7]], queue=False, **QUIET
        )
    gr.on(
        [parts.why_button.click, parts.why_language.input],
        explained,
        [asked, parts.why_language],
        parts.why,
        api_visibility="private",
        show_progress="minimal",
        concurrency_id="model",
        concurrency_limit=1,
    )
    parts.link_button.click(
        lambda *values: gr.Textbox(write_link(form_of(list(values))), visible=True),
        parts.fields, parts.link, queue=False, **QUIET,
    ).then(None, parts.link, parts.link, js=COPY_SCRIPT, **QUIET)  # fmt: skip
    _models.wire(parts.panel)
    root.load(
        opened, None, [auto, *parts.fields, parts.answers, *parts.panel.outputs], queue=False, **QUIET
    )
