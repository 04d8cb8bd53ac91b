"""What a browser of pairs shows: which of them, in which order, a page at a time.

A ``View`` is all that a visitor has chosen, and goes into the address bar and back. A
``Table`` is built once from a file's pairs and answers any view from columns, in
milliseconds for 100,000 pairs. Knows no component.

Measure it: ``python -m xkde bench preferences``
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from xkde.data.preferences.files import PAIR_SCHEMA
from xkde.data.preferences.flags import FLAGS, Mask, flags, margins
from xkde.errors import InputError

Indices = NDArray[np.int64]
Numbers = NDArray[np.float64]

EQUAL = ("direction", "relation", "chosen_language", "rejected_language")
SEARCHED = ("prompt", "chosen", "rejected", "fact", "id")
# A range of a view -> the numbers that it is of
RANGES = {"score": "chosen_score", "margin": "margin", "gap": "length_gap"}
BOUNDS = tuple(f"{name}_{end}" for name in RANGES for end in ("from", "to"))
NUMBERS = ("margin", "chosen_score", "rejected_score", "chosen_length", "length_gap")
TEXTS = ("direction", "relation", "fact", "prompt", "chosen", "rejected")
SORTS = ("", *NUMBERS, *TEXTS)  # "": as in the file
SIZES = (10, 25, 50, 100)
LONGEST = 500  # characters of a search


@dataclass(frozen=True)
class View:
    """What is shown of a table; empty or None: whatever it is.

    Scores are those of the chosen answer, both ends of a range belong to it, and a
    pair must have all of ``flags``. Pages count from 1.
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
    page: int = 1
    size: int = 25

    def to_query(self) -> dict[str, str]:
        """Return it as parameters of an address; what is default is left out."""
        values = {name: getattr(self, name) for name in (*EQUAL, "text", "sort")}
        values |= {
            name: repr(value)
            for name in BOUNDS
            if (value := getattr(self, name)) is not None
        }
        values |= {
            "direction": self.direction.replace("→", "-"),
            "flags": "-".join(self.flags),
            "regex": "1" if self.regex else "",
            "descending": "1" if self.descending else "",
            "page": str(self.page) if self.page != View.page else "",
            "size": str(self.size) if self.size != View.size else "",
        }
        return {name: value for name, value in values.items() if value}

    @staticmethod
    def from_query(parameters: Mapping[str, str]) -> "View":
        """Return what an address says; what cannot be meant falls back to default."""

        def text(name: str) -> str:
            return parameters.get(name, "")[:LONGEST]

        asked = text("flags").split("-")
        size = int(_number(text("size")) or View.size)
        return View(
            direction=text("direction").replace("-", "→"),
            relation=text("relation"),
            chosen_language=text("chosen_language"),
            rejected_language=text("rejected_language"),
            score_from=_number(text("score_from")),
            score_to=_number(text("score_to")),
            margin_from=_number(text("margin_from")),
            margin_to=_number(text("margin_to")),
            gap_from=_number(text("gap_from")),
            gap_to=_number(text("gap_to")),
            flags=tuple(name for name in FLAGS if name in asked),
            text=text("text"),
            regex=text("regex") == "1",
            sort=text("sort") if text("sort") in SORTS else "",
            descending=text("descending") == "1",
            page=max(1, int(_number(text("page")) or 1)),
            size=size if size in SIZES else View.size,
        )


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class Page:
    """One page: its rows, and of how many pairs on how many pages.

    A row is a pair's fields with its ``margin``, ``direction`` and ``flags`` (names),
    and ``row``, its place in the table.
    """

    rows: list[dict[str, Any]]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class Table:
    """Pairs as columns to filter and sort by; built by ``table_of``.

    Texts are held once each: ``values`` has a column's texts, ``codes`` which of them
    each row has. So a search reads a prompt once, however many pairs it has.
    """

    pairs: pa.Table
    flags: dict[str, Mask]
    numbers: dict[str, Numbers]
    values: dict[str, pa.Array]
    codes: dict[str, NDArray[np.int32]]
    ranks: dict[str, Numbers] = field(default_factory=dict)  # filled when first sorted

    def filtered(self, view: View) -> Indices:
        """Return the rows of a view in its order; raises InputError for a bad regex."""
        mask = np.ones(self.pairs.num_rows, dtype=bool)
        for name in EQUAL:
            if wanted := getattr(view, name):
                code = pc.index(self.values[name], wanted).as_py()  # -1: nowhere
                mask &= self.codes[name] == code
        for name, column in RANGES.items():
            low, high = getattr(view, f"{name}_from"), getattr(view, f"{name}_to")
            if low is not None:
                mask &= self.numbers[column] >= low
            if high is not None:
                mask &= self.numbers[column] <= high
        for name in view.flags:
            mask &= self.flags[name]
        if view.text:
            mask &= self._found(view.text, view.regex)
        return self._ordered(np.flatnonzero(mask), view.sort, view.descending)

    def page(self, view: View) -> Page:
        """Return a view's page; one beyond the last is the last."""
        rows = self.filtered(view)
        pages = max(1, math.ceil(len(rows) / view.size))
        number = min(max(1, view.page), pages)
        shown = rows[(number - 1) * view.size : number * view.size]
        return Page(self.rows(shown), len(rows), number, pages)

    def rows(self, indices: Indices) -> list[dict[str, Any]]:
        """Return rows by their places in the table."""
        found: list[dict[str, Any]] = self.pairs.take(pa.array(indices)).to_pylist()
        margin = self.numbers["margin"]
        for row, index in zip(found, indices.tolist(), strict=True):
            known = not np.isnan(margin[index])
            row["row"] = index
            row["margin"] = float(margin[index]) if known else None
            code = self.codes["direction"][index]
            row["direction"] = self.values["direction"][int(code)].as_py()
            row["flags"] = tuple(n for n, mask in self.flags.items() if mask[index])
        return found

    def choices(self, name: str) -> dict[str, int]:
        """Return what a column of texts holds and how often, the most frequent first.

        For the columns of ``EQUAL``; an empty text is no choice.
        """
        counts = np.bincount(self.codes[name], minlength=len(self.values[name]))
        named = zip(self.values[name].to_pylist(), counts.tolist(), strict=True)
        return dict(sorted((v for v in named if v[0]), key=lambda v: (-v[1], v[0])))

    def _found(self, text: str, regex: bool) -> Mask:
        match = pc.match_substring_regex if regex else pc.match_substring
        found = np.zeros(self.pairs.num_rows, dtype=bool)
        for name in SEARCHED:
            try:
                hits = match(self.values[name], text, ignore_case=True)
            except pa.ArrowInvalid as error:
                raise InputError(
                    "“{text}” is not a regular expression that can be searched for: "
                    "{reason}. Mend it, or search for it as plain text.",
                    text=text,
                    reason=str(error).removeprefix("Invalid regular expression: "),
                ) from error
            found |= hits.to_numpy(zero_copy_only=False)[self.codes[name]]
        return found

    def _ordered(self, rows: Indices, sort: str, descending: bool) -> Indices:
        """Sort stably; a number that is not known comes last, either way."""
        if not sort:
            return rows[::-1] if descending else rows
        keys = self.numbers[sort] if sort in NUMBERS else self._rank(sort)
        chosen = -keys[rows] if descending else keys[rows]
        return rows[np.argsort(chosen, kind="stable")]

    def _rank(self, name: str) -> Numbers:
        if name not in self.ranks:
            order = pc.sort_indices(self.values[name]).to_numpy()
            rank = np.empty(len(order))
            rank[order] = np.arange(len(order))
            self.ranks[name] = rank[self.codes[name]]
        return self.ranks[name]


