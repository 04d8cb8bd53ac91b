"""What a form is filled in with while a visitor types; their own words are kept.

Atlas says what was true before the edit, and asks about it in the other language. Of a
fact that it does not know nothing is filled in but the question as it is typed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pages.shell.links import Form
from xkde.asking.expected_answers import in_languages, recognise, restate
from xkde.asking.written_language import written_language
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.questions import Known
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import QUESTION_TYPES, QuestionType

NEIGHBOUR = ("territory/CH", "capital")  # asked beside an edit that Atlas lacks
# What is offered takes the place of what it was offered for, and of nothing newer: an
# answer from the server must not replace words typed while it was on its way.
KEEP_SCRIPT = """
(offered, ...now) => {
  const known = JSON.parse(offered);
  return now.map((text, at) => (text === known[at][0] ? known[at][1] : text));
}
"""


@dataclass(frozen=True)
class Prefilled:
    """What was filled in automatically; a visitor's own words are never replaced."""

    old_answer: str = ""
    query: str = ""
    wordings: str = ""
    asked: str = ""  # the question that the wordings are of
    fact: str = ""  # the typed fact whose language is settled


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
    recognises the edit as. The language becomes the one that the edit is written in,
    once for every fact: who chooses another one afterwards knows better.
    """
    fact = form.question.strip()
    if known is not None or fact != before.fact:
        form = replace(form, language=language_of_edit(form))
    if form.kind not in kinds_of(known):
        form = replace(form, kind="same")
    suggested = suggestion(form, known)
    query, old = form.query.strip(), form.old_answer.strip()
    if query in ("", before.query):
        form = replace(form, query=suggested.query)
    if old in ("", before.old_answer):
        form = replace(form, old_answer=suggested.old_answer)
    asked, filled = form.query.strip(), before.wordings
    is_typed = form.wordings.strip() and form.wordings != before.wordings
    if asked != before.asked or not is_typed:
        made = wordings_of(form, known)
        is_made = made or asked != before.asked  # else what a model has translated
        form = replace(form, wordings=made if is_made else form.wordings)
        filled = form.wordings
    return form, replace(suggested, wordings=filled, asked=asked, fact=fact)


def language_of_edit(form: Form) -> str:
    """Return the language that an edit is in: Atlas knows, or its letters tell."""
    edit, known = restate(atlas(), form.edit)
    if known is not None:
        return edit.language
    return written_language(form.question, form.language)


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


def edit_in_language(form: Form) -> tuple[str, str]:
    """Return question and new answer in the language that was chosen for the edit.

    Atlas translates what it knows; anything else stays as it was typed.
    """
    world = atlas()
    _, known = restate(world, form.edit)
    if known is None:
        return form.question, form.answer
    asked = atlas_questions.question(
        world, known.subject, known.relation, form.language
    )
    return asked, atlas_questions.new_answer(world, known, form.language)
