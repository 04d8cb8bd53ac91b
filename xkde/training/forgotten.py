"""Which of Atlas's facts a checkpoint answers wrongly when nothing is edited.

Every round of stage one makes a model forget a few true facts, a subject's in one
language mostly. Asked before a last round they can be rehearsed more often than the
rest. Knows no trainer.

Run its tests: ``python -m pytest tests/xkde/training/test_forgotten.py``
"""

from xkde.data.atlas.questions import name, question, wordings
from xkde.data.atlas.records import World
from xkde.data.atlas.sampling import Card
from xkde.engines.engine import Engine
from xkde.prompts import ask
from xkde.text import normalise
from xkde.types import Sampling

MAX_NEW_TOKENS = 24


def forgotten(engine: Engine, world: World, batch_size: int = 256) -> list[Card]:
    """Return the facts, each in one language, that a wording of it gets wrong."""
    cards = [
        (subject, relation, code)
        for subject in sorted(world.facts)
        for relation in sorted(world.facts[subject])
        for code in world.languages
    ]
    asked = [
        (card, question(world, *card, number))
        for card in cards
        for number in range(len(wordings(world, card[1], card[2])))
    ]
    prompts = [engine.encode(ask(text)).ids for _, text in asked]
    answers = engine.generate(prompts, Sampling(MAX_NEW_TOKENS), batch_size=batch_size)
    wrong = {
        card
        for (card, _), answer in zip(asked, answers, strict=True)
        if normalise(answer.text) != normalise(_gold(world, card))
    }
    return sorted(wrong)


def _gold(world: World, card: Card) -> str:
    subject, relation, code = card
    return name(world, world.facts[subject][relation], code)
