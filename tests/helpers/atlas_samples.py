"""Atlas's training samples read back from their text, for tests.

``questions()`` holds everything that the world can ask, by its plain text; the rest
takes edit prompts apart with it, without the records that the corpus keeps beside them.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from xkde.data.atlas.corpus import Conversation, CorpusSampler
from xkde.data.atlas.questions import (
    entity,
    question,
    second_hop,
    two_hops_of,
    wordings,
)
from xkde.data.atlas.records import RELATIONS, TWO_HOPS
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.prompts import EDIT_HEADER, EDIT_INSTRUCTION, QUERY_HEADER
from xkde.text import normalise

WORLD = atlas()
CODES = {language(code).name: code for code in ATLAS_LANGUAGES}


class Asked(NamedTuple):
    """What a question asks: a relation or a two-hop name of a subject."""

    subject: str
    what: str
    code: str


class Stated(NamedTuple):
    """What an edit's line says; the answer in plain form."""

    asked: Asked
    answer: str


class Parts(NamedTuple):
    """An edit prompt taken apart; the code is of the language it names."""

    lines: list[str]
    query: str
    code: str


def plain(text: str) -> str:
    """Return a text as it is compared here."""
    kept = normalise(text)
    return "what is " + kept[7:] if kept.startswith("what s ") else kept


@cache
def questions() -> dict[str, set[Asked]]:
    """Return everything that the world can ask, by its plain text."""
    found: dict[str, set[Asked]] = defaultdict(set)
    for subject, facts in WORLD.facts.items():
        for relation in facts:
            for what in (relation, *two_hops_of(relation)):
                for code in ATLAS_LANGUAGES:
                    for i in range(len(wordings(WORLD, what, code))):
                        text = question(WORLD, subject, what, code, i)
                        found[plain(text)].add(Asked(subject, what, code))
    return dict(found)


@cache
def questions_without_facts() -> dict[str, set[Asked]]:
    """Return the same of what the world has no facts about, by its plain text."""
    found: dict[str, set[Asked]] = defaultdict(set)
    for subject in CorpusSampler(WORLD, seed=0).without_facts:
        for relation in RELATIONS:
            for what in (relation, *two_hops_of(relation)):
                for code in ATLAS_LANGUAGES:
                    for i in range(len(wordings(WORLD, what, code))):
                        text = question(WORLD, subject, what, code, i)
                        found[plain(text)].add(Asked(subject, what, code))
    return dict(found)


def parts(sample: Conversation) -> Parts:
    """Take an edit prompt apart."""
    text = sample.messages[0].content.removeprefix(EDIT_INSTRUCTION)
    name, rest = text.split(EDIT_HEADER)
    facts, query = rest.split(QUERY_HEADER)
    return Parts(facts.split("\n"), query, CODES[name])


def heads(line: str) -> Iterator[tuple[str, str]]:
    """Yield every way to cut a plain line in two at a space."""
    words = plain(line).split(" ")
    for i in range(1, len(words)):
        yield " ".join(words[:i]), " ".join(words[i:])


def about(query: str) -> set[Asked]:
    """Return what a query asks of the world, in every way to read it."""
    text = plain(query)
    return questions().get(text, set()) | questions_without_facts().get(text, set())


def stated(line: str) -> list[Stated]:
    """Return what an edit's line states, in every way to read it."""
    return [Stated(asked, rest) for head, rest in heads(line) for asked in about(head)]


def golds_of(fact: Stated, code: str) -> str:
    """Return a stated answer's plain name in a language; an unknown string stays."""
    kind = RELATIONS[fact.asked.what][1]
    same = entity(WORLD, kind, fact.answer, fact.asked.code)
    return plain(WORLD.names[same][code]) if same else fact.answer


def truths(query: str, code: str) -> set[str]:
    """Return the true answers to a question of the world."""
    found = set()
    for subject, what, asked_in in questions().get(plain(query), ()):
        true = WORLD.facts[subject].get(what) or second_hop(
            WORLD, what, WORLD.facts[subject][TWO_HOPS[what][0]]
        )
        if asked_in == code and true:
            found.add(WORLD.names[true][code])
    return found
