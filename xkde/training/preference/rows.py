"""Turn preference pairs into token ids: one prompt, a chosen and a rejected answer.

The same ``encode`` as everywhere else, so that a preference is learned on the very ids
that XE-IT was taught and the app asks. Nothing is ever cut: the released code left
TRL's default of 128 prompt tokens in force and lost the beginnings of its prompts.
Knows no trainer.

Run its tests: ``python -m pytest tests/xkde/training/preference/test_rows.py``
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets

from xkde.data.preferences.files import pairs_of
from xkde.data.preferences.opening import open_pairs
from xkde.errors import DataError
from xkde.prompts import Tokenizer, ask, encode
from xkde.training.conversations import IGNORED
from xkde.types import Message

logger = logging.getLogger(__name__)

Preference = tuple[Sequence[Message], str, str]  # prompt, chosen, rejected
SIDES = ("chosen", "rejected")


def read_preferences(source: str) -> list[Preference]:
    """Read a file of pairs in any of the usual forms; what is no pair is counted."""
    opened = open_pairs(Path(source))
    for reason, count in opened.left_out.items():
        logger.warning("%d rows of %s left out: %s", count, source, reason)
    return [(ask(p.prompt), p.chosen, p.rejected) for p in pairs_of(opened.pairs)]


def preference_rows(
    tokenizer: Tokenizer, preferences: Iterable[Preference], max_length: int | None
) -> datasets.Dataset:
    """Return rows of ``prompt_ids``, ``chosen_ids``, ``rejected_ids`` and ``length``.

    Both answers end in the model's end mark and continue one and the same prompt.
    Pairs longer than ``max_length`` tokens, with an empty answer, or with two answers
    of the same tokens are left out and counted; DataError if none is left.
    """
    rows: list[dict[str, Any]] = []
    reasons: Counter[str] = Counter()
    for prompt, chosen, rejected in preferences:
        if not chosen.strip() or not rejected.strip():
            reasons["an empty answer"] += 1
            continue
        row = _row(tokenizer, prompt, chosen, rejected)
        if row["chosen_ids"] == row["rejected_ids"]:
            reasons["two answers of the same tokens"] += 1
        elif max_length is not None and row["length"] > max_length:
            reasons[f"more than {max_length} tokens"] += 1
        else:
            rows.append(row)
    for reason, count in reasons.items():
        logger.warning("%d pairs left out: %s", count, reason)
    if not rows:
        found = ", ".join(f"{reason} ({count})" for reason, count in reasons.items())
        raise DataError(f"No pair can be learned from: {found or 'there is none'}.")
    return datasets.Dataset.from_list(rows)


def _row(
    tokenizer: Tokenizer, prompt: Sequence[Message], chosen: str, rejected: str
) -> dict[str, Any]:
    encoded = [
        encode(tokenizer, [*prompt, Message("assistant", answer)])
        for answer in (chosen, rejected)
    ]
    ids = [list(each.ids) for each in encoded]
    # A tokenizer may merge the prompt's last character with the answer's first: then
    # the prompt ends before it, in both.
    shared = next(
        (at for at, (a, b) in enumerate(zip(*ids, strict=False)) if a != b),
        min(map(len, ids)),
    )
    begin = min(shared, *(each.is_answer.index(True) for each in encoded))
    return {
        "prompt": encoded[0].text,
        "chosen": chosen,
        "rejected": rejected,
        "prompt_ids": ids[0][:begin],
        "chosen_ids": ids[0][begin:],
        "rejected_ids": ids[1][begin:],
        "length": max(map(len, ids)),
    }


def padded_row(row: Mapping[str, Any]) -> dict[str, list[int]]:
    """Return a row as TRL's older trainers take it (ORPO, CPO): whole sequences."""
    prompt = list(row["prompt_ids"])
    made = {
        "prompt_input_ids": prompt,
        "prompt_attention_mask": [1] * len(prompt),
    }
    for side in SIDES:
        answer = list(row[f"{side}_ids"])
        made[f"{side}_input_ids"] = prompt + answer
        made[f"{side}_attention_mask"] = [1] * (len(prompt) + len(answer))
        made[f"{side}_labels"] = [IGNORED] * len(prompt) + answer
    return made


def unpaired(rows: datasets.Dataset) -> datasets.Dataset:
    """Return each answer as a row of its own with a ``label`` (KTO), two a pair."""
    made = [
        {
            "prompt_ids": row["prompt_ids"],
            "completion_ids": row[f"{side}_ids"],
            "label": side == "chosen",
            "length": len(row["prompt_ids"]) + len(row[f"{side}_ids"]),
        }
        for row in rows
        for side in SIDES
    ]
    return datasets.Dataset.from_list(made)
