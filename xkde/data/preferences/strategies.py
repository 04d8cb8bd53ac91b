"""Which of a prompt's answers make pairs: three strategies, by name.

- ``paper``: the gold over every flawed answer, as the paper says.
- ``released``: as the released script does. Of two answers with different rewards and
  different texts the higher one is chosen, right or wrong; and the gold is chosen over
  the answer with the highest reward. The reward is 1 / cross-entropy.
- ``ours``: the gold over the flawed answers that score highest but below it, by a
  margin; golds in the query's language, no near-duplicates.

Empty answers are in no pair. Knows one prompt at a time; ``pairing`` has them all.

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_pairing.py``
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from xkde.data.preferences.answer_language import answer_language, fits
from xkde.data.preferences.answers import (
    is_empty,
    is_near_duplicate,
    is_right,
    normalised,
)
from xkde.data.preferences.records import GOLD, REWARDS, Pair, Sample, Scores, origin

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
class Options:
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
Strategy = Callable[[Sample, Sequence[Candidate], Options], list[Outcome]]


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
            is_right(text, sample.golds),
            answer_language(text, sample.target, sample.source, sample.golds),
        )
        for index, text in texts
    ]


def paper(
    sample: Sample, offered: Sequence[Candidate], options: Options
) -> list[Outcome]:
    """Prefer the gold to every flawed answer; no score is needed."""
    gold, *answers = offered
    return [
        reason or _pair(sample, "paper", options.score, gold, answer)
        for answer, reason in _objections(answers)
    ]


def released(
    sample: Sample, offered: Sequence[Candidate], options: Options
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
    sample: Sample, offered: Sequence[Candidate], options: Options
) -> list[Outcome]:
    """Prefer the gold to the flawed answers that come nearest to it, from below."""
    gold, *answers = offered
    # As a text, not as the gold: some benchmarks' golds were never translated.
    language = answer_language(gold.text, sample.target, sample.source)
    if fits(language, sample.target) is False:
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
        text = normalised(answer.text)
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
