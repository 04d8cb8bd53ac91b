"""The alignment scorer: how likely one text is as a translation of another.

Runs any NLLB-200 or M2M100 checkpoint, teacher-forced: the mean log-probability of a
text's tokens, given the other text. Knows no sample, no edit and no pair. Load one with
``load_aligner``.

The released script asks one question only, whatever the languages are: how likely the
gold, as English, is as a translation of the answer, as Chinese; its reward is 1 over
the mean cross-entropy. ``released`` and ``released_rewards`` do just that.

Run its tests: ``python -m pytest tests/xkde/engines/test_aligner.py``
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import (
    M2M100ForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xkde.engines.loading import Dtype, choose_device, choose_dtype, load_tokenizer
from xkde.engines.translation import (
    Row,
    Translation,
    encode,
    encoded,
    language_token,
    log_probabilities,
)
from xkde.errors import CheckpointError

BATCH = 128  # rows read together
AT_ONCE = 1024  # translations whose encoded sources are held at once
RELEASED = ("zh", "en")  # the answer's and the gold's language, as the script has them

Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class Rewards:
    """Mean log-probabilities per token, below 0: there, back, and their mean."""

    source_target: float
    target_source: float

    @property
    def symmetric(self) -> float:
        """The mean of both directions."""
        return (self.source_target + self.target_source) / 2


@dataclass(frozen=True)
class Aligner:
    """One translation model with its tokenizer. It holds no other state."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device

    def check_languages(self, codes: Iterable[str]) -> None:
        """Raise InputError or CheckpointError for a language without a token."""
        for code in codes:
            language_token(self.tokenizer, code)

    def rewards(
        self,
        pairs: Sequence[tuple[str, str]],
        source_language: str,
        target_language: str,
        *,
        language_token: bool = True,
        batch_size: int = BATCH,
    ) -> list[Rewards]:
        """Score pairs of a source text and a target text in two languages."""
        translations = [
            Translation(source, source_language, target, target_language)
            for source, target in pairs
        ]
        return self.both_ways(
            translations, language_token=language_token, batch_size=batch_size
        )

    def both_ways(
        self,
        translations: Sequence[Translation],
        *,
        language_token: bool = True,
        batch_size: int = BATCH,
        on_progress: Progress | None = None,
    ) -> list[Rewards]:
        """Score translations and their ways back, each of its own languages."""
        there_and_back = [*translations, *(each.reversed for each in translations)]
        means = self.mean_log_probabilities(
            there_and_back,
            language_token=language_token,
            batch_size=batch_size,
            on_progress=on_progress,
        )
        count = len(translations)
        return [
            Rewards(there, back)
            for there, back in zip(means[:count], means[count:], strict=True)
        ]

    def mean_log_probabilities(
        self,
        translations: Sequence[Translation],
        *,
        language_token: bool = True,
        batch_size: int = BATCH,
        on_progress: Progress | None = None,
    ) -> list[float]:
        """Return the mean log-probability of each target's tokens, given its source.

        The end mark is one of them; with ``language_token`` the language is another,
        although the model is told it. Equal translations are computed once.
        """
        distinct = list(dict.fromkeys(translations))
        means: dict[Translation, float] = {}
        for first in range(0, len(distinct), AT_ONCE):
            part = distinct[first : first + AT_ONCE]
            found = self._means(part, language_token, batch_size)
            means |= zip(part, found, strict=True)
            if on_progress is not None:
                on_progress(len(means), len(distinct))
        return [means[translation] for translation in translations]

    def _means(
        self, translations: Sequence[Translation], language_token: bool, batch_size: int
    ) -> list[float]:
        """Score translations: sources and targets each in batches of like length."""
        rows = self._rows(translations)
        states = encoded(self.model, [source for source, _ in rows], batch_size)
        order = sorted(
            range(len(rows)), key=lambda i: (len(rows[i][1]), len(rows[i][0]))
        )
        means = [0.0] * len(rows)
        for first in range(0, len(order), batch_size):
            batch = order[first : first + batch_size]
            found = log_probabilities(
                self.model, [states[i] for i in batch], [rows[i][1] for i in batch]
            )
            for i, values in zip(batch, found, strict=True):
                means[i] = float((values if language_token else values[1:]).mean())
        return means

    def released(
        self, pairs: Sequence[tuple[str, str]], batch_size: int = BATCH
    ) -> list[float]:
        """Return what the released script's rewards are made of: minus cross-entropy.

        ``pairs`` are an answer and its gold, of whatever languages.
        """
        there, back = RELEASED
        return self.mean_log_probabilities(
            [Translation(answer.lstrip(), there, gold, back) for answer, gold in pairs],
            batch_size=batch_size,
        )

    def released_rewards(
        self, pairs: Sequence[tuple[str, str]], batch_size: int = BATCH
    ) -> list[float]:
        """Return the released script's rewards: 1 over the mean cross-entropy."""
        means = self.released(pairs, batch_size)
        return [-1 / mean if mean else math.inf for mean in means]

    def _rows(self, translations: Sequence[Translation]) -> list[Row]:
        read = encode(
            self.tokenizer,
            [each.source for each in translations],
            [each.source_language for each in translations],
        )
        labels = encode(
            self.tokenizer,
            [each.target for each in translations],
            [each.target_language for each in translations],
        )
        return list(zip(read, labels, strict=True))


def load_aligner(
    folder_or_id: str | Path,
    *,
    device: str = "auto",
    dtype: Dtype = "auto",
    revision: str | None = None,
) -> Aligner:
    """Load a translation model, its weights from safetensors files only.

    Raises CheckpointError with the reason if it cannot be found, read or used.
    """
    name = str(folder_or_id)
    tokenizer = load_tokenizer(folder_or_id, revision=revision)
    place = choose_device(device)
    is_folder = Path(folder_or_id).is_dir()
    try:
        model, report = M2M100ForConditionalGeneration.from_pretrained(
            name,
            revision=None if is_folder else revision,
            local_files_only=is_folder,
            dtype=choose_dtype(dtype, place),
            use_safetensors=True,
            # On a CPU with rows this short it is much faster than what is default.
            attn_implementation="eager" if place.type == "cpu" else None,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = next((line for line in str(error).splitlines() if line.strip()), "")
        raise CheckpointError(
            f"“{name}” could not be loaded as a translation model: "
            f"{reason.strip().rstrip('.')}. It must be an NLLB-200 or M2M100 "
            "checkpoint with safetensors weights."
        ) from error
    if report["missing_keys"] or model.config.model_type != "m2m_100":
        raise CheckpointError(
            f"“{name}” is no NLLB-200 or M2M100 checkpoint, or lacks some of its "
            "weights. Choose another one."
        )
    return Aligner(model.to(place).eval(), tokenizer, place)
