"""Edit & Ask: the components of the tab and how they are connected.

What a click does is in ``handlers``. One generator streams both panes, so that Stop and
a closed tab end both at once. A field's component is keyed by the name of its field in
``Form``.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component

from pages.edit_and_ask import all_editors, fact_line, memory, models
from pages.edit_and_ask import handlers as handle
from pages.edit_and_ask.answers import resting_html
from pages.edit_and_ask.form import EXAMPLES, FIRST, STATED, example, inputs
from pages.shell.components import AT_ONCE, QUIET, Components, EventOptions
from pages.shell.edit_form import language_choices
from pages.shell.links import TOKENS, WARMEST
from pages.shell.look import LANGUAGE_SCRIPT, Header
from pages.shell.pool import ASKING
from pages.shell.prefill import KEEP_SCRIPT, Prefilled
from pages.shell.runs import status_html
from pages.shell.strings import label
from pages.shell.templates import render
from xkde.types import MAX_SEED, QUESTION_TYPES

TITLE = "tab_edit"
COPY_SCRIPT = """
(query) => {
  const link = location.origin + location.pathname + query;
  if (navigator.clipboard) navigator.clipboard.writeText(link).catch(() => {});
  return link;
}
"""
# Gradio shows its own spinner over what it updates; the words in the status line do.
# They are there from the click on, and soon say of older answers that they are that:
# where many people ask, the app's first words take a while.
ASKED_SCRIPT = """
(...values) => {
  const answers = document.querySelector("#answers");
  delete answers.dataset.stale;
  answers.dataset.pending = "";
  const late = setTimeout(() => {
    if ("pending" in answers.dataset) answers.dataset.pending = "late";
  }, 600);
  new MutationObserver((_, observer) => {
    observer.disconnect();
    clearTimeout(late);
    delete answers.dataset.pending;
  }).observe(answers, { childList: true, subtree: true });
  const fact = document.querySelector("#fact");
  if (answers.getBoundingClientRect().top < innerHeight * 0.7) return values;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  fact.scrollIntoView(
    { behavior: calm ? "auto" : "smooth", block: "start" });
  return values;
}
"""
ENDED_SCRIPT = '() => { delete document.querySelector("#answers").dataset.pending; }'
# Until the form is filled from a link, nothing of it can be clicked (look.HEAD_SCRIPT):
# a click would ask something else.
OPENED_SCRIPT = "() => { delete document.documentElement.dataset.opening; }"
# Explanations have the model to themselves, one at a time.
MODEL: EventOptions = {
    "api_visibility": "private",
    "concurrency_id": "model",
    "concurrency_limit": 1,
}


@dataclass(frozen=True)
class AskPage:
    """The components of the tab; ``fields`` by the names of a Form's fields."""

    examples: dict[str, gr.Button]
    fields: Components
    everywhere: gr.Button
    known: Components
    ask: gr.Button
    stop: gr.Button
    status: gr.HTML
    answers: gr.HTML
    why_button: gr.Button
    why_language: gr.Dropdown
    why: gr.HTML
    link_button: gr.Button
    link: gr.Textbox
    models: models.ModelsPanel
    memory: memory.MemoryPanel
    all_editors: all_editors.AllEditorsPanel


@dataclass(frozen=True)
class AskStates:
    """What a session keeps between two clicks."""

    asked: gr.State  # an AskState, or None
    prefilled: gr.State
    count: gr.State  # of the examples clicked: a change asks


def build(root: gr.Blocks, header: Header) -> None:
    """Make the tab's content and connect it."""
    page = layout()
    states = AskStates(gr.State(None), gr.State(example(FIRST)[1]), gr.State(0))
    connect_asking(page, states, header)
    connect_form(root, page, header, states)
    models.connect(page.models)
    models.connect_editors(page.fields["editor"], page.models.base)
    memory.connect(page.memory, page.fields, states.prefilled)
    all_editors.connect(page.all_editors, page.fields, states.prefilled)


