"""Which answers of a run are shown, in which order, and where a visitor is among them.

A ``CaseView`` is all that a visitor has chosen, and goes into an address and back; a
``CasePlace`` is an answer within it. Knows no component.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.analysis.slices import slice_mask
from xkde.evaluation.results.compared import Places
from xkde.evaluation.results.rows import (
    GENERATED,
    RIGHT,
    RULES,
    Mask,
    Values,
    values_of,
    where,
)
from xkde.labelling.queue import QueueChoice
from xkde.types import PROBES

VERSUS = ("only_this", "only_other", "both", "neither")
# Who of two runs is right, as Errors names it
SIDE_OF = {
    "only_this": "only_first", "only_other": "only_second", "neither": "both_wrong",
}  # fmt: skip
SPOKEN = ("in_target", "in_source", "copied", "not_in_target")
CLEAN = ("clean", "defects")
EQUAL = ("protocol", "probe", "source", "target", "relation")
SEARCHED = ("subject", "edit", "query", "gold", "answer", "case")
FAILED = "failed"  # of any kind but right
SORTS = (
    "",
    "kind",
    "score",
    "f1",
    "token_accuracy",
    "unchanged",
    "case",
    "target",
    "relation",
)
SIZES = (10, 25, 50, 100)
LONGEST = 200  # characters of a search
# Field -> its name in an address; other tabs have names of their own there.
NAMES = {
    "run": "run", "beside": "beside", "protocol": "protocol", "probe": "probe",
    "source": "source", "target": "target", "relation": "about", "rule": "rule",
    "versus": "versus", "spoken": "spoken", "clean": "defects", "text": "find",
    "sort": "order", "failure": "kind", "slice": "slice",
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
    failure: str = ""  # a kind of ``analysis.kinds``, or FAILED
    slice: str = ""  # the name of a slice of ``analysis.slices``
    sort: str = ""
    descending: bool = False
    page: int = 1
    size: int = 25

    def to_query(self) -> dict[str, str]:
        """Return it as parameters of an address; what is default is left out."""
        query = {its: getattr(self, name) for name, its in NAMES.items()}
        query |= {
            "down": "1" if self.descending else "",
            "leaf": str(self.page) if self.page != CaseView.page else "",
            "rows": str(self.size) if self.size != CaseView.size else "",
        }
        return {name: value for name, value in query.items() if value}

    def address(self) -> str:
        """Return the query string that reopens it."""
        return urlencode({"tab": "benchmarks", "view": "cases", **self.to_query()})

    def queue_address(self) -> str:
        """Return the query string of Errors that draws from the failures shown here.

        Filters that a queue does not have are left out.
        """
        kind = "" if self.failure in (FAILED, Kind.RIGHT) else self.failure
        choice = QueueChoice(
            self.run, self.beside, SIDE_OF.get(self.versus, QueueChoice.side),
            self.protocol or GENERATED, self.probe, self.source, self.target,
            self.relation, kind,
        )  # fmt: skip
        return choice.to_query()

    @staticmethod
    def from_query(parameters: Mapping[str, str]) -> "CaseView":
        """Return what an address states; what cannot be meant falls back to default."""
        chosen = {n: parameters.get(its, "")[:LONGEST] for n, its in NAMES.items()}
        known = {
            "probe": PROBES,
            "rule": ("right", "wrong", *RULES),
            "versus": VERSUS,
            "spoken": SPOKEN,
            "clean": CLEAN,
            "sort": SORTS,
            "failure": (FAILED, *Kind),
        }
        for name, choices in known.items():
            chosen[name] = chosen[name] if chosen[name] in choices else ""
        size = _whole(parameters.get("rows", ""), CaseView.size)
        return CaseView(
            **chosen,
            descending=parameters.get("down") == "1",
            page=max(1, _whole(parameters.get("leaf", ""), 1)),
            size=size if size in SIZES else CaseView.size,
        )


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else default


@dataclass(frozen=True)
class CasePlace:
    """Where a visitor is: ``at`` is an answer's place in the view, from 0."""

    view: CaseView = CaseView()
    at: int = 0

    def address(self) -> str:
        """Return the query string that reopens it."""
        nth = {"nth": self.at + 1} if self.at % self.view.size else {}
        return self.view.address() + ("&" + urlencode(nth) if nth else "")

    @staticmethod
    def from_query(query: Mapping[str, str]) -> "CasePlace":
        """Return the place that an address names."""
        view = CaseView.from_query(query)
        nth = _whole(query.get("nth", ""), (view.page - 1) * view.size + 1)
        return CasePlace(view, max(0, nth - 1))


