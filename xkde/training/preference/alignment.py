"""Score sampled answers: TL-PO's second step, between sampling and pairing.

For the gold and for every answer:

- the mean log-probabilities with which a translation model translates it and the gold
  in the language of the edit into each other (the paper's alignment score),
- whether it is right, and in which language it is,
- chrF (Popović, 2015, https://aclanthology.org/W15-3049/) by sacreBLEU,
- the cosine of its and the gold's embeddings, where an encoder is given.

Scores are appended as they are made; a job that was killed goes on after the last whole
line. Which answers make pairs is decided by ``xkde.data.preferences.pairing``.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path

from sacrebleu.metrics.chrf import CHRF

from xkde.data.atlas.mentions import names_entity
from xkde.data.file_settings import begun_with, write_settings
from xkde.data.preferences.answers import answer_language
from xkde.data.preferences.files import (
    GOLD,
    Sample,
    Scores,
    append,
    cut_from,
    read_bytes,
    read_samples,
    read_scores,
)
from xkde.engines.aligner import (
    BATCH,
    Translation,
    TranslationScorer,
    both_ways,
    released,
)
from xkde.errors import SettingsError
from xkde.locks import held
from xkde.memory.index import Vectors
from xkde.text import is_one

AT_ONCE = 64  # prompts between two appends to the file

ChrF = Callable[[str, Sequence[str]], float]  # an answer and its golds -> 0 to 100
# Texts -> (texts, size), each row of length one
Encode = Callable[[list[str]], Vectors]
Progress = Callable[[int, int], None]


def chrf() -> ChrF:
    """Return sacreBLEU's chrF of an answer to its golds."""
    metric = CHRF()
    return lambda text, golds: float(metric.sentence_score(text, list(golds)).score)


def chrf_version() -> str:
    """Return the version of sacreBLEU."""
    return version("sacrebleu")


@dataclass(frozen=True)
class AlignmentSetting:
    """How a file of scores was measured; another way is refused.

    ``weights`` is the revision or the fingerprint of the translation model. ``chrf`` is
    the version of sacreBLEU, and empty where chrF is not measured.
    """

    aligner: str
    weights: str
    parity: bool = False
    language_token: bool = True
    encoder: str = ""
    chrf: str = ""


@dataclass(frozen=True)
class Measures:
    """What measures an answer; None: not measured."""

    aligner: TranslationScorer
    chrf: ChrF | None = None
    encode: Encode | None = None


@dataclass(frozen=True)
class ScoredAnswer:
    """An answer of a sample, or its gold, that is to be scored."""

    sample: Sample
    index: int
    text: str

    @property
    def gold(self) -> str:
        """The gold in the language of the query."""
        return self.sample.golds[0]

    @property
    def translation(self) -> Translation:
        """From the gold in the edit's language, if there is an edit, to the answer."""
        sample = self.sample
        if sample.source and sample.source_gold:
            given, language = sample.source_gold, sample.source
        else:
            given, language = self.gold, sample.target
        return Translation(given, language, self.text.strip(), sample.target)


def align(
    samples_file: Path,
    out: Path,
    measures: Measures,
    setting: AlignmentSetting,
    *,
    batch_size: int = BATCH,
    on_progress: Progress | None = None,
) -> dict[str, int]:
    """Append the scores of every answer that has none; return how many there are.

    Raises SettingsError if the file was begun with other settings or samples.
    """
    samples = read_samples(samples_file)
    languages = {code for s in samples for code in (s.source, s.target) if code}
    measures.aligner.check_languages(sorted(languages))
    with held(out):
        _open(out, setting, samples_file)
        scored = read_scores(out) if out.exists() else []
        done = {(scores.sample, scores.answer) for scores in scored}
        asked = [a for s in samples for a in _asked(s) if (s.id, a.index) not in done]
        there = len(done)
        for part in _parts(asked):
            found = measured(part, measures, setting, batch_size)
            append(out, found)
            there += len(found)
            if on_progress is not None:
                on_progress(there, len(done) + len(asked))
    return {"samples": len(samples), "before": len(done), "scored": len(asked)}


