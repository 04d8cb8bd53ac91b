"""Which answers of a run are shown, in which order, and why each is right or not.

A ``CaseView`` is all that a visitor has chosen, and goes into an address and back. The
*rule* of an answer is the strictest sense in which it is right. Knows no component.

Run its tests: ``python -m pytest tests/xkde/evaluation/results/test_case_view.py``
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
from numpy.typing import NDArray

from xkde.evaluation.results.columns import Mask, Rows, Values
from xkde.types import PROBES

Places = NDArray[np.int64]

# Strictest first; the last three are the teacher-forced ones.
RULES = (
    "exact", "alias", "year", "contains", "part", "none", "all_tokens", "some_tokens",
    "no_token", "unmeasured",
)  # fmt: skip
RIGHT = ("exact", "all_tokens")
_STEPS = ("exact", "alias", "lenient", "contains")  # columns of the first four rules
VERSUS = ("only_this", "only_other", "both", "neither")
SPOKEN = ("in_target", "in_source", "copied", "not_in_target")
CLEAN = ("clean", "defects")
EQUAL = ("protocol", "probe", "source", "target", "relation")
SEARCHED = ("subject", "edit", "query", "gold", "answer", "case")
SORTS = ("", "score", "f1", "token_accuracy", "unchanged", "case", "target", "relation")
SIZES = (10, 25, 50, 100)
LONGEST = 200  # characters of a search
# Field -> its name in an address; other tabs have names of their own there.
NAMES = {
    "run": "run", "beside": "beside", "protocol": "protocol", "probe": "probe",
    "source": "source", "target": "target", "relation": "about", "rule": "rule",
    "versus": "versus", "spoken": "spoken", "clean": "defects", "text": "find",
    "sort": "order",
}  # fmt: skip


@dataclass(frozen=True)
class CaseView:
    """What is shown of a run; empty: whatever it is. Pages count from 1."""

    run: str = ""
    beside: str = ""  # the run whose answers stand next to it
    protocol: str = ""
    probe: str = ""
    source: str = ""
    target: str = ""
    relation: str = ""
    rule: str = ""  # one of RULES, or "right", "wrong"
    versus: str = ""
    spoken: str = ""
    clean: str = ""
    text: str = ""
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = 25

    def to_query(self) -> dict[str, str]:
        """Return it as parameters of an address; what is default is left out."""
        found = {its: getattr(self, name) for name, its in NAMES.items()}
        found |= {
            "down": "1" if self.descending else "",
            "leaf": str(self.page) if self.page != CaseView.page else "",
            "rows": str(self.size) if self.size != CaseView.size else "",
        }
        return {name: value for name, value in found.items() if value}

    @staticmethod
    def from_query(parameters: Mapping[str, str]) -> "CaseView":
        """Return what an address says; what cannot be meant falls back to default."""
        told = {n: parameters.get(its, "")[:LONGEST] for n, its in NAMES.items()}
        known = {
            "probe": PROBES,
            "rule": ("right", "wrong", *RULES),
            "versus": VERSUS,
            "spoken": SPOKEN,
            "clean": CLEAN,
            "sort": SORTS,
        }
        for name, choices in known.items():
            told[name] = told[name] if told[name] in choices else ""
        size = _whole(parameters.get("rows", ""), CaseView.size)
        return CaseView(
            **told,
            descending=parameters.get("down") == "1",
            page=max(1, _whole(parameters.get("leaf", ""), 1)),
            size=size if size in SIZES else CaseView.size,
        )


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else default


def rules_of(rows: Rows) -> NDArray[np.int8]:
    """Return for each row which of ``RULES`` decided."""
    forced = rows.where({"protocol": "teacher-forced"})
    share = rows.measures["token_accuracy"]
    conditions = [
        np.isnan(np.where(forced, share, rows.measures["exact"])),
        *(rows.measures[name] == 1 for name in _STEPS),
        ~forced & (rows.measures["f1"] > 0),
        ~forced,
        share == 1,
        share > 0,
    ]
    order = [RULES.index("unmeasured"), *range(8)]
    found = np.select(conditions, order, RULES.index("no_token"))
    return found.astype(np.int8)


def filtered(rows: Rows, view: CaseView, beside: Values | None = None) -> Places:
    """Return the rows of a view in its order.

    ``beside``: the other run's score of each row, needed for ``versus``.
    """
    mask = rows.where({name: getattr(view, name) for name in EQUAL})
    for keep in (
        _ruled(rows, view.rule),
        _spoken(rows, view.spoken),
        _versus(rows.score, beside, view.versus),
        _found(rows, view.text),
        None if not view.clean else rows.clean == (view.clean == "clean"),
    ):
        if keep is not None:
            mask &= keep
    return _ordered(rows, np.flatnonzero(mask), view.sort, view.descending)


def _ruled(rows: Rows, rule: str) -> Mask | None:
    if not rule:
        return None
    found = rules_of(rows)
    right = np.isin(found, [RULES.index(name) for name in RIGHT])
    if rule == "right":
        return right
    if rule == "wrong":
        return ~right & (found != RULES.index("unmeasured"))
    return found == RULES.index(rule)


def _spoken(rows: Rows, spoken: str) -> Mask | None:
    if not spoken:
        return None
    name, wanted = ("in_target", 0) if spoken == "not_in_target" else (spoken, 1)
    return rows.measures[name] == wanted


def _versus(mine: Values, other: Values | None, versus: str) -> Mask | None:
    if not versus:
        return None
    if other is None:
        return np.zeros(len(mine), dtype=bool)
    this, that = mine == 1, other == 1
    known = ~np.isnan(mine) & ~np.isnan(other)
    return (
        known
        & {
            "only_this": this & ~that,
            "only_other": that & ~this,
            "both": this & that,
            "neither": ~this & ~that,
        }[versus]
    )


def _found(rows: Rows, text: str) -> Mask | None:
    if not text:
        return None
    found = np.zeros(len(rows), dtype=bool)
    for name in SEARCHED:
        texts = pa.array(rows.values[name], pa.string())
        hits = pc.match_substring(texts, text, ignore_case=True)
        there = np.append(hits.to_numpy(zero_copy_only=False), False)
        found |= there[rows.codes[name]]  # -1, no text, takes the last
    return found


def _ordered(rows: Rows, at: Places, sort: str, descending: bool) -> Places:
    """Sort stably; what was not measured comes last, either way."""
    if not sort:
        return at[::-1] if descending else at
    keys = rows.measures.get(sort)
    if sort == "score":
        keys = rows.score
    if keys is None:
        keys = _rank(rows, sort)
    chosen = -keys[at] if descending else keys[at]
    return at[np.argsort(chosen, kind="stable")]


def _rank(rows: Rows, name: str) -> Values:
    if name not in rows.ranks:
        order = np.argsort(np.array(rows.values[name], dtype=str), kind="stable")
        rank = np.empty(len(order) + 1)
        rank[order] = np.arange(len(order))
        rank[-1] = np.nan
        rows.ranks[name] = rank[rows.codes[name]]
    return rows.ranks[name]


def taken(rows: Rows, places: Places) -> list[dict[str, Any]]:
    """Return rows as dictionaries, with their ``rule``."""
    found: list[dict[str, Any]] = rows.table.take(pa.array(places)).to_pylist()
    rules = rules_of(rows)[places]
    for row, rule in zip(found, rules.tolist(), strict=True):
        row["rule"] = RULES[rule]
    return found


def columns(rows: Rows, places: Places) -> pa.Table:
    """Return rows as a table of plain columns, for files."""
    part = rows.table.take(pa.array(places))
    plain = [
        pa.field(f.name, f.type.value_type) if pa.types.is_dictionary(f.type) else f
        for f in part.schema
    ]
    rules = np.array(RULES)[rules_of(rows)[places]]
    return part.cast(pa.schema(plain)).append_column("rule", pa.array(rules))
