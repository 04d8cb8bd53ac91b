"""What a visitor has filled in: read from the components, and filled in by Atlas."""

from dataclasses import dataclass, replace

from pages.shell.links import EDITOR, Form
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of
from xkde.languages import ATLAS_LANGUAGES


@dataclass(frozen=True)
class Auto:
    """What was filled in automatically; a visitor's own words are never replaced."""

    old_answer: str = ""
    query: str = ""


def form_of(values: list[object]) -> Form:
    """Return the form that a list of component values states, in the fields' order."""
    form = Form(*values)  # type: ignore[arg-type]
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
    )


def suggestion(form: Form) -> Auto:
    """Return what Atlas fills in; the edit's own question where it knows nothing."""
    world, edit = atlas(), form.edit
    known = atlas_questions.understand(world, edit) if edit.question else None
    code = form.languages[0] if form.languages else form.language
    if known is None:
        return Auto("", edit.question if form.kind == "same" else "")
    suggested = atlas_questions.suggest(world, known, form.kind, code)
    return Auto(
        atlas_questions.old_answer(world, known, edit.language),
        suggested.question if suggested else "",
    )


def filled(form: Form, auto: Auto) -> tuple[Form, Auto]:
    """Fill in the old answer and the query where the visitor has not."""
    now = suggestion(form)
    query, old = form.query.strip(), form.old_answer.strip()
    return (
        replace(
            form,
            query=now.query if query in ("", auto.query) else form.query,
            old_answer=now.old_answer
            if old in ("", auto.old_answer)
            else form.old_answer,
        ),
        now,
    )