def layout() -> AskPage:
    """Make the components, from the top of the tab to its end.

    The first screen: an example's chips, the edit as a sentence, the languages, the
    button and twelve answers. All that is seldom changed lies in folds below.
    """
    badge, _ = models.layout_badge()
    with gr.Column(elem_id="models"):
        panel = models.layout(badge)
    with gr.Row(elem_id="chips"):
        examples = {
            key: gr.Button(label(key), size="sm", elem_classes="chip", min_width=60)
            for key in EXAMPLES
        }
    with gr.Row(elem_id="fact"):
        edit_fields = layout_edit()
        ask_button = gr.Button(
            label("ask"), variant="primary", elem_id="ask", scale=0, min_width=170
        )
        stop = gr.Button(label("stop"), elem_id="stop", scale=0, min_width=70)
    known = fact_line.layout(example(FIRST)[0])
    languages, everywhere = layout_languages()
    pending = {"kind": "status busy", "key": "status_asking", "mark": ""}
    gr.HTML(render("shell/paragraph.html", **pending), elem_id="pending")
    status = gr.HTML(status_html(""), elem_id="status")
    follows = gr.Radio(
        [(label("follows_yes"), "yes"), (label("follows_no"), "no")],
        label=label("follows"), info=label("follows_info"), elem_id="follows",
        visible=False,
    )  # fmt: skip
    answers = gr.HTML(resting_html(), elem_id="answers")
    with gr.Accordion(label("more"), open=False, elem_id="more"):
        more_fields = layout_more()
    notice = "caution small"
    gr.HTML(render("shell/paragraph.html", kind=notice, key="notice", mark="△"))
    memory_panel = memory.layout()
    editors_panel = all_editors.layout()
    with gr.Accordion(label("why"), open=False, elem_id="why"):
        with gr.Row(elem_classes="actions"):
            why_language = gr.Dropdown(
                [], label=label("why_language"), visible=False, scale=0, min_width=200
            )
            why_button = _small_button("why_button", elem_id="explain", min_width=200)
        why_area = gr.HTML(handle.why_hint(), elem_id="because")
    with gr.Accordion(label("decoding"), open=False), gr.Row():
        decoding_fields = layout_decoding()
    with gr.Row(elem_classes="actions", elem_id="link-row"):
        link_button = _small_button("copy_link", min_width=160)
        link = gr.Textbox(
            label=label("link"), visible=False, buttons=["copy"], interactive=False
        )
    more_fields |= {"languages": languages, "follows": follows}
    fields = {**edit_fields, **more_fields, **decoding_fields}
    return AskPage(
        examples, {**fields, "base": panel.base, "edited": panel.edited}, everywhere,
        known, ask_button, stop, status, answers,
        why_button, why_language, why_area, link_button, link, panel, memory_panel,
        editors_panel,
    )  # fmt: skip


def _small_button(key: str, **options: Any) -> gr.Button:
    return gr.Button(label(key), size="sm", elem_classes="plain", scale=0, **options)


def layout_edit() -> Components:
    """Make the edit's sentence: in a language, a question → its new answer."""
    form, _ = example(FIRST)
    code = gr.Dropdown(
        language_choices(), value=form.language, label=label("edit_language"),
        elem_id="edit-language", scale=0, min_width=120,
    )  # fmt: skip
    question = gr.Textbox(
        form.question, label=label("edit_question"), lines=1, max_lines=3,
        elem_id="question", scale=3, min_width=160,
    )  # fmt: skip
    gr.HTML(render("edit_and_ask/arrow.html"), elem_id="arrow", min_width=20)
    answer = gr.Textbox(
        form.answer, label=label("new_answer"), elem_id="new-answer", scale=1,
        min_width=120,
    )  # fmt: skip
    return {"language": code, "question": question, "answer": answer}


def layout_languages() -> tuple[gr.CheckboxGroup, gr.Button]:
    """Make the languages to ask in, and the button for all of them."""
    form, _ = example(FIRST)
    with gr.Row(elem_id="ask-in"):
        codes = gr.CheckboxGroup(
            language_choices(), value=list(form.languages), label=label("ask_in"),
            elem_id="languages",
        )  # fmt: skip
        everywhere = _small_button("all_twelve")
    return codes, everywhere


def layout_more() -> Components:
    """Make what is seldom changed: another question, its wordings, another editor."""
    form, _ = example(FIRST)
    kinds = [(label(f"kind_{kind}"), kind) for kind in QUESTION_TYPES]
    with gr.Row(equal_height=False, elem_classes="form-row"):
        with gr.Column(elem_classes="half"):
            kind = gr.Radio(
                kinds, value=form.kind, label=label("question_type"), elem_id="kinds"
            )
            query = gr.Textbox(
                form.query,
                label=label("query"),
                placeholder=label("query_placeholder"),
                lines=1,
                max_lines=4,
                elem_id="query",
            )
            old = gr.Textbox(
                form.old_answer,
                label=label("old_answer"),
                placeholder=label("old_placeholder"),
            )
            editor = models.layout_editors()
            prompted = gr.Checkbox(False, label=label("third_pane"))
        with gr.Column(elem_classes="half"):
            wordings = gr.Textbox(
                form.wordings,
                label=label("wordings"),
                info=label("wordings_info"),
                lines=6,
                max_lines=13,
                elem_id="wordings",
            )
    return {
        "kind": kind, "query": query, "old_answer": old, "editor": editor,
        "prompted": prompted, "wordings": wordings,
    }  # fmt: skip


def layout_decoding() -> Components:
    """Make the fields of how answers are drawn."""
    tokens = gr.Slider(*TOKENS, value=48, step=1, label=label("max_tokens"))
    temperature = gr.Slider(
        0,
        WARMEST,
        value=0,
        step=0.1,
        label=label("temperature"),
        info=label("temperature_info"),
    )
    seed = gr.Number(0, precision=0, minimum=0, maximum=MAX_SEED, label=label("seed"))
    return {"max_new_tokens": tokens, "temperature": temperature, "seed": seed}


