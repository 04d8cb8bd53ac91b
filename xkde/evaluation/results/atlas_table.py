"""The Atlas tables: what a checkpoint knows, and what an edit does in twelve languages.

Protocol ``generated``: greedy answers, exact match after normalisation, on held-out
subjects. Locality is shown twice: still true (against gold) and unchanged (against the
same model without the edit). Run it: ``python -m xkde atlas table``.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from xkde.data.atlas.questions import name, question, wordings
from xkde.data.atlas.records import World
from xkde.evaluation.scoring.metrics import exact_match, wilson_interval
from xkde.languages import language
from xkde.prompts import ask, edit_prompt
from xkde.text import normalise
from xkde.types import PROBES, Case, Generation, Message, Probe, Sampling

Progress = Callable[[int, int], None]
MAX_NEW_TOKENS = 32


class Engine(Protocol):
    """What the table asks of an engine."""

    def encode(self, messages: Sequence[Message]) -> Any: ...
    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        batch_size: int = ...,
        on_progress: Progress | None = ...,
    ) -> list[Generation]: ...


@dataclass(frozen=True)
class Cell:
    """One number with what it rests on; ``share`` lies in its 95 % interval."""

    measure: str
    source: str
    target: str
    hits: int
    n: int

    @property
    def share(self) -> float:
        """Hits of n."""
        return self.hits / self.n if self.n else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """Return the cell with its share and interval, for JSON."""
        low, high = wilson_interval(self.hits, self.n)
        return asdict(self) | {"share": self.share, "low": low, "high": high}


@dataclass(frozen=True)
class Item:
    """One question of the table; ``plain`` asks the same without the edit."""

    measure: str
    source: str
    target: str
    prompt: str
    gold: str
    case: str


def answers(
    engine: Engine, prompts: Sequence[str], on_progress: Progress | None = None
) -> list[str]:
    """Return greedy answers; equal prompts are asked once."""
    unique = list(dict.fromkeys(prompts))
    ids = [engine.encode(ask(prompt)).ids for prompt in unique]
    found = engine.generate(
        ids, Sampling(MAX_NEW_TOKENS), batch_size=128, on_progress=on_progress
    )
    by_prompt = {p: g.text for p, g in zip(unique, found, strict=True)}
    return [by_prompt[prompt] for prompt in prompts]


def closed_book(
    engine: Engine,
    world: World,
    n: int = 400,
    seed: int = 11,
    on_progress: Progress | None = None,
) -> list[Cell]:
    """Return how many of ``n`` facts the model knows without any edit, by language."""
    random_ = random.Random(seed)
    facts = [(s, r) for s in sorted(world.facts) for r in sorted(world.facts[s])]
    prompts, golds, codes = [], [], []
    for code in world.languages:
        for subject, relation in random_.sample(facts, min(n, len(facts))):
            count = len(wordings(world, relation, code))
            prompts.append(
                question(world, subject, relation, code, random_.randrange(count))
            )
            golds.append(name(world, world.facts[subject][relation], code))
            codes.append(code)
    told = answers(engine, prompts, on_progress)
    hits = dict.fromkeys(world.languages, 0)
    for code, answer, gold in zip(codes, told, golds, strict=True):
        hits[code] += exact_match(answer, gold)
    n = len(prompts) // len(world.languages)
    return [Cell("closed-book", c, c, hits[c], n) for c in world.languages]


def items(
    cases: Sequence[Case], source: str, targets: Sequence[str], *, edited: bool
) -> Iterator[Item]:
    """Yield the questions of every case, probe and target language."""
    for case in cases:
        for probe in PROBES:
            if probe not in case.probes:
                continue
            for target in targets:
                asked = case.probes[probe][target]
                edits = [case.edits[source]] if edited else []
                prompt = edit_prompt(edits, asked.question, language(target).name)
                yield Item(probe, source, target, prompt, asked.answer, case.id)


def probe_cells(
    engine: Engine,
    cases: Sequence[Case],
    source: str,
    targets: Sequence[str],
    on_progress: Progress | None = None,
) -> list[Cell]:
    """Return the four probes (and unchanged locality) for every target language."""
    asked = list(items(cases, source, targets, edited=True))
    plain = [i for i in items(cases, source, targets, edited=False)
             if i.measure == "locality"]  # fmt: skip
    told = answers(engine, [i.prompt for i in (*asked, *plain)], on_progress)
    before = {
        (i.case, i.target): answer
        for i, answer in zip(plain, told[len(asked) :], strict=True)
    }
    counts: dict[tuple[str, str], list[int]] = {}
    for item, answer in zip(asked, told, strict=False):
        cell = counts.setdefault((item.measure, item.target), [0, 0])
        cell[0] += exact_match(answer, item.gold)
        cell[1] += 1
        if item.measure == "locality":
            cell = counts.setdefault(("unchanged", item.target), [0, 0])
            cell[0] += normalise(answer) == normalise(before[item.case, item.target])
            cell[1] += 1
    return [Cell(m, source, t, h, n) for (m, t), (h, n) in counts.items()]


def pooled(cells: Sequence[Cell], measure: str | Probe, *, cross: bool = False) -> Cell:
    """Return a measure's target languages as one cell; ``cross`` without the own."""
    chosen = [c for c in cells if c.measure == measure]
    if cross:
        chosen = [c for c in chosen if c.source != c.target]
    source = chosen[0].source if chosen else ""
    target = "cross" if cross else "all"
    return Cell(
        measure, source, target, sum(c.hits for c in chosen), sum(c.n for c in chosen)
    )
