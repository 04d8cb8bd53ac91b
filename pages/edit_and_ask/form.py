"""What a visitor has filled in, as a record: prefilled, checked, written into a link.

Pure: knows Atlas, no component and no model. A link holds the whole form as query
parameters, nothing is stored on the server. What a link says is not trusted: unknown
values fall back to the default, models are those of the catalogue.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from xkde.asking.session import MAX_CHARACTERS
from xkde.checkpoints import CATALOGUE
from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS, entry_of
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import QUESTION_TYPES, Edit, QuestionType, Sampling

BASE, EDITED, EDITOR = "atlas-base", "atlas-xe-it", "x-kde"
TOKENS, WARMEST = (8, 512), 1.5


@dataclass(frozen=True)
class Form:
    """All that is asked; ``languages`` are the ones to ask in."""

    language: str = "en"
    question: str = ""
    answer: str = ""
    old_answer: str = ""
    languages: tuple[str, ...] = ("zh",)
    kind: QuestionType = "same"
    query: str = ""
    prompted: bool = False
    base: str = BASE
    edited: str = EDITED
    max_new_tokens: int = 48
    temperature: float = 0.0
    seed: int = 0
    editor: str = EDITOR

    @property
    def edit(self) -> Edit:
        """The edit as typed."""
        return Edit(
            self.question.strip(),
            self.answer.strip(),
            self.language,
            old_answer=self.old_answer.strip(),
        )

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(self.max_new_tokens, self.temperature, seed=self.seed)


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


def write_link(form: Form) -> str:
    """Return the query string that reopens a form; what is default is left out."""
    default = Form()
    values = {
        "edit": form.language,
        "q": form.question,
        "a": form.answer,
        "old": form.old_answer,
        "ask": "-".join(form.languages),
        "type": form.kind,
        "query": form.query,
        "prompted": "1" if form.prompted else "",
        "base": form.base if form.base != default.base else "",
        "model": form.edited if form.edited != default.edited else "",
        "tokens": str(form.max_new_tokens) if form.max_new_tokens != 48 else "",
        "temperature": f"{form.temperature:g}" if form.temperature else "",
        "seed": str(form.seed) if form.seed else "",
        "editor": form.editor if form.editor != default.editor else "",
    }
    return "?" + urlencode({key: value for key, value in values.items() if value})


def read_link(parameters: Mapping[str, str]) -> Form | None:
    """Return the form that a link states, or None if it states no edit."""
    if "q" not in parameters:
        return None

    def text(key: str) -> str:
        return parameters.get(key, "")[:MAX_CHARACTERS]

    def one_of(
        key: str, choices: Mapping[str, object] | tuple[str, ...], or_: str
    ) -> str:
        return text(key) if text(key) in choices else or_

    asked = text("ask").split("-")
    kind = one_of("type", QUESTION_TYPES, "same")
    return Form(
        language=one_of("edit", ATLAS_LANGUAGES, "en"),
        question=text("q"),
        answer=text("a"),
        old_answer=text("old"),
        languages=tuple(code for code in ATLAS_LANGUAGES if code in asked) or ("zh",),
        kind=next(known for known in QUESTION_TYPES if known == kind),
        query=text("query"),
        prompted=text("prompted") == "1",
        base=one_of("base", CATALOGUE, BASE),
        edited=one_of("model", CATALOGUE, EDITED),
        max_new_tokens=int(_number(text("tokens"), 48, *TOKENS)),
        temperature=_number(text("temperature"), 0.0, 0.0, WARMEST),
        seed=int(_number(text("seed"), 0, 0, 2**31 - 1)),
        editor=one_of("editor", EDITORS, EDITOR),
    )


def _number(text: str, default: float, lowest: float, highest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if lowest <= value <= highest else default
