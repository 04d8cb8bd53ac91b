"""Which of Atlas's facts a checkpoint answers wrongly when nothing is edited.

Every round of stage one makes a model forget a few true facts, a subject's in one
language mostly. Asked before a last round they can be rehearsed more often than the
rest. Knows no trainer.

Run its tests: ``python -m pytest tests/xkde/training/test_forgotten.py``
"""

from xkde.data.atlas.corpus import FactQuery
from xkde.data.atlas.questions import name, question, wordings
from xkde.data.atlas.records import World
from xkde.engines.engine import Engine
from xkde.prompts import ask
from xkde.text import normalise
from xkde.types import Sampling

MAX_NEW_TOKENS = 24


def forgotten(engine: Engine, world: World, batch_size: int = 256) -> list[FactQuery]:
    """Return the facts, each in one language, that a wording of it gets wrong."""
    queries = [
        (subject, relation, code)
        for subject in sorted(world.facts)
        for relation in sorted(world.facts[subject])
        for code in world.languages
    ]
    asked = [
        (query, question(world, *query, number))
        for query in queries
        for number in range(len(wordings(world, query[1], query[2])))
    ]
    prompts = [engine.encode(ask(text)).ids for _, text in asked]
    answers = engine.generate(prompts, Sampling(MAX_NEW_TOKENS), batch_size=batch_size)
    wrong = {
        query
        for (query, _), answer in zip(asked, answers, strict=True)
        if normalise(answer.text) != normalise(_gold(world, query))
    }
    return sorted(wrong)


def _gold(world: World, query: FactQuery) -> str:
    subject, relation, code = query
    return name(world, world.facts[subject][relation], code)
