"""Which failures are labelled: of one run or of two, filtered, drawn with a seed.

A balanced draw takes next the failure whose kind, language, relation and edit were
drawn least so far; ties are broken by the seed. It shows every sort of failure, and its
shares are not those of the run: for these, draw without balance.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from urllib.parse import urlencode

import numpy as np
import pandas as pd

from xkde.errors import DataError
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.results.compared import Places, matched
from xkde.evaluation.results.local_runs import LocalRun, opened, run_of
from xkde.evaluation.results.rows import (
    GENERATED,
    KEY,
    PROTOCOLS,
    SCORE,
    Mask,
    records_of,
    values_of,
    where,
)
from xkde.labelling.glosses import glosses
from xkde.labelling.records import FailedCase
from xkde.types import PROBES

# Which failures: all of a run, or those that two runs tell apart
SIDES = ("failed", "only_first", "only_second", "both_wrong")
BALANCED = ("kind", "target", "relation", "case")
MOST = 500  # cases drawn
FILTERS = ("protocol", "probe", "source", "target", "relation", "kind")
LONGEST = 200  # characters of a value in an address


@dataclass(frozen=True)
class QueueChoice:
    """What is drawn. Empty filters are any; ``beside`` is a run's key, or empty."""

    run: str = ""
    beside: str = ""
    side: str = "failed"
    protocol: str = GENERATED
    probe: str = ""
    source: str = ""
    target: str = ""
    relation: str = ""
    kind: str = ""
    balanced: bool = True
    count: int = 80
    seed: int = 1

    def to_query(self) -> str:
        """Return the address's query that draws the same again."""
        usual = QueueChoice()
        changed = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if getattr(self, each.name) != getattr(usual, each.name)
        }
        if "balanced" in changed:
            changed["balanced"] = "no"
        return urlencode({"tab": "errors", **changed})

    @staticmethod
    def from_query(query: Mapping[str, str]) -> "QueueChoice":
        """Return what an address asks for; what cannot be meant is left out."""
        texts = {name: query.get(name, "")[:LONGEST] for name in ("run", "beside")}
        known = {"side": SIDES, "probe": PROBES, "kind": tuple(map(str, Kind))}
        for name in ("source", "target", "relation"):
            texts[name] = query.get(name, "")[:LONGEST]
        for name, values in known.items():
            value = query.get(name, "")
            texts[name] = value if value in values else getattr(QueueChoice, name)
        protocol = query.get("protocol", GENERATED)
        return QueueChoice(
            **texts,
            protocol=protocol if protocol in ("", *PROTOCOLS) else GENERATED,
            balanced=query.get("balanced") != "no",
            count=min(MOST, _whole(query.get("count", ""), QueueChoice.count)),
            seed=_whole(query.get("seed", ""), QueueChoice.seed),
        )


def _whole(text: str, usual: int) -> int:
    return int(text) if text.isdecimal() and 0 < len(text) < 9 and int(text) else usual


@dataclass(frozen=True)
class DrawnQueue:
    """The cases that were drawn, and of how many."""

    cases: tuple[FailedCase, ...]
    matching: int
    edits: int  # that the matching ones are about


def draw(choice: QueueChoice) -> DrawnQueue:
    """Draw cases; raises DataError in words where there is nothing to draw."""
    first, second, side = choice.run, choice.beside, choice.side
    if side == "only_first":  # the wrong answer is the second run's
        first, second, side = second, first, "only_second"
    if side != "failed" and not (first and second):
        raise DataError("That takes two runs: choose the other one beside it.")
    run = run_of(first)
    rows = opened(run, kinds=True)
    beside = opened(other := run_of(second), kinds=True) if second else None
    twins = None
    if beside is not None:
        twins = matched(rows, beside, other.about.get("editor") == "none")
    mask = _wanted(rows, run, choice) & _on_side(rows, beside, twins, side)
    places = np.flatnonzero(mask)
    if not len(places):
        raise DataError(
            "No failure matches. Take a filter away, or choose another run."
        )
    groups = [rows[name].cat.codes.to_numpy()[places] for name in BALANCED]
    chosen = places[drawn(groups, choice.count, choice.seed, choice.balanced)]
    name = run_name(other) if second else ""
    its = twins[chosen] if twins is not None else None
    cases = cases_of(rows, chosen, beside, its, name)
    return DrawnQueue(cases, len(places), int(rows["case"].iloc[places].nunique()))


