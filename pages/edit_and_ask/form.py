"""What a visitor fills in: read from the components, prefilled by an example.

A form is a record (``pages.shell.links.Form``) and its components are keyed by its
fields' names. Every text of an example comes from Atlas's own wordings and names.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

from gradio.components import Component

from pages.shell.components import Components
from pages.shell.links import EDITOR, Form
from pages.shell.prefill import Prefilled, fill_in, understand
from xkde.asking.recorded import FIRST_EDIT
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import QuestionType

FIELDS = tuple(field.name for field in fields(Form))
EDIT_FIELDS = ("language", "question", "answer", "old_answer")
# What an example fills in
STATED = (*EDIT_FIELDS, "languages", "kind", "query", "wordings")

# key of the label -> subject, relation, new answer (an entity or a new word), edit
# language, languages to ask in, question type
EXAMPLES: dict[
    str, tuple[str, str, str, str, tuple[str, ...], QuestionType]
] = {
    "example_twelve": (*FIRST_EDIT, ATLAS_LANGUAGES, "same"),
    "example_japan": (*FIRST_EDIT, ("zh",), "same"),
    "example_party": (
        "territory/GB", "party", "party/labour", "en",
        ("de", "fr", "ru", "th", "vi", "zh"), "rephrased",
    ),
    "example_from_chinese": (
        "territory/IN", "currency", "currency/EUR", "zh", ("en",), "same",
    ),
    "example_locality": (
        "territory/JP", "capital", "city/osaka", "en", ("de",), "unrelated",
    ),
    "example_two_hops": (
        "city/osaka", "country", "territory/FR", "en", ("es",), "two_hops",
    ),
    "example_invented": (
        "territory/EG", "capital", "Velmora", "en", ("ru", "th", "zh"), "same",
    ),
}  # fmt: skip
FIRST = "example_twelve"
TWO_HOP = "country_currency"


def inputs(components: Components) -> list[Component]:
    """Return the components that state a form, in the order of its fields."""
    return [components[name] for name in FIELDS]


def form_of(values: Sequence[Any]) -> Form:
    """Return the form that the values of ``inputs`` state."""
    form = Form(**dict(zip(FIELDS, values, strict=True)))
    chosen = [code for code in ATLAS_LANGUAGES if code in (form.languages or ())]
    return replace(
        form,
        languages=tuple(chosen),
        question=form.question or "",
        answer=form.answer or "",
        old_answer=form.old_answer or "",
        query=form.query or "",
        wordings=form.wordings or "",
        max_new_tokens=int(form.max_new_tokens),
        temperature=float(form.temperature),
        seed=int(form.seed or 0),
        editor=entry_of(form.editor or EDITOR).name,
        follows=form.follows or "",
    )


def values_of(form: Form, names: Sequence[str] = FIELDS) -> list[object]:
    """Return what components show of a form."""
    values = [getattr(form, name) for name in names]
    # A radio that nobody has chosen in has no value; "" is none of its choices.
    return [
        (value or None)
        if name == "follows"
        else (list(value) if isinstance(value, tuple) else value)
        for name, value in zip(names, values, strict=True)
    ]


def read_wordings(lines: str) -> dict[str, str]:
    """Return the text of each language that has a line of its own."""
    codes = {language(code).own_name.casefold(): code for code in ATLAS_LANGUAGES}
    parts = (line.replace("：", ":", 1).partition(":") for line in lines.splitlines())
    return {
        codes[name.strip().casefold()]: text.strip()
        for name, _, text in parts
        if name.strip().casefold() in codes and text.strip()
    }


def example(key: str) -> tuple[Form, Prefilled]:
    """Return the filled form of an example, and what of it was filled automatically."""
    world = atlas()
    subject, relation, target, code, languages, kind = EXAMPLES[key]
    is_hop = kind == "two_hops"  # of several, the one to a currency
    form = Form(
        language=code,
        question=question(world, subject, relation, code),
        answer=name(world, target, code) if "/" in target else target,
        languages=languages,
        kind=kind,
        query=question(world, subject, TWO_HOP, languages[0]) if is_hop else "",
    )
    return fill_in(form, Prefilled(), understand(form))
