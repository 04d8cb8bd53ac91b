"""The alignment scorer: how likely one text is as a translation of another.

TL-PO prefers the answers that agree with the gold across languages. As in MAPO (She et
al. 2024, https://arxiv.org/abs/2401.06838), agreement is what a translation model, here
any NLLB-200 (https://arxiv.org/abs/2207.04672) or M2M100 checkpoint, gives to the
target under teacher forcing:

    reward(x -> y) = 1/|y| * sum_t log p(y_t | y_<t, x)

The released script asks one question only, whatever the languages are: how likely the
gold, as English, is as a translation of the answer, as Chinese. Its reward is 1 over
the mean cross-entropy, which orders answers as ``released`` does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import (
    M2M100ForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from xkde.engines.forward import check_finite, pad
from xkde.engines.loading import Dtype, choose_device, choose_dtype, load_tokenizer
from xkde.errors import CheckpointError, InputError
from xkde.languages import language

BATCH = 128  # translations in one pass
ENCODED_AT_ONCE = 1024  # translations whose encoder states are in memory at a time
LONGEST = 512  # tokens of a text, its language and end included; the rest is cut off
POSITIONS_AT_ONCE = 1024  # whose logits are in memory: NLLB has 256,206 for each
RELEASED = ("zh", "en")  # the languages of answer and gold in the released script

Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class Translation:
    """A text in one language, and a candidate for its translation into another."""

    source: str
    source_language: str
    target: str
    target_language: str

    @property
    def reversed(self) -> "Translation":
        """The translation back."""
        return Translation(
            self.target, self.target_language, self.source, self.source_language
        )


@dataclass(frozen=True)
class Rewards:
    """Mean log-probabilities per token, below 0, in both directions."""

    source_target: float
    target_source: float

    @property
    def symmetric(self) -> float:
        """The mean of both directions."""
        return (self.source_target + self.target_source) / 2


class TranslationScorer(Protocol):
    """Whatever tells how likely texts are as translations of each other."""

    def check_languages(self, codes: Iterable[str]) -> None: ...

    def mean_log_probabilities(
        self,
        translations: Sequence[Translation],
        *,
        language_token: bool = True,
        batch_size: int = BATCH,
        on_progress: Progress | None = None,
    ) -> list[float]: ...


def both_ways(
    scorer: TranslationScorer,
    translations: Sequence[Translation],
    *,
    language_token: bool = True,
    batch_size: int = BATCH,
    on_progress: Progress | None = None,
) -> list[Rewards]:
    """Score translations and their ways back."""
    there_and_back = [*translations, *(each.reversed for each in translations)]
    means = scorer.mean_log_probabilities(
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


def released(
    scorer: TranslationScorer,
    pairs: Sequence[tuple[str, str]],
    batch_size: int = BATCH,
) -> list[float]:
    """Return minus the cross-entropy that the released script computes.

    ``pairs`` are an answer and its gold, of whatever languages.
    """
    answer_language, gold_language = RELEASED
    return scorer.mean_log_probabilities(
        [
            Translation(answer.lstrip(), answer_language, gold, gold_language)
            for answer, gold in pairs
        ],
        batch_size=batch_size,
    )


@dataclass(frozen=True)
class Aligner:
    """One translation model with its tokenizer: a TranslationScorer."""

    model: M2M100ForConditionalGeneration
    tokenizer: PreTrainedTokenizerBase
    device: torch.device

    def check_languages(self, codes: Iterable[str]) -> None:
        """Raise InputError or CheckpointError for a language without a token."""
        for code in codes:
            language_token(self.tokenizer, code)

    def mean_log_probabilities(
        self,
        translations: Sequence[Translation],
        *,
        language_token: bool = True,
        batch_size: int = BATCH,
        on_progress: Progress | None = None,
    ) -> list[float]:
        """Return the mean log-probability of each target's tokens, given its source.

        The end mark counts; the language token, which the model is given, counts if
        ``language_token``. Equal translations are computed once.
        """
        distinct = list(dict.fromkeys(translations))
        means: dict[Translation, float] = {}
        for first in range(0, len(distinct), ENCODED_AT_ONCE):
            part = distinct[first : first + ENCODED_AT_ONCE]
            part_means = self._means(part, language_token, batch_size)
            means |= zip(part, part_means, strict=True)
            if on_progress is not None:
                on_progress(len(means), len(distinct))
        return [means[translation] for translation in translations]

    def _means(
        self, translations: Sequence[Translation], language_token: bool, batch_size: int
    ) -> list[float]:
        """Score translations: sources and targets each in batches of similar length."""
        sources = text_ids(
            self.tokenizer,
            [each.source for each in translations],
            [each.source_language for each in translations],
        )
        labels = text_ids(
            self.tokenizer,
            [each.target for each in translations],
            [each.target_language for each in translations],
        )
        states = encode_sources(self.model, sources, batch_size)
        order = sorted(
            range(len(labels)), key=lambda i: (len(labels[i]), len(sources[i]))
        )
        means = [0.0] * len(labels)
        for first in range(0, len(order), batch_size):
            batch = order[first : first + batch_size]
            log_probs = label_log_probs(
                self.model, [states[i] for i in batch], [labels[i] for i in batch]
            )
            for i, values in zip(batch, log_probs, strict=True):
                means[i] = float((values if language_token else values[1:]).mean())
        return means


def load_aligner(
    folder: str | Path, *, device: str = "auto", dtype: Dtype = "auto"
) -> Aligner:
    """Load a translation model, its weights from safetensors files only.

    Raises CheckpointError with the reason if it cannot be found, read or used.
    """
    name = str(folder)
    tokenizer = load_tokenizer(Path(folder))
    target = choose_device(device)
    try:
        network: Any = M2M100ForConditionalGeneration
        model, report = network.from_pretrained(
            name,
            local_files_only=True,
            dtype=choose_dtype(dtype, target),
            use_safetensors=True,
            # Much faster than the default on a CPU with rows this short.
            attn_implementation="eager" if target.type == "cpu" else None,
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
    return Aligner(model.to(target).eval(), tokenizer, target)


# Token ids


def language_token(tokenizer: PreTrainedTokenizerBase, code: str) -> int:
    """Return the id that stands before a text in a language.

    Raises InputError for a language that NLLB-200 does not know, CheckpointError for
    one that this model has no token for.
    """
    known = language(code)
    if known.nllb_code is None:
        raise InputError(
            f"NLLB-200 does not know {known.name}, so answers in it cannot be aligned. "
            "Leave its samples out."
        )
    token_id = tokenizer.convert_tokens_to_ids(known.nllb_code)
    if not isinstance(token_id, int) or token_id == tokenizer.unk_token_id:
        raise CheckpointError(
            f"This translation model has no token {known.nllb_code} for {known.name}. "
            "Choose one that was trained on it, such as an NLLB-200 checkpoint."
        )
    return token_id


def text_ids(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], codes: Sequence[str]
) -> list[list[int]]:
    """Return each text's ids: its language, its tokens, the end mark.

    Sources and labels have the same form: NLLB's own, not the legacy one with the
    language at the end.
    """
    if not texts:
        return []
    marks = {code: language_token(tokenizer, code) for code in dict.fromkeys(codes)}
    plain = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    return [
        [marks[code], *ids[: LONGEST - 2], end]
        for ids, code in zip(plain, codes, strict=True)
    ]


# Forward passes


@torch.inference_mode()
def encode_sources(
    model: PreTrainedModel, sources: Sequence[Sequence[int]], batch_size: int
) -> list[Tensor]:
    """Return the encoder's states of each source, (its length, hidden).

    Sources of similar length share a batch; equal ones are read once.
    """
    distinct = sorted(set(map(tuple, sources)), key=len)
    states: dict[tuple[int, ...], Tensor] = {}
    for first in range(0, len(distinct), batch_size):
        batch = distinct[first : first + batch_size]
        ids, mask = pad(batch, "right", model.device)
        output = model.get_encoder()(input_ids=ids, attention_mask=mask)
        for source, row in zip(batch, output.last_hidden_state, strict=True):
            states[source] = row[: len(source)]
    return [states[tuple(source)] for source in sources]


@torch.inference_mode()
def label_log_probs(
    model: M2M100ForConditionalGeneration,
    states: Sequence[Tensor],
    labels: Sequence[list[int]],
) -> list[Tensor]:
    """Return the log-probability of every label of every row, (labels,), on the CPU.

    ``states`` are ``encode_sources``' of each row. Each label is given the true ones
    before it. Logits are computed only at labels, some positions at a time.
    """
    start = model.config.decoder_start_token_id
    assert start is not None, "load_aligner takes encoder-decoder models only"
    device = model.device
    targets, is_label = pad(labels, "right", device)
    inputs, _ = pad([[start, *row[:-1]] for row in labels], "right", device)
    # Padding comes after the last label, and a decoder attends only to what is before.
    _, is_source = pad([[0] * len(state) for state in states], "right", device)
    hidden = model.model.decoder(
        input_ids=inputs,
        encoder_hidden_states=pad_sequence(list(states), batch_first=True),
        encoder_attention_mask=is_source,
        use_cache=False,
    ).last_hidden_state
    at = is_label.bool()
    parts = zip(
        hidden[at].split(POSITIONS_AT_ONCE),
        targets[at].split(POSITIONS_AT_ONCE),
        strict=True,
    )
    log_probs = torch.cat([_log_probs(model.lm_head(part), ids) for part, ids in parts])
    check_finite(log_probs)
    return list(log_probs.cpu().double().split([len(row) for row in labels]))


def _log_probs(logits: Tensor, ids: Tensor) -> Tensor:
    """Return log-softmax at ``ids``, (positions,); overwrites ``logits``."""
    logits = logits.float()
    chosen = logits.gather(-1, ids[:, None])[:, 0]
    highest = logits.amax(-1)
    total = logits.sub_(highest[:, None]).exp_().sum(-1)
    return chosen - highest - total.log()
