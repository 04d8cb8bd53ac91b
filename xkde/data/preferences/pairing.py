"""From samples and their scores to preference pairs, and their split by fact.

Three strategies say which of a prompt's answers make pairs, by name:

- ``paper``: the gold over every flawed answer, as the paper says.
- ``released``: as the released script does. Of two answers with different rewards and
  different texts the higher one is chosen, right or wrong; and the gold is chosen over
  the answer with the highest reward. The reward is 1 / cross-entropy. Prompts with the
  same text are taken together.
- ``ours``: the gold over the flawed answers that score highest but below it, by a
  margin; golds in the query's language, no near-duplicates. Every prompt is taken once,
  and no direction has many more pairs than the others.

Empty answers are in no pair. What made no pair is counted, by reason.

    pairing = make_pairs(read_samples(…), read_scores(…), "ours")
    train, dev = split_by_fact(pairing.pairs, share=0.1, seed=0)
"""

import hashlib
import random
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from xkde.data.preferences.answers import (
    answer_language,
    fits_language,
    is_empty,
    is_near_duplicate,
)
from xkde.data.preferences.files import (
    GOLD,
    REWARDS,
    SCORE_NAMES,
    Pair,
    Sample,
    Scores,
    origin,
)
from xkde.errors import InputError
from xkde.text import is_one, normalise

# Why an answer, or two of them, made no pair
REASONS: dict[str, str] = {
    "no_answers": "the prompt has no sampled answers",
    "empty_answer": "the answer is empty",
    "right_answer": "the answer is right",
    "same_text": "another answer has the same text",
    "no_score": "the answer or the gold has no score",
    "equal_scores": "both answers score the same",
    "wrong_language": "the gold is not in the query's language",
    "near_duplicate": "the answer is nearly the gold",
    "reward_against_correctness": "a flawed answer scores as high as the gold",
    "small_margin": "the margin is too small",
    "easier": "another flawed answer to the prompt scores higher",
    "same_prompt": "the prompt was there before",
    "over_balance": "its direction has enough pairs",
}
MARKED = re.compile(r"<<.*?>>")  # what the released script does not compare


@dataclass(frozen=True)
class PairingOptions:
    """How pairs are made; all but the score's name is for ``ours`` alone.

    ``score`` is one of ``records.SCORE_NAMES``, empty for the strategy's own.
    ``balance`` is how many times the median direction's pairs a direction may have; 0:
    any number.
    """

    score: str = ""
    margin: float = 0.0
    per_prompt: int = 1
    balance: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Candidate:
    """An answer that may be chosen or rejected; ``index`` is ``GOLD`` for the gold."""

    index: int
    text: str
    score: float | None
    right: bool
    language: str


Outcome = Pair | str  # a pair, or the reason why there is none
Strategy = Callable[[Sample, Sequence[Candidate], PairingOptions], list[Outcome]]


def candidates(
    sample: Sample, scores: Mapping[int, Scores], score: str
) -> list[Candidate]:
    """Return the gold, then the answers in their order, each with its score."""
    texts = [
        (GOLD, sample.golds[0]),
        *((i, a.text) for i, a in enumerate(sample.answers)),
    ]
    return [
        Candidate(
            index,
            text,
            scores[index].named(score) if index in scores else None,
            is_one(text, sample.golds),
            answer_language(text, sample.target, sample.source, sample.golds),
        )
        for index, text in texts
    ]


def paper(
    sample: Sample, offered: Sequence[Candidate], options: PairingOptions
) -> list[Outcome]:
    """Prefer the gold to every flawed answer; no score is needed."""
    gold, *answers = offered
    return [
        reason or _pair(sample, "paper", options.score, gold, answer)
        for answer, reason in _objections(answers)
    ]


def released(
    sample: Sample, offered: Sequence[Candidate], options: PairingOptions
) -> list[Outcome]:
    """Prefer by reward alone, and the gold to the highest reward.

    Of the gold's pair the script states the answer's reward as the difference.
    """
    gold, *answers = offered
    outcomes: list[Outcome] = []
    usable: dict[str, Candidate] = {}
    for answer in answers:
        reward = _reward(answer.score, options.score)
        if is_empty(answer.text):
            outcomes.append("empty_answer")
        elif answer.text == gold.text:
            outcomes.append("right_answer")
        elif answer.text in usable:
            outcomes.append("same_text")
        elif reward is None:
            outcomes.append("no_score")
        else:
            usable[answer.text] = replace(answer, score=reward)
    ranked = sorted(usable.values(), key=lambda answer: -(answer.score or 0.0))
    outcomes += _ranked_pairs(sample, ranked, options.score)
    if ranked:
        unscored = replace(gold, score=None)
        pair = _pair(sample, "released", options.score, unscored, ranked[0])
        outcomes.append(replace(pair, given_margin=ranked[0].score))
    return outcomes