def filled(fields: Components) -> list[Component]:
    """Return the fields that are filled in for a visitor."""
    return [fields[name] for name in ("query", "old_answer", "wordings")]


def connect_asking(page: AskPage, states: AskStates, header: Header) -> None:
    """Connect what runs a model: asking, stopping, explaining."""
    fields, asked, prefilled = page.fields, states.asked, states.prefilled
    typed = [fields[name] for name in ("question", "answer", "query")]
    explanation = [page.why_language, page.why]
    asking = gr.on(
        [page.ask.click, states.count.change, *(each.submit for each in typed)],
        handle.run,
        [prefilled, *page.memory.asked_with, *inputs(fields)],
        [
            *(page.answers, page.status, asked, fields["follows"]),
            *(prefilled, *filled(fields)),
        ],
        js=ASKED_SCRIPT,
        show_progress="minimal",
        show_progress_on=page.status,
        trigger_mode="once",
        api_visibility="private",
        **ASKING,
    )
    for event in (asking.then, page.stop.click):
        event(None, js=ENDED_SCRIPT, **QUIET)
    asking.then(handle.renew_why, asked, explanation, **AT_ONCE).then(
        memory.render_recalled, asked, page.memory.recalled, **AT_ONCE
    )
    linked = [*page.memory.asked_with, *inputs(fields)]
    asking.then(handle.link_of, linked, header.asked, **QUIET)
    fields["follows"].input(
        handle.decide,
        [asked, fields["follows"]],
        [page.answers, page.status, asked],
        **AT_ONCE,
    )
    gr.on(  # what was said of one question is not said of another
        [fields["query"].input, fields["question"].input],
        None,
        None,
        fields["follows"],
        js="() => null",
        **QUIET,
    )
    # One after the other: what runs ends by itself, what still waits is taken away.
    page.stop.click(handle.stop, None, None, **AT_ONCE)
    page.stop.click(
        handle.stopped,
        asked,
        [page.answers, page.status, asked],
        cancels=[asking],
        **AT_ONCE,
    ).then(handle.renew_why, asked, explanation, **AT_ONCE)
    gr.on(
        [page.why_button.click, page.why_language.input],
        handle.render_why,
        [asked, page.why_language],
        page.why,
        show_progress="minimal",
        **MODEL,
    )


def connect_form(
    root: gr.Blocks, page: AskPage, header: Header, states: AskStates
) -> None:
    """Connect what fills the form in: examples, Atlas, links."""
    fields, prefilled, count = page.fields, states.prefilled, states.count
    form = inputs(fields)
    fact_line.connect(page.known, fields)
    offered, pending = gr.Textbox(visible=False), gr.State(Prefilled())
    taken = [*filled(fields), fields["language"]]
    suggested = [pending, offered, fields["kind"]]
    refill = (handle.prefill, [prefilled, *form], suggested)
    keep = (None, [offered, *taken], taken)
    edit = [fields["question"], fields["answer"]]
    changed = [
        *(fields[name].blur for name in ("question", "answer", "query")),
        *(fields[name].input for name in ("languages", "kind")),
    ]
    translated = fields["language"].input(handle.change_language, form, edit, **AT_ONCE)
    for event in (
        gr.on(changed, *refill, **AT_ONCE),
        translated.then(*refill, **AT_ONCE),
    ):
        # What was filled in counts as such once it stands in the fields: before that,
        # a click would take the earlier text there for the visitor's own.
        event.then(*keep, js=KEEP_SCRIPT, **QUIET).then(
            handle.settle, pending, prefilled, **AT_ONCE
        )
    stated = [fields[name] for name in STATED]
    for key, button in page.examples.items():
        # Not at once: only the queue tells the page that the count has changed.
        button.click(
            partial(handle.choose_example, key),
            count,
            [prefilled, count, *stated],
            **QUIET,
        )
    page.everywhere.click(
        handle.ask_everywhere,
        [prefilled, *form],
        [fields["languages"], prefilled, *filled(fields)],
        **AT_ONCE,
    )
    linked = [*page.memory.asked_with, *form]
    page.link_button.click(handle.render_link, linked, page.link, **AT_ONCE).then(
        None, page.link, page.link, js=COPY_SCRIPT, **QUIET
    )
    carried = gr.Textbox(visible=False)
    header.language.click(handle.link_of, linked, carried, **AT_ONCE).then(
        None, carried, None, js=LANGUAGE_SCRIPT, **QUIET
    )
    opened = [prefilled, *form, page.answers, *page.models.outputs]
    opening = root.load(handle.open_page, None, opened, **AT_ONCE)
    opening.success(None, js=OPENED_SCRIPT, **QUIET)
    opening.failure(None, js=OPENED_SCRIPT, **QUIET)
    remembered = [*page.memory.outputs, page.memory.threshold]
    opening.success(handle.open_memory, None, remembered, **QUIET)
