"""Translations as token ids, and how likely each token of the target is.

The one way from a text and its language to ids, for scoring and for training alike.
Knows checkpoints of the M2M100 architecture (NLLB-200 has it). Run by
``xkde.engines.aligner``.

Run its tests: ``python -m pytest tests/test_aligner.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
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
def log_probabilities(model: PreTrainedModel, rows: Sequence[Row]) -> list[Tensor]:
    """Return the log-probability of every label of every row, on the CPU.

    Every label is given the true ones before it. Logits are computed only where there
    are labels, some positions at a time.
    """
    start = model.config.decoder_start_token_id
    device = model.device
    read, mask = pad([row[0] for row in rows], "right", device)
    labels, is_label = pad([row[1] for row in rows], "right", device)
    given, _ = pad([[start, *row[1][:-1]] for row in rows], "right", device)
    # Behind the last label a decoder sees padding, which nothing before it can see.
    states = model.model(
        input_ids=read, attention_mask=mask, decoder_input_ids=given, use_cache=False
    ).last_hidden_state
    at = is_label.bool()
    parts = zip(states[at].split(POSITIONS), labels[at].split(POSITIONS), strict=True)
    values = torch.cat(
        [
            -cross_entropy(model.lm_head(state).float(), wanted, reduction="none")
            for state, wanted in parts
        ]
    )
    check_finite(values)
    return list(values.cpu().double().split([len(row[1]) for row in rows]))
