"""How Atlas asks in any language, and what it knows about a question that is typed.

Asking turns a fact, a two-hop question or a name into text. Recognising reads a typed
question back into (subject, relation) and a typed answer into an entity, and gives the
questions that a visitor may want next, with the answers to expect. Text that Atlas does
not have gives None. Knows no model, no prompt and no split.
"""

from dataclasses import dataclass
from functools import lru_cache

from xkde.data.atlas.names import named_by
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, World
from xkde.data.atlas.world import ENGLISH_ARTICLE
from xkde.text import normalise
from xkde.types import Edit, QuestionType

ARTICLE = "the "


@dataclass(frozen=True)
class Known:
    """A typed edit that Atlas understands; ``target`` is None for a new string."""

    subject: str
    relation: str
    target: str | None
    typed_answer: str


@dataclass(frozen=True)
class Suggestion:
    """A question with the answers to expect of it, in its own language.

    ``new`` is right once the edit is made, ``old`` without it; they are equal where the
    edit must not matter.
    """

    question: str
    new: str
    old: str


def name(world: World, entity: str, language: str) -> str:
    """Return an entity's name in its dictionary form; as an answer it stands alone."""
    return world.names[entity][language]


def in_sentence(world: World, subject: str, language: str) -> str:
    """Return a subject's name as a question holds it: English needs some articles."""
    article = language == "en" and subject in ENGLISH_ARTICLE
    return ("the " if article else "") + world.names[subject][language]


def wordings(world: World, relation: str, language: str) -> tuple[str, ...]:
    """Return all wordings of a relation or a two-hop name in a language."""
    table = world.wordings[language]
    return table.questions.get(relation) or table.two_hop[relation]


def question(
    world: World, subject: str, relation: str, language: str, wording: int = 0
) -> str:
    """Ask about a relation (or a two-hop name) of a subject."""
    texts = wordings(world, relation, language)
    text = texts[wording % len(texts)]
    return text.replace("{subject}", in_sentence(world, subject, language))


def second_hop(world: World, two_hop: str, bridge: str) -> str | None:
    """Return the answer of a two-hop question whose first answer is ``bridge``."""
    return world.facts.get(bridge, {}).get(TWO_HOPS[two_hop][1])


def two_hops_of(relation: str) -> list[str]:
    """Return the two-hop names whose first hop is the relation."""
    return [hop for hop, (first, _) in TWO_HOPS.items() if first == relation]


@lru_cache(maxsize=16)
def _frames(world: World, language: str) -> tuple[tuple[str, str, str], ...]:
    """Return (text before the subject, text after it, relation), longest first."""
    frames = []
    for relation in RELATIONS:
        for text in wordings(world, relation, language):
            before, _, after = text.partition("{subject}")
            frames.append((normalise(before), normalise(after), relation))
    return tuple(sorted(frames, key=lambda frame: -len(frame[0]) - len(frame[1])))


@lru_cache(maxsize=16)
def _entities(world: World, language: str) -> dict[tuple[str, str], str]:
    """Return each entity by its kind and its normalised name."""
    return {
        (entity.split("/")[0], normalise(names[language])): entity
        for entity, names in world.names.items()
    }


def entity(world: World, kind: str, text: str, language: str) -> str | None:
    """Return the entity of a kind that a language calls ``text``, or also calls so."""
    names = _entities(world, language)
    plain = normalise(text)
    for said in (plain, plain.removeprefix(ARTICLE)):
        found = names.get((kind, said)) or names.get(
            (kind, named_by(said, language) or "")
        )
        if found:
            return found
    return None


def recognise(world: World, text: str, language: str) -> tuple[str, str] | None:
    """Return the (subject, relation) that a question asks about, if Atlas has it."""
    asked = normalise(text)
    for before, after, relation in _frames(world, language):
        if not (asked.startswith(before) and asked.endswith(after)):
            continue
        middle = asked[len(before) : len(asked) - len(after)].strip()
        subject = entity(world, RELATIONS[relation][0], middle, language)
        if subject and relation in world.facts.get(subject, {}):
            return subject, relation
    return None


def understand(world: World, edit: Edit) -> Known | None:
    """Return what a typed edit is about, if Atlas has its subject and relation."""
    found = recognise(world, edit.question, edit.language)
    if found is None:
        return None
    subject, relation = found
    target = entity(world, RELATIONS[relation][1], edit.answer, edit.language)
    return Known(subject, relation, target, edit.answer.strip())


def old_answer(world: World, known: Known, language: str) -> str:
    """Return what was true before the edit."""
    return name(world, world.facts[known.subject][known.relation], language)


def new_answer(world: World, known: Known, language: str) -> str:
    """Return the edit's answer in a language; a string Atlas lacks stays as typed."""
    if known.target is None:
        return known.typed_answer
    return name(world, known.target, language)


def suggest(
    world: World, known: Known, kind: QuestionType, language: str
) -> Suggestion | None:
    """Return the question of a type to ask after an edit, or None if there is none."""
    subject, relation = known.subject, known.relation
    if kind in ("same", "rephrased"):
        return Suggestion(
            question(world, subject, relation, language, int(kind == "rephrased")),
            new_answer(world, known, language),
            old_answer(world, known, language),
        )
    if kind == "unrelated":
        asked, what = _untouched(world, subject, relation)
        truth = name(world, world.facts[asked][what], language)
        return Suggestion(question(world, asked, what, language), truth, truth)
    for hop in two_hops_of(relation):
        before = second_hop(world, hop, world.facts[subject][relation])
        after = second_hop(world, hop, known.target) if known.target else None
        if before and after:
            return Suggestion(
                question(world, subject, hop, language),
                name(world, after, language),
                name(world, before, language),
            )
    return None


def _untouched(world: World, subject: str, relation: str) -> tuple[str, str]:
    """Return a fact beside the edit: another one of the subject, else of its kind."""
    for other in world.facts[subject]:
        if other != relation:
            return subject, other
    neighbours = [s for s in world.facts if relation in world.facts[s] and s != subject]
    return sorted(neighbours)[len(subject) % len(neighbours)], relation