def _ranked_pairs(
    sample: Sample, ranked: Sequence[Candidate], score: str
) -> Iterator[Outcome]:
    for higher, lower in combinations(ranked, 2):
        if higher.score == lower.score:
            yield "equal_scores"
        elif MARKED.sub("", higher.text) == MARKED.sub("", lower.text):
            yield "same_text"
        else:
            yield _pair(sample, "released", score, higher, lower)


def ours(
    sample: Sample, offered: Sequence[Candidate], options: PairingOptions
) -> list[Outcome]:
    """Prefer the gold to the flawed answers that come nearest to it, from below."""
    gold, *answers = offered
    # As a text, not as the gold: some benchmarks' golds were never translated.
    language = answer_language(gold.text, sample.target, sample.source)
    if fits_language(language, sample.target) is False:
        return ["wrong_language" for _ in answers]
    found = [
        (answer, reason or _doubt(gold, answer, options.margin))
        for answer, reason in _objections(answers)
    ]
    good = [answer for answer, reason in found if not reason]
    hardest = sorted(good, key=lambda answer: -(answer.score or 0.0))
    taken = hardest[: options.per_prompt]
    outcomes: list[Outcome] = [reason for _, reason in found if reason]
    outcomes += ["easier"] * (len(good) - len(taken))
    outcomes += [_pair(sample, "ours", options.score, gold, answer) for answer in taken]
    return outcomes


STRATEGIES: dict[str, Strategy] = {"paper": paper, "released": released, "ours": ours}
# The released script measures how well the answer translates back.
OWN_SCORES = {"paper": "symmetric", "released": "target_source", "ours": "symmetric"}


def _objections(answers: Sequence[Candidate]) -> Iterator[tuple[Candidate, str]]:
    """Yield each answer with the reason why it is no flawed answer, or nothing."""
    seen: set[str] = set()
    for answer in answers:
        text = normalise(answer.text)
        if is_empty(answer.text):
            yield answer, "empty_answer"
        elif answer.right:
            yield answer, "right_answer"
        elif text in seen:
            yield answer, "same_text"
        else:
            yield answer, ""
        seen.add(text)


def _doubt(gold: Candidate, answer: Candidate, margin: float) -> str:
    """Return why the gold should not be preferred to a flawed answer, or nothing."""
    if is_near_duplicate(gold.text, answer.text):
        return "near_duplicate"
    if gold.score is None or answer.score is None:
        return "no_score"
    if answer.score >= gold.score:
        return "reward_against_correctness"
    return "small_margin" if gold.score - answer.score < margin else ""


def _reward(score: float | None, name: str) -> float | None:
    """Return 1 / cross-entropy for a mean log-probability; other scores as they are.

    A text that is certain would have an infinite reward: it has none.
    """
    if score is None or name not in REWARDS:
        return score
    return -1 / score if score < 0 else None


def _pair(
    sample: Sample, strategy: str, score: str, chosen: Candidate, rejected: Candidate
) -> Pair:
    ends = "-".join(
        "gold" if end.index == GOLD else str(end.index + 1)
        for end in (chosen, rejected)
    )
    scored = chosen.score is not None or rejected.score is not None
    return Pair(
        id=f"{sample.id}/{ends}",
        fact=sample.fact,
        relation=sample.relation,
        source=sample.source,
        target=sample.target,
        prompt=sample.prompt,
        chosen=chosen.text,
        rejected=rejected.text,
        chosen_score=chosen.score,
        rejected_score=rejected.score,
        score_name=score if scored else "",
        chosen_is_right=chosen.right,
        rejected_is_right=rejected.right,
        chosen_language=chosen.language,
        rejected_language=rejected.language,
        strategy=strategy,
        chosen_origin=origin(chosen.index),
        rejected_origin=origin(rejected.index),
        checkpoint=sample.checkpoint,
    )


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
    options: PairingOptions = PairingOptions(),
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
