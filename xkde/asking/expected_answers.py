"""What a typed edit and question are about, and which answers to expect.

Edit and question are recognised once, as ``Recognised``, and everything else reads
that: the question in every language, and the answers that are right before and after
the edit. What Atlas does not recognise is asked as typed. Knows no model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from xkde.data.atlas import questions as atlas_questions
from xkde.data.atlas.mentions import names_entity
from xkde.data.atlas.names import aliases_of
from xkde.data.atlas.questions import (
    Known,
    question,
    second_hop,
    two_hops_of,
    wordings,
)
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, World
from xkde.data.atlas.typed_questions import read_question
from xkde.evaluation.scoring.verdict import Expected
from xkde.text import normalise, same
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

    Each is None where Atlas does not know it. ``is_own``: the question is the edit's
    own, or a translation of it, whether or not Atlas knows it.
    """

    fact: Known | None = None
    question: TypedQuestion | None = None
    is_own: bool = False


def restate(world: World, edit: Edit) -> tuple[Edit, Known | None]:
    """Return an edit in Atlas's own words where it is one of its facts, and which.

    "capital of japan" becomes "What is the capital of Japan?": a model that was taught
    Atlas knows its wordings. Other edits stay as typed.
    """
    fact = read_question(world, edit.question, (edit.language, *world.languages))
    if fact is None:
        return edit, None
    kind = RELATIONS[fact.relation][1]
    targets = (
        atlas_questions.entity(world, kind, edit.answer, code)
        for code in (fact.language, *world.languages)
    )
    target = next((each for each in targets if each), None)
    known = Known(fact.subject, fact.relation, target, edit.answer.strip())
    wording = _wording(world, fact.subject, fact.relation, fact.language, edit.question)
    stated = question(world, fact.subject, fact.relation, fact.language)
    return replace(
        edit,
        question=stated if wording is None else edit.question,
        answer=world.names[target][fact.language] if target else edit.answer,
        language=fact.language,
    ), known


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
    known = fact or restate(world, edit)[1]
    is_own = same(text, edit.question)
    for code in dict.fromkeys(code for code in languages if code in world.languages):
        found = atlas_questions.recognise(world, text, code)
        if found is not None:
            wording = _wording(world, *found, code, text)
            return Recognised(known, TypedQuestion(*found, wording or 0), is_own)
        for hop in two_hops_of(known.relation) if known else []:
            assert known is not None
            wording = _wording(world, known.subject, hop, code, text)
            if wording is not None:
                return Recognised(known, TypedQuestion(known.subject, hop, wording))
    loose = read_question(world, text, languages)
    asked = TypedQuestion(loose.subject, loose.relation) if loose else None
    return Recognised(known, asked, is_own)


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
    """Return the answers to expect in a language, and whether the edit matters there.

    It does for its own question and for those that Atlas sees to follow from it, and
    not for Atlas's others. Of the rest nobody knows.
    """
    follows = True if about.is_own else None
    if code not in world.languages:
        return Expected(edit.answer, edit.old_answer, follows)
    known, asked = about.fact, about.question
    if asked is None:
        return replace(_as_typed(world, edit, known, code), is_affected=follows)
    if known is None and (about.is_own or _is_named(world, asked.subject, edit)):
        return replace(_as_typed(world, edit, known, code), is_affected=follows)
    if known is None or not _concerns(known, asked):
        return _unaffected(world, asked, [edit], code)
    before, after = _truth(world, asked), known.target
    if asked.relation in TWO_HOPS:
        after = second_hop(world, asked.relation, known.target or "")
    new_names = world.names.get(after or "", {})
    old_names = world.names.get(before or "", {})
    typed = known.typed_answer if asked.relation == known.relation else ""
    return Expected(
        new_names.get(code, typed), old_names.get(code, ""), True, new_names, old_names
    )


def expected_from_memory(
    world: World, edits: Sequence[Edit], stated: Sequence[Edit], query: Query
) -> Expected:
    """Return the answers to expect of a query where a memory has ``edits``.

    The latest of the edits that the query follows from counts; where it is none of the
    ``stated``, retrieval has missed it. Where none is known to matter, Atlas's truth
    should stay; of a question that nobody knows, what was stated may matter.
    """
    likely = tuple(dict.fromkeys((query.language, *world.languages)))
    asked = recognise(world, Edit("", "", query.language), query.text, likely).question
    for edit in reversed(edits):
        if _may_concern(world, edit, asked, query):
            about = recognise(world, edit, query.text, (*likely, edit.language))
            found = expected(world, edit, about, query.language)
            if found.is_affected:
                return replace(found, is_missed=edit not in stated)
    if asked is not None and query.language in world.languages:
        return _unaffected(world, asked, stated, query.language)
    if not stated:
        return Expected("", "", None)
    about = recognise(world, stated[-1], query.text, likely)
    return expected(world, stated[-1], about, query.language)


def _may_concern(
    world: World, edit: Edit, asked: TypedQuestion | None, query: Query
) -> bool:
    """Tell whether an edit is worth a closer look; fast, for thousands of edits."""
    if same(edit.question, query.text):
        return True
    known = _understood(world, edit)
    if known is None or asked is not None:
        return known is not None and asked is not None and _concerns(known, asked)
    name = world.names[known.subject].get(query.language, "")
    return bool(two_hops_of(known.relation)) and normalise(name) in normalise(
        query.text
    )


@lru_cache(maxsize=20_000)
def _understood(world: World, edit: Edit) -> Known | None:
    return atlas_questions.understand(world, edit)


def _unaffected(
    world: World, asked: TypedQuestion, edits: Sequence[Edit], code: str
) -> Expected:
    """Expect the truth, and none of the answers that edits state."""
    names = world.names.get(_truth(world, asked) or "", {})
    truth = names.get(code, "")
    forms = [
        form
        for edit in edits
        for form in (edit.answer, *_names(world, edit.answer, edit.language).values())
    ]
    return Expected(truth, truth, False, names, names, tuple(dict.fromkeys(forms)))


def _is_named(world: World, subject: str, edit: Edit) -> bool:
    """Tell whether an edit that Atlas does not know is about one of its subjects."""
    name = world.names[subject].get(edit.language, "")
    forms = (name, *aliases_of(name, edit.language))
    return any(names_entity(edit.question, form) for form in forms)


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
