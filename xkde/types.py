"""The records that every part of X-KDE exchanges: frozen, without logic, stdlib only.

Languages are ISO 639-1 codes (see ``xkde.languages``). A *direction* is a pair of them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "cancelled"]
Probe = Literal["reliability", "generality", "locality", "portability"]
QuestionType = Literal["same", "rephrased", "unrelated", "two_hops"]

PROBES: tuple[Probe, ...] = ("reliability", "generality", "locality", "portability")
QUESTION_TYPES: tuple[QuestionType, ...] = (
    "same",
    "rephrased",
    "unrelated",
    "two_hops",
)


@dataclass(frozen=True)
class Message:
    """One turn of a conversation.

    A model that is asked with examples sees them in the ``language`` of the last user
    turn; "" is English.
    """

    role: Role
    content: str
    language: str = ""


@dataclass(frozen=True)
class Edit:
    """One fact to change, stated in one language."""

    question: str
    answer: str
    language: str
    subject: str = ""
    old_answer: str = ""
    aliases: tuple[str, ...] = ()  # other right forms of ``answer``


class AskedPrompt(NamedTuple):
    """A user turn with the gold answer, and the language that it is in."""

    prompt: str
    gold: str
    language: str = ""


@dataclass(frozen=True)
class Query:
    """What is asked, in a target language."""

    text: str
    language: str


MAX_SEED = 2**31 - 1  # from 0 on, every engine takes it


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn: greedy at temperature 0, else seeded per request."""

    max_new_tokens: int = 48
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


def samplings_for(
    sampling: Sampling | Sequence[Sampling], count: int
) -> Sequence[Sampling]:
    """Return a Sampling for each of ``count`` prompts; a single one serves for all."""
    return [sampling] * count if isinstance(sampling, Sampling) else sampling


@dataclass(frozen=True)
class Generation:
    """One generated answer, or its beginning while it streams (``finish`` is None)."""

    text: str
    token_ids: tuple[int, ...]
    prompt_tokens: int
    seconds: float
    finish: Finish | None


@dataclass(frozen=True)
class TokenScore:
    """One answer token under a model that is given the tokens before it."""

    token_id: int
    text: str
    probability: float
    rank: int  # 0: the model's own first choice
    best_id: int
    best_text: str


@dataclass(frozen=True)
class AnswerScore:
    """A given answer scored token by token, teacher-forced."""

    tokens: tuple[TokenScore, ...]
    log_probability: float  # natural logarithm, summed over the tokens

    @property
    def probability(self) -> float:
        """Probability of the whole answer, 0 to 1."""
        return math.exp(self.log_probability)


@dataclass(frozen=True)
class ProbeItem:
    """One question of a case with its gold answer."""

    question: str
    answer: str
    relation: str = ""
    aliases: tuple[str, ...] = ()  # other right forms of ``answer``


@dataclass(frozen=True)
class Source:
    """Where a record was read: file, number of the record in it, line; from 1."""

    file: str
    row: int
    line: int


@dataclass(frozen=True)
class Defect:
    """What is wrong with one probe of a case in one language.

    The kinds, in words, are ``xkde.data.benchmarks.defects.DEFECTS``.
    """

    kind: str
    probe: Probe
    language: str


@dataclass(frozen=True)
class Case:
    """One benchmark record: an edit and its probes, each in every language.

    ``edits[language]`` states the same fact; ``probes[probe][language]`` asks. A probe
    that a record does not have is absent, never empty. Where a record asks more than
    one question of a probe, the first is in ``probes``, the rest in ``further``.
    """

    id: str
    subject_id: str
    relation: str
    edits: dict[str, Edit]
    probes: dict[Probe, dict[str, ProbeItem]] = field(default_factory=dict)
    further: dict[Probe, dict[str, tuple[ProbeItem, ...]]] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
    defects: tuple[Defect, ...] = ()
