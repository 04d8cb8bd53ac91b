"""The line under the typed fact: whether Atlas knows it, and what to type instead.

It changes with every key. What Atlas does not know is the visitor's own sentence: a
model that was taught to translate puts it into the other languages, any other model is
asked what it was never taught, and the line says so.
"""

from collections.abc import Sequence

import gradio as gr

from pages.edit_and_ask.form import form_of, inputs
from pages.shell.components import AT_ONCE, Components
from pages.shell.links import Form
from pages.shell.prefill import language_of_edit, understand
from pages.shell.strings import Interface, interface_language, tr
from pages.shell.templates import in_both, render
from xkde.asking.expected_answers import restate
from xkde.asking.translation import can_translate
from xkde.checkpoints import CATALOGUE
from xkde.data.atlas.questions import Known
from xkde.data.atlas.typed_questions import suggestions
from xkde.data.atlas.world import atlas
from xkde.text import same

PICK_SCRIPT = """
element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-suggest]");
  if (button) trigger("pick", { text: button.dataset.suggest });
});
"""


def fact_html(form: Form, known: Known | None, interface: Interface) -> str:
    """Return the line for what is typed."""
    world, typed, code = atlas(), form.question.strip(), form.language
    offered: Sequence[str] = ()
    if not typed:
        kind, words = "quiet", tr("fact_empty", interface)
    elif known is not None:
        kind, words = "good", _known_words(form, known, interface)
    else:
        kind, words = "own", tr(_own_key(form), interface)
        code = language_of_edit(form)  # of what is typed now, before the form has it
        offered = suggestions(world, typed, code)
    return render(
        "edit_and_ask/fact.html",
        interface,
        kind=kind,
        mark={"good": "✓", "own": "△"}.get(kind, ""),
        words=words,
        suggestions=[each for each in offered if not same(each, typed)],
        code=code,
    )


def _own_key(form: Form) -> str:
    """Return what becomes of a visitor's own sentence with the chosen models."""
    if can_translate(form.edited):
        return "fact_translated"
    entry = CATALOGUE.get(form.base)
    return "fact_outside" if entry and entry.knows == "atlas" else "fact_as_typed"


def _known_words(form: Form, known: Known, interface: Interface) -> str:
    subject = atlas().names[known.subject][interface]
    words = tr(
        "fact_known",
        interface,
        relation=tr(f"relation_{known.relation}", interface),
        subject=subject,
        languages=_languages_words(form, interface),
    )
    stated, _ = restate(atlas(), form.edit)
    if not same(stated.question, form.question):
        words += " " + tr("fact_restated", interface, text=stated.question)
    return words


def _languages_words(form: Form, interface: Interface) -> str:
    """Return the name of the one language that is asked in, or how many there are."""
    if len(form.languages) == 1:
        return tr(f"language_{form.languages[0]}", interface)
    return tr("fact_languages", interface, n=len(form.languages))


def layout(form: Form) -> Components:
    """Make the line for the form that the page begins with."""
    first = in_both(fact_html, form, understand(form))
    return {"line": gr.HTML(first, js_on_load=PICK_SCRIPT, elem_id="known")}


def render_line(request: gr.Request, *values: object) -> str:
    """Return the line for what is typed now."""
    form = form_of(values)
    return fact_html(form, understand(form), interface_language(request))


def picked(event: gr.EventData) -> str:
    """Return the suggestion that was clicked."""
    return str(event.text)


def connect(known: Components, fields: Components) -> None:
    """Show the line anew whenever the fact, its language or the models change."""
    line = known["line"]
    changed = [fields[name].change for name in ("question", "languages", "edited")]
    gr.on(
        changed, render_line, inputs(fields), line, trigger_mode="always_last",
        **AT_ONCE,
    )  # fmt: skip
    line.pick(picked, None, fields["question"], **AT_ONCE)