def filtered(
    rows: pd.DataFrame, view: CaseView, beside: Values | None = None
) -> Places:
    """Return the places of a view's rows in its order.

    ``beside``: the other run's score of each row, needed for ``versus``.
    """
    mask = where(rows, {name: getattr(view, name) for name in EQUAL})
    if view.failure == FAILED:
        mask &= (rows["kind"].notna() & (rows["kind"] != Kind.RIGHT)).to_numpy()
    elif view.failure:
        mask &= where(rows, {"kind": view.failure})
    if view.slice:
        mask &= slice_mask(rows, view.slice)
    if view.rule:
        mask &= _by_rule(rows, view.rule)
    if view.spoken:
        is_not = view.spoken == "not_in_target"
        name, wanted = ("in_target", 0) if is_not else (view.spoken, 1)
        mask &= values_of(rows, name) == wanted
    if view.versus:
        mask &= _versus(values_of(rows, "score"), beside, view.versus)
    if view.text:
        mask &= _with_text(rows, view.text)
    if view.clean:
        mask &= rows["clean"].to_numpy(dtype=bool) == (view.clean == "clean")
    return _ordered(rows, np.flatnonzero(mask), view.sort, view.descending)


def _by_rule(rows: pd.DataFrame, rule: str) -> Mask:
    right: Mask = rows["rule"].isin(RIGHT).to_numpy()
    if rule == "right":
        return right
    if rule == "wrong":
        return ~right & ~where(rows, {"rule": "unmeasured"})
    return where(rows, {"rule": rule})


def _versus(mine: Values, other: Values | None, versus: str) -> Mask:
    if other is None:
        return np.zeros(len(mine), dtype=bool)
    this, that = mine == 1, other == 1
    masks: dict[str, Mask] = {
        "only_this": this & ~that,
        "only_other": that & ~this,
        "both": this & that,
        "neither": ~this & ~that,
    }
    known: Mask = ~np.isnan(mine) & ~np.isnan(other)
    return masks[versus] & known


def _with_text(rows: pd.DataFrame, text: str) -> Mask:
    """Return which rows hold a text, in whatever case; each text is read once."""
    mask: Mask = np.zeros(len(rows), dtype=bool)
    for name in SEARCHED:
        texts = rows[name].cat.categories.to_series()
        has_it = texts.str.contains(text, case=False, regex=False).to_numpy(dtype=bool)
        # The code of no text is -1 and takes the last.
        mask |= np.append(has_it, False)[rows[name].cat.codes]
    return mask


def _ordered(rows: pd.DataFrame, at: Places, sort: str, descending: bool) -> Places:
    """Sort stably; what was not measured comes last, either way."""
    if not sort:
        return at[::-1] if descending else at
    if isinstance(rows[sort].dtype, pd.CategoricalDtype):
        order = rows[sort].cat.categories.argsort()
        ranks = np.empty(len(order) + 1)
        ranks[order] = np.arange(len(order))
        ranks[-1] = np.nan
        keys = ranks[rows[sort].cat.codes]
    else:
        keys = values_of(rows, sort)
    return at[np.argsort(-keys[at] if descending else keys[at], kind="stable")]
