"""What a typed edit and question are about, and which answers to expect.

Edit and question are recognised once, as ``Recognised``, and everything else reads
that: the question in every language, and the answers that are right before and after
the edit. What Atlas does not recognise is asked as typed. Knows no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.questions import (
    Known,
    question,
    second_hop,
    two_hops_of,
    wordings,
)
from xkde.data.atlas.records import TWO_HOPS, World
from xkde.evaluation.scoring.verdict import Expected
from xkde.text import normalise
from xkde.types import Edit, Query


@dataclass(frozen=True)
class TypedQuestion:
    """A question of Atlas in no particular language: a relation or a two-hop name."""

    subject: str
    relation: str
    wording: int = 0


@dataclass(frozen=True)
class Recognised:
    """The fact that an edit states and the question that is asked after it.

    Each is None where Atlas does not know it.
    """

    fact: Known | None = None
    question: TypedQuestion | None = None


def recognise(
    world: World,
    edit: Edit,
    text: str,
    languages: Sequence[str],
    fact: Known | None = None,
) -> Recognised:
    """Recognise an edit and a typed question, in the first of the languages that fits.

    ``fact`` is the edit's, where the caller has recognised it already.
    """
    known = fact or atlas_questions.understand(world, edit)
    for code in dict.fromkeys(code for code in languages if code in world.languages):
        found = atlas_questions.recognise(world, text, code)
        if found is not None:
            wording = _wording(world, *found, code, text)
            return Recognised(known, TypedQuestion(*found, wording or 0))
        for hop in two_hops_of(known.relation) if known else []:
            assert known is not None
            wording = _wording(world, known.subject, hop, code, text)
            if wording is not None:
                return Recognised(known, TypedQuestion(known.subject, hop, wording))
    return Recognised(known)


def in_languages(
    world: World, asked: TypedQuestion | None, text: str, languages: Sequence[str]
) -> tuple[Query, ...]:
    """Return the query in each language: Atlas's own words, or the text as typed."""
    return tuple(
        Query(
            text
            if asked is None or code not in world.languages
            else question(world, asked.subject, asked.relation, code, asked.wording),
            code,
        )
        for code in languages
    )


def expected(world: World, edit: Edit, about: Recognised, code: str) -> Expected:
    """Return the answers to expect in a language."""
    if code not in world.languages:
        return Expected(edit.answer, edit.old_answer)
    known, asked = about.fact, about.question
    if asked is None:
        return _as_typed(world, edit, known, code)
    if known is None or not _concerns(known, asked):
        names = world.names.get(_truth(world, asked) or "", {})
        truth = names.get(code, "")
        return Expected(truth, truth, False, names, names)
    before, after = _truth(world, asked), known.target
    if asked.relation in TWO_HOPS:
        after = second_hop(world, asked.relation, known.target or "")
    new_names = world.names.get(after or "", {})
    old_names = world.names.get(before or "", {})
    typed = known.typed_answer if asked.relation == known.relation else ""
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


def _as_typed(world: World, edit: Edit, known: Known | None, code: str) -> Expected:
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


def _concerns(known: Known, asked: TypedQuestion) -> bool:
    """Tell whether the edit changes the answer to a question, or its first hop."""
    first = TWO_HOPS.get(asked.relation, (asked.relation, ""))[0]
    return asked.subject == known.subject and first == known.relation


def _truth(world: World, asked: TypedQuestion) -> str | None:
    facts = world.facts[asked.subject]
    if asked.relation in TWO_HOPS:
        bridge = facts.get(TWO_HOPS[asked.relation][0], "")
        return second_hop(world, asked.relation, bridge)
    return facts.get(asked.relation)


def _wording(
    world: World, subject: str, relation: str, code: str, text: str
) -> int | None:
    """Return which wording of a question a text is, or None if it is none of them."""
    typed = normalise(text)
    for wording in range(len(wordings(world, relation, code))):
        if normalise(question(world, subject, relation, code, wording)) == typed:
            return wording
    return None
