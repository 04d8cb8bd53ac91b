"""What is looked into: the fields of the tab as a record, filled by a question's link.

A field's component is keyed by the name of its field in ``InsideForm``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl

from pages.shell.links import Form, read_link
from pages.shell.pool import BASE, EDITED
from xkde.asking.looking_inside import LOOKS, Look
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Edit, Query


@dataclass(frozen=True)
class InsideForm:
    """One edit, one query, what to look at, and in which two models."""

    language: str = "en"
    question: str = ""
    answer: str = ""
    old_answer: str = ""
    subject: str = ""
    query_language: str = "zh"
    query: str = ""
    look: Look = "lens"
    base: str = BASE
    edited: str = EDITED

    @property
    def edit(self) -> Edit:
        """The edit as typed."""
        return Edit(
            self.question.strip(),
            self.answer.strip(),
            self.language,
            self.subject.strip(),
            self.old_answer.strip(),
        )

    @property
    def asked(self) -> Query:
        """The query; the edit's own question where none is typed."""
        return Query(self.query.strip() or self.question.strip(), self.query_language)


FIRST, NEW_ANSWER = ("territory/JP", "capital"), "city/osaka"
NAMES = tuple(field.name for field in fields(InsideForm))
# What comes with a question of Edit & Ask; where to look stays as it is.
LINKED = tuple(field for field in NAMES if field != "look")


def form_of(values: Sequence[str | None]) -> InsideForm:
    """Return the form that the fields' values state, in the order of ``NAMES``."""
    given = {key: value or "" for key, value in zip(NAMES, values, strict=True)}
    chosen = given.pop("look")
    look = next((each for each in LOOKS if each == chosen), LOOKS[0])
    for key in ("language", "query_language"):
        if given[key] not in ATLAS_LANGUAGES:
            given[key] = "en"
    return InsideForm(**given, look=look)


def of_link(link: str) -> list[str] | None:
    """Return the values of ``LINKED`` that a question's link states, or None."""
    form = read_link(dict(parse_qsl(link.removeprefix("?"))))
    return None if form is None else [_values(form)[each] for each in LINKED]


def first() -> list[str]:
    """Return the values of ``LINKED`` that the tab begins with, in Atlas's words."""
    world = atlas()
    subject, relation = FIRST
    form = Form(
        question=question(world, subject, relation, "en"),
        answer=name(world, NEW_ANSWER, "en"),
        old_answer=name(world, world.facts[subject][relation], "en"),
        query=question(world, subject, relation, "zh"),
    )
    return [_values(form)[each] for each in LINKED]


def _values(form: Form) -> dict[str, str]:
    """Return the linked fields of a form; the first language that is asked is taken."""
    return {
        "language": form.language,
        "question": form.question,
        "answer": form.answer,
        "old_answer": form.old_answer,
        "subject": "",
        "query_language": form.languages[0] if form.languages else form.language,
        "query": form.query,
        "base": form.base,
        "edited": form.edited,
    }
