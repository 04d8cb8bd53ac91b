"""What a visitor fills in: read from the components, prefilled by Atlas, by an example.

A form is a record (``pages.shell.links.Form``) and its components are keyed by its
fields' names. Every text of an example comes from Atlas's own wordings and names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from pages.shell.links import EDITOR, Form
from xkde.asking.expected_answers import in_languages, recognise, restate
from xkde.asking.recorded import FIRST_EDIT
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.questions import Known, name, question
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.text import fits_script
from xkde.types import QUESTION_TYPES, QuestionType

Fields = dict[str, Any]  # components, whose events Gradio adds at run time

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
NEIGHBOUR = ("territory/CH", "capital")  # asked beside an edit that Atlas lacks


@dataclass(frozen=True)
class Prefilled:
    """What was filled in automatically; a visitor's own words are never replaced."""

    old_answer: str = ""
    query: str = ""
    wordings: str = ""
    asked: str = ""  # the question that the wordings are of


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
        wordings=form.wordings or "",
        max_new_tokens=int(form.max_new_tokens),
        temperature=float(form.temperature),
        seed=int(form.seed or 0),
        editor=entry_of(form.editor or EDITOR).name,
        follows=form.follows or "",
    )


def values_of(form: Form, names: Sequence[str] = FIELDS) -> list[Any]:
    """Return what components show of a form."""
    values = [getattr(form, name) for name in names]
    # A radio that nobody has chosen in has no value; "" is none of its choices.
    return [
        (value or None)
        if name == "follows"
        else (list(value) if isinstance(value, tuple) else value)
        for name, value in zip(names, values, strict=True)
    ]


def understand(form: Form) -> Known | None:
    """Return what Atlas recognises a form's edit as, or None."""
    return restate(atlas(), form.edit)[1] if form.question.strip() else None


def kinds_of(known: Known | None) -> tuple[QuestionType, ...]:
    """Return the types of question that there are after an edit.

    Of a sentence that Atlas does not know, nothing can be rephrased or followed up.
    """
    if known is None:
        return ("same", "unrelated")
    return tuple(
        kind
        for kind in QUESTION_TYPES
        if atlas_questions.suggest(atlas(), known, kind, "en") is not None
    )


def suggestion(form: Form, known: Known | None) -> Prefilled:
    """Return what Atlas fills in; the edit's own question where it knows nothing."""
    world, edit = atlas(), form.edit
    code = form.languages[0] if form.languages else form.language
    if known is None:
        if form.kind != "unrelated":
            return Prefilled("", edit.question if form.kind == "same" else "")
        known = Known(*NEIGHBOUR, None, "")
        beside = atlas_questions.suggest(world, known, "same", code)
        return Prefilled("", beside.question if beside else "")
    suggested = atlas_questions.suggest(world, known, form.kind, code)
    return Prefilled(
        atlas_questions.old_answer(world, known, edit.language),
        suggested.question if suggested else "",
    )


def fill_in(
    form: Form, before: Prefilled, known: Known | None
) -> tuple[Form, Prefilled]:
    """Fill in old answer, query and its wordings where the visitor has not.

    ``before`` is what was filled in last and may be replaced; ``known`` is what Atlas
    recognises the edit as. The language becomes the one that the edit is written in.
    """
    form = replace(form, language=language_of_edit(form))
    if form.kind not in kinds_of(known):
        form = replace(form, kind="same")
    suggested = suggestion(form, known)
    query, old = form.query.strip(), form.old_answer.strip()
    if query in ("", before.query):
        form = replace(form, query=suggested.query)
    if old in ("", before.old_answer):
        form = replace(form, old_answer=suggested.old_answer)
    asked = form.query.strip()
    is_typed = form.wordings.strip() and form.wordings != before.wordings
    if asked != before.asked or not is_typed:
        made = wordings_of(form, known)
        is_made = made or asked != before.asked  # else what a model has translated
        form = replace(form, wordings=made if is_made else form.wordings)
    return form, replace(suggested, wordings=form.wordings, asked=asked)


def language_of_edit(form: Form) -> str:
    """Return the language that an edit is in: Atlas knows, or its script tells."""
    edit, known = restate(atlas(), form.edit)
    if known is not None:
        return edit.language
    if fits_script(form.question, form.language) is not False:
        return form.language
    others = [c for c in ATLAS_LANGUAGES if fits_script(form.question, c)]
    return others[0] if len(others) == 1 else form.language


def wordings_of(form: Form, known: Known | None) -> str:
    """Return the question as Atlas asks it in each language, nothing if it does not."""
    likely = (*form.languages, form.language, *ATLAS_LANGUAGES)
    about = recognise(atlas(), form.edit, form.query, likely, known)
    if about.question is None:
        return ""
    queries = in_languages(atlas(), about.question, form.query, form.languages)
    return write_wordings({query.language: query.text for query in queries})


def write_wordings(texts: Mapping[str, str]) -> str:
    """Return one line for each language: its own name and the text."""
    return "\n".join(f"{language(c).own_name}: {text}" for c, text in texts.items())


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
