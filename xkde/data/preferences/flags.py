"""What to look at in pairs: flags, each a reason to doubt that a pair teaches well.

A flag is raised only where it is known: a pair without scores has no zero gap, one
without a gold is not wrong. Knows columns of pairs (``view.Table`` has them), no file.

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_flags.py``
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from xkde.data.preferences.answer_language import fits
from xkde.data.preferences.answers import is_length_outlier, is_near_duplicate

Mask = NDArray[np.bool_]

FLAGS: dict[str, str] = {
    "wrong_chosen": "the chosen answer is wrong",
    "zero_gap": "both answers score the same",
    "language_mismatch": "the chosen answer is not in the query's language",
    "reward_against_correctness": "one answer is right, and the other scores higher",
    "near_duplicate": "the two answers are nearly the same",
    "length_outlier": "one answer is over four times, and 40 characters, longer",
}


def margins(pairs: pa.Table) -> pa.Array:
    """Return every pair's margin: the scores' difference, else the one it states."""
    scored = pc.subtract(pairs["chosen_score"], pairs["rejected_score"])
    return pc.coalesce(scored, pairs["given_margin"])


def flags(pairs: pa.Table) -> dict[str, Mask]:
    """Return, for each of ``FLAGS``, which pairs have it."""
    margin = margins(pairs)
    chosen, rejected = pairs["chosen_is_right"], pairs["rejected_is_right"]
    wrong = pc.invert(chosen)
    against = pc.or_(
        pc.and_(pc.and_(wrong, rejected), pc.greater(margin, 0)),
        pc.and_(pc.and_(chosen, pc.invert(rejected)), pc.less(margin, 0)),
    )
    return {
        "wrong_chosen": _mask(wrong),
        "zero_gap": _mask(pc.equal(margin, 0)),
        "language_mismatch": _each(
            pairs["chosen_language"], pairs["target"], lambda a, b: fits(a, b) is False
        ),
        "reward_against_correctness": _mask(against),
        "near_duplicate": _each(pairs["chosen"], pairs["rejected"], is_near_duplicate),
        "length_outlier": _each(pairs["chosen"], pairs["rejected"], is_length_outlier),
    }


def _mask(known: pa.ChunkedArray) -> Mask:
    """Return a column of truth values, where unknown is not true."""
    mask: Mask = pc.fill_null(known, False).to_numpy().astype(bool)
    return mask


def _each(
    one: pa.ChunkedArray, other: pa.ChunkedArray, test: Callable[[str, str], bool]
) -> Mask:
    """Apply a test to two columns of texts, once for each two texts that occur."""
    both = list(zip(one.to_pylist(), other.to_pylist(), strict=True))
    known = {texts: test(*texts) for texts in set(both)}
    return np.fromiter((known[texts] for texts in both), dtype=bool, count=len(both))
