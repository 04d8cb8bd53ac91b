"""Pairs as a pandas table with Arrow types: margins, flags, filters and orders.

``pair_frame`` adds to a file's pairs what follows from them: ``direction``, ``margin``,
``chosen_length`` and ``length_gap`` in characters, and a column of truth values for
each of ``FLAGS``, a reason to doubt that a pair teaches well. A flag is raised only
where it is known: a pair without scores has no zero gap, one without a gold is not
wrong.

Texts are sorted categories, so that a search reads a prompt once, however many pairs it
has, and an order compares numbers. Measured by ``python -m xkde bench preferences``.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from xkde.data.preferences.answers import fits_language
from xkde.data.preferences.columns import (
    Column,
    each_distinct,
    length_outliers,
    near_duplicates,
)
from xkde.data.preferences.files import PAIR_SCHEMA
from xkde.errors import InputError

Positions = NDArray[np.int64]  # of rows in a frame, from 0
Mask = NDArray[np.bool_]

FLAGS: dict[str, str] = {
    "wrong_chosen": "the chosen answer is wrong",
    "zero_gap": "both answers score the same",
    "language_mismatch": "the chosen answer is not in the query's language",
    "reward_against_correctness": "one answer is right, and the other scores higher",
    "near_duplicate": "the two answers are nearly the same",
    "length_outlier": "one answer is over four times, and 40 characters, longer",
}
EQUAL = ("direction", "relation", "chosen_language", "rejected_language")
SEARCHED = ("prompt", "chosen", "rejected", "fact", "id")
# A range of a filter -> the column that it bounds
RANGES = {"score": "chosen_score", "margin": "margin", "gap": "length_gap"}
BOUNDS = tuple(f"{name}_{end}" for name in RANGES for end in ("from", "to"))
NUMBERS = ("margin", "chosen_score", "rejected_score", "chosen_length", "length_gap")
TEXTS = ("direction", "relation", "fact", "prompt", "chosen", "rejected")
SORTS = ("", *NUMBERS, *TEXTS)  # "": as in the file

WORD = r"\p{L}\p{M}\p{N}_"  # letters, their marks, digits
_BORDER = re.compile(r"(?<!\\)(?:\\\\)*\\[bB]")
_ESCAPED = re.compile(r"\\.", re.DOTALL)
_PARTS = re.compile(r"(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|\\.", re.DOTALL)


@dataclass(frozen=True)
class PairFilter:
    """Which pairs, and in which order; what is empty or None does not filter.

    Scores are those of the chosen answer, both ends of a range belong to it, and a
    pair must have all of ``flags``. ``text`` is searched for in ``SEARCHED``.
    """

    direction: str = ""
    relation: str = ""
    chosen_language: str = ""
    rejected_language: str = ""
    score_from: float | None = None
    score_to: float | None = None
    margin_from: float | None = None
    margin_to: float | None = None
    gap_from: float | None = None  # characters that the chosen answer is longer
    gap_to: float | None = None
    flags: tuple[str, ...] = ()
    text: str = ""
    regex: bool = False
    sort: str = ""
    descending: bool = False


def pair_frame(pairs: pa.Table) -> pd.DataFrame:
    """Return a file's pairs (``PAIR_SCHEMA``) with the columns that follow."""
    table = pairs.combine_chunks()
    joined = pc.binary_join_element_wise(table["source"], table["target"], "→")
    chosen, rejected = (pc.utf8_length(table[name]) for name in ("chosen", "rejected"))
    columns = {
        **{name: table[name] for name in table.column_names},
        "direction": pc.if_else(pc.equal(joined, "→"), "", joined),
        "margin": margins(table),
        "chosen_length": chosen,
        "length_gap": pc.subtract(chosen, rejected),
        **flags(table),
    }
    return pd.DataFrame({name: _series(column) for name, column in columns.items()})


def _series(column: pa.ChunkedArray) -> object:
    """Return a column as pandas has it: texts as sorted categories."""
    if not pa.types.is_string(column.type):
        return pd.array(column, dtype=pd.ArrowDtype(column.type))
    encoded = column.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(order), dtype=np.int32)
    rank[order.to_numpy()] = np.arange(len(order), dtype=np.int32)
    return pd.Categorical.from_codes(
        rank[encoded.indices.to_numpy()],
        categories=pd.Index(encoded.dictionary.take(order).to_pandas()),
        ordered=True,
    )


def margins(pairs: pa.Table) -> pa.ChunkedArray:
    """Return every pair's margin: the scores' difference, else the one it states."""
    scored = pc.subtract(pairs["chosen_score"], pairs["rejected_score"])
    return pc.coalesce(scored, pairs["given_margin"])


