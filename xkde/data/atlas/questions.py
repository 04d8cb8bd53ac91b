"""How Atlas asks and answers: a fact, a two-hop question, a name, in any language.

Pure functions of a World. Knows no prompt and no split.
"""

from xkde.data.atlas.facts import ENGLISH_ARTICLE
from xkde.data.atlas.records import TWO_HOPS, World


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
