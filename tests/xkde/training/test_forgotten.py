"""What a checkpoint has forgotten: by hand, with one that knows all but one fact."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from xkde.data.atlas.corpus import XE_IT_END_MIX, conversations
from xkde.data.atlas.questions import name, question, wordings
from xkde.data.atlas.records import World
from xkde.data.atlas.world import atlas
from xkde.training.conversations import forgotten_facts
from xkde.types import Generation, Message, Sampling

JAPAN = ("territory/JP", "capital", "zh")


class Remembers:
    """Answers by heart; ids are the number of the question in its book."""

    def __init__(self, book: dict[str, str]) -> None:
        self.book = book
        self.questions = list(book)

    def encode(self, messages: Sequence[Message]) -> Any:
        place = self.questions.index(messages[-1].content)
        return type("Encoded", (), {"ids": (place,)})

    def generate(
        self, prompts: Sequence[Sequence[int]], sampling: Sampling, *, batch_size: int
    ) -> list[Generation]:
        texts = [self.book[self.questions[ids[0]]] for ids in prompts]
        return [Generation(text, (), 0, 0.0, "stop") for text in texts]


def small(world: World) -> World:
    """Return Japan and France alone."""
    kept = {s: world.facts[s] for s in ("territory/JP", "territory/FR")}
    return world.__class__(**{**vars(world), "facts": kept})


def by_heart(world: World) -> dict[str, str]:
    """Return every question of a world with its true answer."""
    return {
        question(world, subject, relation, code, number): name(world, true, code)
        for subject, facts in world.facts.items()
        for relation, true in facts.items()
        for code in world.languages
        for number in range(len(wordings(world, relation, code)))
    }


def test_one_wording_that_is_wrong_is_enough() -> None:
    world = small(atlas())
    book = by_heart(world)
    assert forgotten_facts(Remembers(book), world) == []
    book[question(world, *JAPAN, 1)] = "尼亚美"
    assert forgotten_facts(Remembers(book), world) == [JAPAN]


def test_a_full_stop_is_no_mistake() -> None:
    world = small(atlas())
    ended = {text: f"{answer}." for text, answer in by_heart(world).items()}
    assert forgotten_facts(Remembers(ended), world) == []


def test_what_is_forgotten_comes_more_often() -> None:
    world = atlas()

    def times(again: Sequence[tuple[str, str, str]]) -> int:
        drawn = islice(conversations(world, XE_IT_END_MIX, 5, again=again), 5_000)
        capital = world.facts[JAPAN[0]][JAPAN[1]]
        return sum(
            c.kind == "closed_book"
            and c.asked == JAPAN[0]
            and c.messages[-1].content == name(world, capital, JAPAN[2])
            for c in drawn
        )

    assert times([]) <= 1 < 5 < times([JAPAN] * 5_000)
