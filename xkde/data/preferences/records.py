"""The records of TL-PO's data: sampled answers, their scores, and preference pairs.

Flat and frozen, so that a line of JSON or a row of a table holds one. A *sample* is a
prompt with the answers that a model gave to it; a *pair* prefers one answer to another.
Knows no file (``files`` has them) and no strategy (``pairing`` has those).
"""

from dataclasses import dataclass

from xkde.types import Finish

GOLD = -1  # the index of the gold where an answer's index is meant

# The scores by which answers can be ordered; higher is better in all of them.
SCORE_NAMES: tuple[str, ...] = (
    "source_target",
    "target_source",
    "symmetric",
    "chrf",
    "cosine",
)
REWARDS = SCORE_NAMES[:3]  # the translation model's: mean log-probabilities, below 0


@dataclass(frozen=True)
class SampledAnswer:
    """One answer of a model, with the seed and temperature that gave it."""

    text: str
    seed: int
    temperature: float
    finish: Finish | None


@dataclass(frozen=True)
class Sample:
    """One prompt with its sampled answers.

    ``fact`` is the subject's id: splits are made by it. ``source`` is the edit's
    language, empty where the prompt states no edit; ``target`` is the query's. The
    first of ``golds`` is the gold; all of them are in the target language.
    ``source_gold`` is the new answer in the source language.
    """

    id: str
    kind: str
    fact: str
    relation: str
    source: str
    target: str
    prompt: str
    golds: tuple[str, ...]
    source_gold: str
    answers: tuple[SampledAnswer, ...]
    engine: str
    checkpoint: str
    revision: str
    wrapper: str

    @property
    def direction(self) -> str:
        """Edit language → query language."""
        return direction(self.source, self.target)


@dataclass(frozen=True)
class Scores:
    """The scores of one answer of a sample; ``answer`` is its index, or ``GOLD``.

    The rewards are a translation model's mean log-probabilities: ``source_target`` of
    the answer, given the gold in the source language; ``target_source`` of the gold in
    the source language, given the answer (as the released scripts do); ``symmetric`` is
    their mean. None: not measured.
    """

    sample: str
    answer: int
    source_target: float | None = None
    target_source: float | None = None
    symmetric: float | None = None
    chrf: float | None = None
    cosine: float | None = None
    exact: bool = False
    contains: bool = False
    language: str = ""

    def named(self, name: str) -> float | None:
        """Return one of ``SCORE_NAMES``."""
        value: float | None = getattr(self, name)
        return value


@dataclass(frozen=True)
class Pair:
    """One preference: to this prompt, ``chosen`` rather than ``rejected``.

    Origins are "gold" or "answer 3". What a file does not state is empty or None.
    ``given_margin`` is only for files that state a margin and no scores.
    """

    id: str
    fact: str
    relation: str
    source: str
    target: str
    prompt: str
    chosen: str
    rejected: str
    chosen_score: float | None = None
    rejected_score: float | None = None
    score_name: str = ""
    chosen_is_right: bool | None = None
    rejected_is_right: bool | None = None
    chosen_language: str = ""
    rejected_language: str = ""
    strategy: str = ""
    chosen_origin: str = ""
    rejected_origin: str = ""
    checkpoint: str = ""
    given_margin: float | None = None

    @property
    def margin(self) -> float | None:
        """How much higher the chosen answer scores; None where it is not known."""
        if self.chosen_score is None or self.rejected_score is None:
            return self.given_margin
        return self.chosen_score - self.rejected_score

    @property
    def direction(self) -> str:
        """Edit language → query language."""
        return direction(self.source, self.target)


def direction(source: str, target: str) -> str:
    """Return "en→zh"; "→zh" without an edit, nothing where neither is known."""
    return f"{source}→{target}" if source or target else ""


def origin(answer: int) -> str:
    """Return the name of an answer by its index: "gold", or "answer 1" for the first.

    People count from one.
    """
    return "gold" if answer == GOLD else f"answer {answer + 1}"