def measured(
    asked: Sequence[ScoredAnswer],
    measures: Measures,
    setting: AlignmentSetting,
    batch_size: int = BATCH,
) -> list[Scores]:
    """Return the scores of some answers, in their order."""
    if setting.parity:
        rewards = _released(asked, measures.aligner, batch_size)
    else:
        rewards = _rewards(asked, measures.aligner, setting.language_token, batch_size)
    cosines = _cosines(asked, measures.encode)
    return [
        replace(
            scores,
            cosine=cosine,
            chrf=measures.chrf and measures.chrf(each.text, each.sample.golds),
            exact=is_one(each.text, each.sample.golds),
            contains=any(names_entity(each.text, gold) for gold in each.sample.golds),
            language=answer_language(
                each.text, each.sample.target, each.sample.source, each.sample.golds
            ),
        )
        for each, scores, cosine in zip(asked, rewards, cosines, strict=True)
    ]


def _asked(sample: Sample) -> list[ScoredAnswer]:
    return [
        ScoredAnswer(sample, GOLD, sample.golds[0]),
        *(
            ScoredAnswer(sample, i, answer.text)
            for i, answer in enumerate(sample.answers)
        ),
    ]


def _parts(asked: Sequence[ScoredAnswer]) -> list[list[ScoredAnswer]]:
    """Return answers in parts of so many prompts; a prompt's stay together."""
    prompts: dict[str, list[ScoredAnswer]] = {}
    for each in asked:
        prompts.setdefault(each.sample.id, []).append(each)
    groups = list(prompts.values())
    return [
        [each for group in groups[first : first + AT_ONCE] for each in group]
        for first in range(0, len(groups), AT_ONCE)
    ]


def _rewards(
    asked: Sequence[ScoredAnswer],
    aligner: TranslationScorer,
    language_token: bool,
    batch_size: int,
) -> list[Scores]:
    found = both_ways(
        aligner,
        [each.translation for each in asked],
        language_token=language_token,
        batch_size=batch_size,
    )
    return [
        Scores(
            each.sample.id,
            each.index,
            reward.source_target,
            reward.target_source,
            reward.symmetric,
        )
        for each, reward in zip(asked, found, strict=True)
    ]


def _released(
    asked: Sequence[ScoredAnswer], aligner: TranslationScorer, batch_size: int
) -> list[Scores]:
    """Score as the released script does: the gold itself, or its equal, has no score.

    What is kept is minus the cross-entropy, whose reward (1 over it) has the same order
    and is the strategy ``released``'s to compute.
    """
    pairs = [(each.text, each.gold) for each in asked]
    scored = [pair for pair in dict.fromkeys(pairs) if pair[0].lstrip() != pair[1]]
    means = dict(zip(scored, released(aligner, scored, batch_size), strict=True))
    return [
        Scores(each.sample.id, each.index, target_source=means.get(pair))
        for each, pair in zip(asked, pairs, strict=True)
    ]


def _cosines(
    asked: Sequence[ScoredAnswer], encode: Encode | None
) -> list[float | None]:
    """Return the cosine of each answer's and the gold's embeddings."""
    if encode is None:
        return [None for _ in asked]
    texts = list(dict.fromkeys(t for each in asked for t in (each.text, each.gold)))
    at = dict(zip(texts, encode(texts), strict=True))
    return [float(at[each.text] @ at[each.gold]) for each in asked]


def _open(out: Path, setting: AlignmentSetting, samples_file: Path) -> None:
    """Write down how a file is measured, or refuse to go on with it otherwise.

    Of the samples the part that was there is kept in mind, as a hash: their file may
    have grown since.
    """
    content = read_bytes(samples_file)
    content = content[: cut_from(content)]
    before = begun_with(out, asdict(setting))
    if before is not None:
        of_samples = before["samples"]
        if _digest(content[: of_samples["bytes"]]) != of_samples["sha256"]:
            raise SettingsError(
                f"{out.name} holds scores of other samples than {samples_file.name} "
                "has now. Choose another --out, or remove it and its settings."
            )
    known = {"bytes": len(content), "sha256": _digest(content)}
    write_settings(out, {**asdict(setting), "samples": known})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
