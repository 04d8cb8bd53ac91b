"""What to ask after an edit and what to expect: Atlas's knowledge around ``session``.

A typed question that Atlas recognises is put into every language, with the answers that
are right before and after the edit. What it does not recognise is asked as typed. Knows
no model.

Run its tests: ``python -m pytest tests/xkde/asking/test_session.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.questions import question, second_hop, two_hops_of, wordings
from xkde.data.atlas.records import TWO_HOPS, World
from xkde.text import normalise
from xkde.types import Edit, Query


@dataclass(frozen=True)
class Place:
    """A question of Atlas in no particular language: a relation or a two-hop name."""

    subject: str
    relation: str
    wording: int = 0


@dataclass(frozen=True)
class Expected:
    """The answers to expect in the query's language; empty where nobody knows.

    ``is_affected`` is False where the edit must not matter: then both are the truth.
    """

    new: str
    old: str
    is_affected: bool = True
    new_names: Mapping[str, str] = field(default_factory=dict)
    old_names: Mapping[str, str] = field(default_factory=dict)


def place_of(
    world: World, edit: Edit, text: str, languages: Sequence[str]
) -> Place | None:
    """Return what a typed question asks, in the first of the languages that fits."""
    known = atlas_questions.understand(world, edit)
    for code in dict.fromkeys(code for code in languages if code in world.languages):
        found = atlas_questions.recognise(world, text, code)
        if found is not None:
            return Place(*found, _wording(world, *found, code, text))
        if known is None:
            continue
        for hop in two_hops_of(known.relation):
            for wording in range(len(wordings(world, hop, code))):
                asked = question(world, known.subject, hop, code, wording)
                if normalise(asked) == normalise(text):
                    return Place(known.subject, hop, wording)
    return None


def in_languages(
    world: World, place: Place | None, text: str, languages: Sequence[str]
) -> list[Query]:
    """Return the query in each language: Atlas's own words, or the text as typed."""
    return [
        Query(
            text
            if place is None or code not in world.languages
            else question(world, place.subject, place.relation, code, place.wording),
            code,
        )
        for code in languages
    ]


def expected(world: World, edit: Edit, place: Place | None, code: str) -> Expected:
    """Return the answers to expect of a question in a language."""
    if code not in world.languages:
        return Expected(edit.answer, edit.old_answer)
    known = atlas_questions.understand(world, edit)
    if place is None:
        return _as_typed(world, edit, known, code)
    if known is None or not _touches(known, place):
        truth = _truth(world, place)
        names = world.names.get(truth or "", {})
        told = names.get(code, "")
        return Expected(told, told, False, names, names)
    before, after = _truth(world, place), known.target
    if place.relation in TWO_HOPS:
        after = second_hop(world, place.relation, known.target or "")
    new_names = world.names.get(after or "", {})
    old_names = world.names.get(before or "", {})
    typed = known.typed_answer if place.relation == known.relation else ""
    return Expected(
        new_names.get(code, typed), old_names.get(code, ""), True, new_names, old_names
    )


def name_in(world: World, text: str, source: str, target: str) -> str:
    """Return a typed name in another language, or as typed if Atlas lacks it."""
    return _names(world, text, source).get(target, text)


def _names(world: World, text: str, code: str) -> Mapping[str, str]:
    for kind in world.by_kind:
        found = atlas_questions.entity(world, kind, text, code)
        if found is not None:
            return world.names[found]
    return {}


def _as_typed(
    world: World, edit: Edit, known: atlas_questions.Known | None, code: str
) -> Expected:
    """Expect the edit's own answers of a question that nobody recognises."""
    if known is not None:
        old = atlas_questions.old_answer(world, known, code)
    else:
        old = name_in(world, edit.old_answer, edit.language, code)
    return Expected(
        name_in(world, edit.answer, edit.language, code),
        old,
        True,
        _names(world, edit.answer, edit.language),
        _names(world, old, code),
    )


def _touches(known: atlas_questions.Known, place: Place) -> bool:
    if place.subject != known.subject:
        return False
    first = TWO_HOPS.get(place.relation, (place.relation, ""))[0]
    return first == known.relation


def _truth(world: World, place: Place) -> str | None:
    facts = world.facts[place.subject]
    if place.relation in TWO_HOPS:
        bridge = facts.get(TWO_HOPS[place.relation][0], "")
        return second_hop(world, place.relation, bridge)
    return facts.get(place.relation)


def _wording(world: World, subject: str, relation: str, code: str, text: str) -> int:
    texts = [
        normalise(question(world, subject, relation, code, wording))
        for wording in range(len(wordings(world, relation, code)))
    ]
    asked = normalise(text)
    return texts.index(asked) if asked in texts else 0
