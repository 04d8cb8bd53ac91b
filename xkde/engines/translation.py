"""Translations as token ids, and how likely each token of the target is.

The one way from a text and its language to ids, for scoring and for training alike.
Knows checkpoints of the M2M100 architecture (NLLB-200 has it). Run by
``xkde.engines.aligner``.

Run its tests: ``python -m pytest tests/xkde/engines/test_aligner.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xkde.engines.forward import check_finite, pad
from xkde.errors import CheckpointError, InputError
from xkde.languages import language

LONGEST = 512  # tokens of a text, its language and end included; the rest is cut off
POSITIONS = 1024  # whose logits are held at once: NLLB has 256,206 for each

Row = tuple[list[int], list[int]]  # what the encoder reads, and labels


@dataclass(frozen=True)
class Translation:
    """A text in one language, and a text that may say the same in another."""

    source: str
    source_language: str
    target: str
    target_language: str

    @property
    def reversed(self) -> "Translation":
        """The way back."""
        return Translation(
            self.target, self.target_language, self.source, self.source_language
        )


def language_token(tokenizer: PreTrainedTokenizerBase, code: str) -> int:
    """Return the id that stands for a language before a text in it."""
    known = language(code)
    if known.nllb_code is None:
        raise InputError(
            f"NLLB-200 does not know {known.name}, so answers in it cannot be aligned. "
            "Leave its samples out."
        )
    found = tokenizer.convert_tokens_to_ids(known.nllb_code)
    if found is None or found == tokenizer.unk_token_id:
        raise CheckpointError(
            f"This translation model has no token {known.nllb_code} for {known.name}. "
            "Choose one that was trained on it, such as an NLLB-200 checkpoint."
        )
    return int(found)


def encode(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], codes: Sequence[str]
) -> list[list[int]]:
    """Return each text's ids: its language, its tokens, the end mark.

    The same for what the encoder reads and for labels: NLLB's own form, not the legacy
    one with the language at the end.
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


@torch.inference_mode()
def encoded(
    model: PreTrainedModel, sources: Sequence[Sequence[int]], batch_size: int
) -> list[Tensor]:
    """Return what the encoder makes of each source: (its length, width).

    Sources of like length are read together, and equal ones only once.
    """
    distinct = sorted(set(map(tuple, sources)), key=len)
    states: dict[tuple[int, ...], Tensor] = {}
    for first in range(0, len(distinct), batch_size):
        batch = distinct[first : first + batch_size]
        ids, mask = pad(batch, "right", model.device)
        found = model.model.encoder(input_ids=ids, attention_mask=mask)
        for source, row in zip(batch, found.last_hidden_state, strict=True):
            states[source] = row[: len(source)]
    return [states[tuple(source)] for source in sources]


@torch.inference_mode()
def log_probabilities(
    model: PreTrainedModel, states: Sequence[Tensor], labels: Sequence[list[int]]
) -> list[Tensor]:
    """Return the log-probability of every label of every row, on the CPU.

    ``states`` are each row's of ``encoded``. Every label is given the true ones before
    it. Logits are computed only where there are labels, some positions at a time.
    """
    start = model.config.decoder_start_token_id
    device = model.device
    wanted, is_label = pad(labels, "right", device)
    given, _ = pad([[start, *row[:-1]] for row in labels], "right", device)
    # Behind the last label a decoder sees padding, which nothing before it can see.
    _, is_source = pad([[0] * len(state) for state in states], "right", device)
    hidden = model.model.decoder(
        input_ids=given,
        encoder_hidden_states=pad_sequence(list(states), batch_first=True),
        encoder_attention_mask=is_source,
        use_cache=False,
    ).last_hidden_state
    at = is_label.bool()
    parts = zip(hidden[at].split(POSITIONS), wanted[at].split(POSITIONS), strict=True)
    values = torch.cat([_of_labels(model.lm_head(part), ids) for part, ids in parts])
    check_finite(values)
    return list(values.cpu().double().split([len(row) for row in labels]))


def _of_labels(logits: Tensor, ids: Tensor) -> Tensor:
    """Return each position's log-softmax at its label; spends the logits on it."""
    logits = logits.float()
    chosen = logits.gather(-1, ids[:, None])[:, 0]
    highest = logits.amax(-1)
    total = logits.sub_(highest[:, None]).exp_().sum(-1)
    return chosen - highest - total.log()
