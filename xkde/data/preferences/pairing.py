"""From samples and their scores to preference pairs, and their split by fact.

``strategies`` says which answers to one prompt make pairs. Here is what concerns all
prompts: ``ours`` takes a prompt once and holds the directions in balance, ``released``
brings prompts with the same text together. What made no pair is counted, by reason.

    pairing = make_pairs(read_samples(…), read_scores(…), "ours")
    train, dev = split_by_fact(pairing.pairs, share=0.1, seed=0)

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_pairing.py``
"""

import hashlib
import random
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from xkde.data.preferences.records import SCORE_NAMES, Pair, Sample, Scores
from xkde.data.preferences.strategies import (
    OWN_SCORES,
    STRATEGIES,
    Options,
    Outcome,
    candidates,
)
from xkde.errors import InputError


@dataclass(frozen=True)
class Pairing:
    """Pairs, and how often what made none, by reason (a key of ``REASONS``).

    ``answers`` counts answers (or two of them); ``prompts`` counts prompts without a
    pair, by the most frequent reason of their answers. With the prompts that have
    pairs they are all prompts.
    """

    pairs: tuple[Pair, ...]
    answers: Mapping[str, int]
    prompts: Mapping[str, int]


def make_pairs(
    samples: Sequence[Sample],
    scores: Iterable[Scores],
    strategy: str,
    options: Options = Options(),  # noqa: B008  (frozen)
) -> Pairing:
    """Make pairs by one of ``STRATEGIES``; raises InputError for other names."""
    if strategy not in STRATEGIES:
        raise InputError(
            f"“{strategy}” is no strategy. Choose one of {', '.join(STRATEGIES)}."
        )
    score = options.score or OWN_SCORES[strategy]
    if score not in SCORE_NAMES:
        raise InputError(
            f"“{score}” is no score. Choose one of {', '.join(SCORE_NAMES)}."
        )
    options = replace(options, score=score)
    by_sample: dict[str, dict[int, Scores]] = {}
    for scored in scores:
        by_sample.setdefault(scored.sample, {})[scored.answer] = scored
    pairs: list[Pair] = []
    answers: Counter[str] = Counter()
    prompts: Counter[str] = Counter()
    for sample in _in_order(samples, strategy, prompts):
        offered = candidates(sample, by_sample.get(sample.id, {}), score)
        outcomes = STRATEGIES[strategy](sample, offered, options)
        made, reasons = _parted(outcomes)
        pairs += made
        answers += reasons
        if not made:
            why = reasons.most_common(1)
            prompts[why[0][0] if why else "no_answers"] += 1
    if strategy == "ours" and options.balance:
        kept = balanced(pairs, options.balance, options.seed)
        answers["over_balance"] += len(pairs) - len(kept)
        with_pairs = {pair.prompt for pair in kept}
        prompts["over_balance"] += len({p.prompt for p in pairs} - with_pairs)
        pairs = kept
    return Pairing(tuple(pairs), dict(+answers), dict(+prompts))


def _parted(outcomes: Iterable[Outcome]) -> tuple[list[Pair], Counter[str]]:
    made, reasons = [], []
    for outcome in outcomes:
        if isinstance(outcome, Pair):
            made.append(outcome)
        else:
            reasons.append(outcome)
    return made, Counter(reasons)


def _in_order(
    samples: Sequence[Sample], strategy: str, prompts: Counter[str]
) -> list[Sample]:
    """Return the samples to pair: together, or once, where prompts are the same."""
    first: dict[str, int] = {}
    for number, sample in enumerate(samples):
        first.setdefault(sample.prompt, number)
    if strategy == "released":
        return sorted(samples, key=lambda sample: first[sample.prompt])
    if strategy == "paper":
        return list(samples)
    kept = [samples[number] for number in first.values()]
    prompts["same_prompt"] += len(samples) - len(kept)
    return kept


def balanced(pairs: Sequence[Pair], times: float, seed: int) -> list[Pair]:
    """Return pairs of which no direction has over ``times`` the median direction's.

    Of a direction with more, a random part is kept; order stays.
    """
    by_direction: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        by_direction.setdefault(pair.direction, []).append(number)
    if not by_direction:
        return []
    median = statistics.median(len(numbers) for numbers in by_direction.values())
    most = max(1, int(times * median))
    random_ = random.Random(seed)
    kept = sorted(
        number
        for numbers in by_direction.values()
        for number in random_.sample(numbers, min(most, len(numbers)))
    )
    return [pairs[number] for number in kept]


def split_by_fact(
    pairs: Sequence[Pair], share: float, seed: int
) -> tuple[list[Pair], list[Pair]]:
    """Return (train, dev): all pairs of a fact on one side, ``share`` of the facts dev.

    Which facts these are depends on their names and the seed alone, so that files made
    of the same facts agree. A pair without a fact is held by its prompt.
    """
    facts = {pair.fact or pair.prompt for pair in pairs}
    drawn = sorted(
        facts,
        key=lambda fact: hashlib.sha256(f"{seed}:{fact}".encode()).digest(),
    )
    dev = set(drawn[: round(share * len(drawn))])
    return (
        [pair for pair in pairs if (pair.fact or pair.prompt) not in dev],
        [pair for pair in pairs if (pair.fact or pair.prompt) in dev],
    )
