"""What a visitor fills in: read from the components, prefilled by Atlas, by an example.

A form is a record (``pages.shell.links.Form``) and its components are keyed by its
fields' names. Every text of an example comes from Atlas's own wordings and names.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pages.shell.links import EDITOR, Form
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.questions import Known, name, question
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import QuestionType

Fields = dict[str, Any]  # components, whose events Gradio adds at run time

FIELDS = tuple(field.name for field in fields(Form))
EDIT_FIELDS = ("language", "question", "answer", "old_answer")
STATED = (*EDIT_FIELDS, "languages", "kind", "query")  # what an example fills in

# key of the label -> subject, relation, new answer (an entity or a new word), edit
# language, languages to ask in, question type
EXAMPLES: dict[
    str, tuple[str, str, str, str, tuple[str, ...], QuestionType]
] = {
    "example_japan": ("territory/JP", "capital", "city/osaka", "en", ("zh",), "same"),
    "example_twelve": (
        "territory/JP", "capital", "city/osaka", "en", ATLAS_LANGUAGES, "same",
    ),
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
FIRST = "example_japan"
TWO_HOP = "country_currency"


@dataclass(frozen=True)
class Prefilled:
    """What was filled in automatically; a visitor's own words are never replaced."""

    old_answer: str = ""
    query: str = ""


def inputs(components: Fields) -> list[Any]:
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
        max_new_tokens=int(form.max_new_tokens),
        temperature=float(form.temperature),
        seed=int(form.seed or 0),
        editor=entry_of(form.editor or EDITOR).name,
        follows=form.follows or "",
    )


def values_of(form: Form, names: Sequence[str] = FIELDS) -> list[Any]:
    """Return what components show of a form."""
    values = [getattr(form, name) for name in names]
    return [list(value) if isinstance(value, tuple) else value for value in values]


def understand(form: Form) -> Known | None:
    """Return what Atlas recognises a form's edit as, or None."""
    edit = form.edit
    return atlas_questions.understand(atlas(), edit) if edit.question else None


def suggestion(form: Form, known: Known | None) -> Prefilled:
    """Return what Atlas fills in; the edit's own question where it knows nothing."""
    world, edit = atlas(), form.edit
    code = form.languages[0] if form.languages else form.language
    if known is None:
        return Prefilled("", edit.question if form.kind == "same" else "")
    suggested = atlas_questions.suggest(world, known, form.kind, code)
    return Prefilled(
        atlas_questions.old_answer(world, known, edit.language),
        suggested.question if suggested else "",
    )


def fill_in(
    form: Form, before: Prefilled, known: Known | None
) -> tuple[Form, Prefilled]:
    """Fill in the old answer and the query where the visitor has not.

    ``before`` is what was filled in last and may be replaced; ``known`` is what Atlas
    recognises the edit as.
    """
    suggested = suggestion(form, known)
    query, old = form.query.strip(), form.old_answer.strip()
    if query in ("", before.query):
        form = replace(form, query=suggested.query)
    if old in ("", before.old_answer):
        form = replace(form, old_answer=suggested.old_answer)
    return form, suggested


def example(key: str) -> tuple[Form, Prefilled]:
    """Return the filled form of an example, and what of it was filled automatically."""
    world = atlas()
    subject, relation, target, language, languages, kind = EXAMPLES[key]
    is_hop = kind == "two_hops"  # of several, the one to a currency
    form = Form(
        language=language,
        question=question(world, subject, relation, language),
        answer=name(world, target, language) if "/" in target else target,
        languages=languages,
        kind=kind,
        query=question(world, subject, TWO_HOP, languages[0]) if is_hop else "",
    )
    return fill_in(form, Prefilled(), understand(form))