def table_of(pairs: pa.Table) -> Table:
    """Build a table from a file's pairs (columns of ``files.PAIR_SCHEMA``)."""
    whole = pairs.combine_chunks()
    joined = pc.binary_join_element_wise(whole["source"], whole["target"], "→")
    texts = {
        name: whole[name]
        for name in (*EQUAL, *SEARCHED, *TEXTS)
        if name in PAIR_SCHEMA.names
    }
    texts["direction"] = pc.if_else(pc.equal(joined, "→"), "", joined)
    encoded = {
        name: column.combine_chunks().dictionary_encode()
        for name, column in texts.items()
    }
    chosen, rejected = (pc.utf8_length(whole[name]) for name in ("chosen", "rejected"))
    numbers = {
        "margin": margins(whole),
        "chosen_score": whole["chosen_score"],
        "rejected_score": whole["rejected_score"],
        "chosen_length": chosen,
        "length_gap": pc.subtract(chosen, rejected),
    }
    return Table(
        whole,
        flags(whole),
        {n: c.cast(pa.float64()).to_numpy() for n, c in numbers.items()},
        {name: column.dictionary for name, column in encoded.items()},
        {name: column.indices.to_numpy() for name, column in encoded.items()},
    )


def selected(table: Table, margin: float, without: tuple[str, ...] = ()) -> pa.Table:
    """Return the pairs with at least a margin and none of the flags named.

    ``files.write_pairs`` makes a file of them that the trainer takes.
    """
    mask = table.numbers["margin"] >= margin
    for name in without:
        mask &= ~table.flags[name]
    return table.pairs.filter(pa.array(mask))
