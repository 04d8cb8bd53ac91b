"""What is stated: the fields of the tab as a record, filled by a question's link.

A field's component is keyed by the name of its field in ``PropagationForm``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from urllib.parse import parse_qsl

from pages.shell.links import read_link
from pages.shell.pool import BASE, EDITED
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Edit


@dataclass(frozen=True)
class PropagationForm:
    """One edit and the two models; the names are those of the links' form."""

    language: str = "en"
    question: str = ""
    answer: str = ""
    old_answer: str = ""
    base: str = BASE
    edited: str = EDITED

    @property
    def edit(self) -> Edit:
        """The edit as typed."""
        return Edit(
            self.question.strip(),
            self.answer.strip(),
            self.language,
            old_answer=self.old_answer.strip(),
        )


# The example that the tab begins with
FIRST, NEW_ANSWER = ("territory/JP", "capital"), "city/osaka"
NAMES = tuple(field.name for field in fields(PropagationForm))


def form_of(values: Sequence[str | None]) -> PropagationForm:
    """Return the form that the fields' values state, in the order of ``NAMES``."""
    given = {key: value or "" for key, value in zip(NAMES, values, strict=True)}
    if given["language"] not in ATLAS_LANGUAGES:
        given["language"] = "en"
    return PropagationForm(**given)


def of_link(link: str) -> list[str] | None:
    """Return the values of ``NAMES`` that a question's link states, or None."""
    form = read_link(dict(parse_qsl(link.removeprefix("?"))))
    return None if form is None else [str(getattr(form, key)) for key in NAMES]


def first() -> list[str]:
    """Return the values of ``NAMES`` that the tab begins with, in Atlas's words."""
    world = atlas()
    subject, relation = FIRST
    form = PropagationForm(
        question=question(world, subject, relation, "en"),
        answer=name(world, NEW_ANSWER, "en"),
        old_answer=name(world, world.facts[subject][relation], "en"),
    )
    return [str(getattr(form, key)) for key in NAMES]
