"""What ``answers`` tells of texts, for whole columns: every different text once."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xkde.data.preferences.answers import (
    CHARACTERS_PER_TYPO,
    LONGER_BY,
    LONGER_TIMES,
    MOST_TYPOS,
    evidence,
    is_near_duplicate,
    language_by,
)
from xkde.text import normalise

Column: TypeAlias = pa.Array | pa.ChunkedArray  # of texts, none of them null


def each_distinct(
    function: Callable[..., object], *columns: Column, kind: pa.DataType | None = None
) -> pa.Array:
    """Apply a function to columns of texts, once for all rows that are the same."""
    whole = [
        c.combine_chunks() if isinstance(c, pa.ChunkedArray) else c for c in columns
    ]
    encoded = [column.dictionary_encode() for column in whole]
    keys = np.zeros(len(whole[0]), dtype=np.int64)
    for column in encoded:
        keys = keys * len(column.dictionary) + column.indices.to_numpy()
    distinct = pa.array(keys).dictionary_encode()
    row = np.zeros(len(distinct.dictionary), dtype=np.int64)
    row[distinct.indices.to_numpy()] = np.arange(len(keys))  # any of its rows
    values = [column.take(pa.array(row)).to_pylist() for column in whole]
    results = [function(*each) for each in zip(*values, strict=True)]
    return pa.array(results, kind or pa.string()).take(distinct.indices)


def answer_languages(texts: Column, targets: Column, sources: Column) -> pa.Array:
    """Return ``answer_language`` of every row."""
    return each_distinct(language_by, each_distinct(evidence, texts), targets, sources)


def near_duplicates(one: Column, other: Column) -> pa.Array:
    """Tell of every row whether its answers are the same, or nearly.

    Lengths decide most rows; the others go one by one.
    """
    first, second = (each_distinct(normalise, column) for column in (one, other))
    lengths = [pc.utf8_length(column).to_numpy() for column in (first, second)]
    found = pc.equal(first, second).to_numpy(zero_copy_only=False).copy()
    typos = np.minimum(np.maximum(*lengths) // CHARACTERS_PER_TYPO, MOST_TYPOS)
    alike = (typos > 0) & (np.abs(np.subtract(*lengths)) <= typos)
    rows = np.flatnonzero(~found & alike)
    texts = (column.take(pa.array(rows)).to_pylist() for column in (first, second))
    found[rows] = [is_near_duplicate(a, b) for a, b in zip(*texts, strict=True)]
    return pa.array(found)


def length_outliers(one: Column, other: Column) -> pa.Array:
    """Tell of every row whether one answer is over four times, and by 40, longer."""
    lengths = [np.asarray(pc.utf8_length(column)) for column in (one, other)]
    short, long = np.minimum(*lengths), np.maximum(*lengths)
    return pa.array((long > LONGER_TIMES * short) & (long - short > LONGER_BY))