def flags(pairs: pa.Table) -> dict[str, Column]:
    """Return, for each of ``FLAGS``, which pairs have it; unknown is false."""
    margin = margins(pairs)
    chosen, rejected = pairs["chosen_is_right"], pairs["rejected_is_right"]
    wrong = pc.invert(chosen)
    against = pc.or_(
        pc.and_(pc.and_(wrong, rejected), pc.greater(margin, 0)),
        pc.and_(pc.and_(chosen, pc.invert(rejected)), pc.less(margin, 0)),
    )
    found = {
        "wrong_chosen": wrong,
        "zero_gap": pc.equal(margin, 0),
        "language_mismatch": each_distinct(
            lambda language, target: fits_language(language, target) is False,
            pairs["chosen_language"],
            pairs["target"],
            kind=pa.bool_(),
        ),
        "reward_against_correctness": against,
        "near_duplicate": near_duplicates(pairs["chosen"], pairs["rejected"]),
        "length_outlier": length_outliers(pairs["chosen"], pairs["rejected"]),
    }
    return {name: pc.fill_null(mask, False) for name, mask in found.items()}


def matching(frame: pd.DataFrame, wanted: PairFilter) -> Positions:
    """Return the positions of the rows that fit a filter, in its order.

    Raises InputError where ``text`` should be a regular expression and is none.
    """
    mask = np.ones(len(frame), dtype=bool)
    for name in EQUAL:
        if value := getattr(wanted, name):
            mask &= (frame[name] == value).to_numpy()
    for name, column in RANGES.items():
        low, high = getattr(wanted, f"{name}_from"), getattr(wanted, f"{name}_to")
        if low is not None:
            mask &= _known(frame[column] >= low)
        if high is not None:
            mask &= _known(frame[column] <= high)
    for name in wanted.flags:
        mask &= _known(frame[name])
    if wanted.text:
        mask &= _holds(frame, wanted.text, wanted.regex)
    return _ordered(frame, np.flatnonzero(mask), wanted.sort, wanted.descending)


def _known(mask: pd.Series) -> Mask:
    """Return truth values as numpy has them, unknown as false."""
    return np.asarray(mask.fillna(False), dtype=bool)


def _holds(frame: pd.DataFrame, text: str, regex: bool) -> Mask:
    match = pc.match_substring_regex if regex else pc.match_substring
    pattern = _of_any_script(text) if regex else text
    found = np.zeros(len(frame), dtype=bool)
    for name in SEARCHED:
        texts = frame[name].array
        try:
            hits = match(pa.array(texts.categories), pattern, ignore_case=True)
        except pa.ArrowInvalid as error:
            raise InputError(
                "“{text}” is not a regular expression that can be searched for: "
                "{reason}. Mend it, or search for it as plain text.",
                text=text,
                reason=str(error).removeprefix("Invalid regular expression: "),
            ) from error
        found |= hits.to_numpy(zero_copy_only=False)[texts.codes]
    return found


def _of_any_script(pattern: str) -> str:
    """Return a pattern whose \\w takes letters of any script, as RE2's does not.

    Raises InputError for a \\b beside letters that RE2 knows no borders of.
    """
    if _BORDER.search(pattern) and not pattern.isascii():
        raise InputError(
            "In “{text}”, \\b and \\B know the borders of words in letters a to z "
            "only, so other scripts would be missed. Leave them out, or write "
            "(^|\\PL) and (\\PL|$) instead.",
            text=pattern,
        )

    def letters(match: re.Match[str]) -> str:
        if match["class"]:
            return _ESCAPED.sub(
                lambda each: WORD if each[0] == "\\w" else each[0], match[0]
            )
        return {"\\w": f"[{WORD}]", "\\W": f"[^{WORD}]"}.get(match[0], match[0])

    return _PARTS.sub(letters, pattern)


def _ordered(
    frame: pd.DataFrame, rows: Positions, sort: str, descending: bool
) -> Positions:
    """Sort stably; a number that is not known comes last, either way."""
    if not sort:
        return rows[::-1] if descending else rows
    keys = frame[sort].array[rows]
    order: Positions = keys.argsort(
        ascending=not descending, kind="stable", na_position="last"
    )
    return rows[order]


def rows_at(frame: pd.DataFrame, positions: Positions) -> list[dict[str, Any]]:
    """Return rows by position as dictionaries; unknown is None.

    ``flags`` has the names of a row's flags, ``row`` its position.
    """
    table = pa.Table.from_pandas(frame.iloc[positions], preserve_index=False)
    rows: list[dict[str, Any]] = table.to_pylist()
    for row, position in zip(rows, positions.tolist(), strict=True):
        row["row"] = position
        row["flags"] = tuple(name for name in FLAGS if row[name])
    return rows


def choices(frame: pd.DataFrame, column: str) -> dict[str, int]:
    """Return what a column of texts holds and how often, the most frequent first.

    An empty text is no choice.
    """
    counts = frame[column].value_counts().to_dict()
    named = [(text, int(n)) for text, n in counts.items() if text]
    return dict(sorted(named, key=lambda choice: (-choice[1], choice[0])))


def training_pairs(
    frame: pd.DataFrame, margin: float, without: tuple[str, ...] = ()
) -> pa.Table:
    """Return the pairs with at least a margin and none of the flags named.

    ``files.write_pairs`` makes a file of them that the trainer takes.
    """
    mask = _known(frame["margin"] >= margin)
    for name in without:
        mask = mask & ~_known(frame[name])
    kept = frame.loc[mask, PAIR_SCHEMA.names]
    return pa.Table.from_pandas(kept, preserve_index=False).cast(PAIR_SCHEMA)