def run_name(run: LocalRun) -> str:
    """Return what a run is called: its checkpoint and its editor."""
    return f"{run.about['checkpoint']} · {run.about['editor']}"


def drawn(groups: list[Places], count: int, seed: int, balanced: bool) -> Places:
    """Return the places that are drawn of ``groups``, codes of (rows,) each."""
    order = np.random.default_rng(seed).permutation(len(groups[0]))
    count = min(count, MOST, len(order))
    if not balanced:
        return order[:count]
    codes = [group[order] for group in groups]
    cost = np.zeros(len(order))  # how often what a row has was drawn
    chosen = np.empty(count, dtype=np.int64)
    for number in range(count):
        at = int(np.argmin(cost))
        chosen[number] = at
        cost[at] = np.inf
        for group in codes:
            cost[group == group[at]] += 1
    return order[chosen]


def _wanted(rows: pd.DataFrame, run: LocalRun, choice: QueueChoice) -> Mask:
    """Return which rows are failures that the filters leave."""
    if not rows["kind"].notna().any():
        raise DataError(
            "The run “{name}” has no answers: nothing can be labelled. Choose another "
            "one.",
            name=run.key,
        )
    known = rows["kind"].notna().to_numpy() & rows["answer"].notna().to_numpy()
    wrong: Mask = known & ~where(rows, {"kind": str(Kind.RIGHT)})
    return wrong & where(rows, {name: getattr(choice, name) for name in FILTERS})


def _on_side(
    rows: pd.DataFrame, beside: pd.DataFrame | None, twins: Places | None, side: str
) -> Mask:
    if side == "failed" or beside is None or twins is None:
        return np.ones(len(rows), dtype=bool)
    other = np.where(twins >= 0, values_of(beside, SCORE)[twins], np.nan)
    right: Mask = other == 1
    wrong: Mask = ~right & ~np.isnan(other)
    return right if side == "only_second" else wrong


def cases_of(
    rows: pd.DataFrame,
    places: Places,
    beside: pd.DataFrame | None = None,
    twins: Places | None = None,
    name: str = "",
) -> tuple[FailedCase, ...]:
    """Return rows as cases; ``twins`` are the places of their questions in ``beside``.

    ``name`` is what the run beside is called.
    """
    records = records_of(rows.iloc[places])
    others: list[dict[str, object] | None] = [None] * len(records)
    if beside is not None and twins is not None:
        others = [records_of(beside.iloc[[at]])[0] if at >= 0 else None for at in twins]
    said = {str(each["answer"]) for each in [*records, *filter(None, others)]}
    said |= {str(each["base_answer"]) for each in records if each["base_answer"]}
    known = glosses(rows, said | {str(each["gold"]) for each in records})
    return tuple(
        _case(record, other, name, known)
        for record, other in zip(records, others, strict=True)
    )


def _case(
    row: dict[str, object],
    other: dict[str, object] | None,
    name: str,
    known: Mapping[str, Mapping[str, str]],
) -> FailedCase:
    def text(key: str) -> str:
        return str(row[key] or "")

    base = row["base_answer"]
    its = str(other["answer"]) if other and other["answer"] is not None else None
    texts = [text("answer"), text("gold"), str(base or ""), its or ""]
    same = (
        "run", "benchmark", "case", "probe", "relation", "source", "target", "protocol",
        "edit", "query", "gold", "answer", "kind", "evidence", "editor", "checkpoint",
        "revision", "wrapper", "date",
    )  # fmt: skip
    return FailedCase(
        id=_id_of(row),
        question=int(text("question") or 0),
        base_answer=None if base is None else str(base),
        beside=name if other else "",
        beside_answer=its,
        beside_kind=str(other["kind"] or "") if other else "",
        glosses={each: known[each] for each in texts if each in known},
        **{key: text(key) for key in same},
    )


def _id_of(row: Mapping[str, object]) -> str:
    """Return what tells an answer from all others, in whatever file it stands."""
    parts = [str(row[name]) for name in ("run", *KEY)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
