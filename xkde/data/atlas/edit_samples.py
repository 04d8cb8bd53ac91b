"""Edits, each with a query in its scope and one outside: what editors are trained on.

SERAC and MEND learn from the same kind of sample: an edit, a query that it changes (its
own fact in another wording, at times two hops away) and one that it must leave alone.
Subjects of the dev and test splits are in none of them. Knows no tokenizer and no
model.

Run its tests: ``python -m pytest tests/xkde/data/atlas/test_edit_samples.py``
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xkde.data.atlas import novel_names
from xkde.data.atlas.corpus import Maker
from xkde.data.atlas.questions import name, second_hop, wordings
from xkde.data.atlas.records import TWO_HOPS, Drawn, World
from xkde.types import Edit

TWO_HOP_SHARE = 0.15  # of the queries in scope
INVENTED_SHARE = 0.12  # of the new answers: strings that no model has seen
STRANGER_SHARE = 0.08  # of the subjects: nobody that the world has


@dataclass(frozen=True)
class Asked:
    """One query with its right answer; ``subject`` is empty if the world has none."""

    text: str
    language: str
    gold: str
    subject: str


@dataclass(frozen=True)
class EditSample:
    """An edit with one query in its scope and one outside it.

    Edits of the same ``fact`` have the same scope.
    """

    edit: Edit
    subject: str
    fact: str
    inside: Asked
    outside: Asked


def edit_samples(
    world: World, seed: int, *, cross_lingual: bool = True
) -> Iterator[EditSample]:
    """Yield samples without end, the same for a seed.

    Without ``cross_lingual`` both queries are in the edit's language.
    """
    maker = Maker(world, seed, cross_lingual)
    maker.is_careless = True
    while True:
        yield _sample(maker)


def _sample(maker: Maker) -> EditSample:
    random_ = maker.random
    if random_.random() < TWO_HOP_SHARE:
        drawn, inside = _two_hop(maker)
        return _together(maker, drawn, drawn, inside)
    drawn = told = maker.draw_edit()
    if random_.random() < INVENTED_SHARE:
        answer = novel_names.answer(random_, maker.world, drawn.edit.language)
        told = replace(drawn, target=None, edit=replace(drawn.edit, answer=answer))
    if random_.random() < STRANGER_SHARE:
        told, inside = _stranger(maker, told)
    else:
        inside = _direct(maker, told)
    return _together(maker, drawn, told, inside)


def _together(maker: Maker, drawn: Drawn, told: Drawn, inside: Asked) -> EditSample:
    """Return a sample of the edit as it is told, with what it leaves as it is."""
    code = maker.query_language(told.edit.language)
    subject, text, gold = maker.unrelated(drawn, code)
    outside = Asked(text, code, name(maker.world, gold, code), subject)
    whose = told.subject or told.edit.question
    fact = f"{whose}:{told.relation}"
    return EditSample(told.edit, told.subject, fact, inside, outside)


def _direct(maker: Maker, told: Drawn) -> Asked:
    """Ask for the edited fact itself."""
    code = maker.query_language(told.edit.language)
    text = maker.any_wording(told.subject, told.relation, code)
    return Asked(text, code, _gold(maker, told, code), told.subject)


def _stranger(maker: Maker, told: Drawn) -> tuple[Drawn, Asked]:
    """Put the edit and its query about a name that nobody has."""
    stranger = novel_names.title(maker.random)
    code = maker.query_language(told.edit.language)
    question, text = (
        maker.random.choice(wordings(maker.world, told.relation, c)).replace(
            "{subject}", stranger
        )
        for c in (told.edit.language, code)
    )
    edit = replace(told.edit, question=question)
    gold = _gold(maker, told, code)
    return replace(told, subject="", edit=edit), Asked(text, code, gold, "")


def _two_hop(maker: Maker) -> tuple[Drawn, Asked]:
    """Ask for what follows from an edit and one known fact."""
    hop = maker.random.choice(sorted(TWO_HOPS))
    while True:
        drawn = maker.draw_edit(TWO_HOPS[hop][0])
        follows = second_hop(maker.world, hop, str(drawn.target))
        if follows:
            break
    code = maker.query_language(drawn.edit.language)
    text = maker.any_wording(drawn.subject, hop, code)
    gold = name(maker.world, follows, code)
    return drawn, Asked(text, code, gold, drawn.subject)


def _gold(maker: Maker, told: Drawn, code: str) -> str:
    """Return the new answer in a language; an invented one stays as it is."""
    if told.target is None:
        return told.edit.answer
    return name(maker.world, told.target, code)
