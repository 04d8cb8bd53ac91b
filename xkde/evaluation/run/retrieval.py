"""Whether a query finds its edit: hits by language pair, false triggers, a threshold.

A memory holds the edits of a split's cases in one language; their queries are asked in
every language. A query in scope (reliability, generality, portability) hits if its edit
is among the first; a locality question triggers falsely if any edit reaches the
threshold, but for an edit of the very fact that it asks for: that one is left out, as
if it were not in the memory. Threshold and lexical weight are chosen on the dev split.

Run it: ``python -m xkde retrieval``
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.questions import recognise
from xkde.data.atlas.records import Split, World
from xkde.data.atlas.world import atlas
from xkde.evaluation.results.statistics import share_over_edits
from xkde.memory.index import CachedEncoder, Encoder, build_index
from xkde.memory.retrieval import all_scores
from xkde.text import Json
from xkde.types import Case, Probe, Query

IN_SCOPE: tuple[Probe, ...] = ("reliability", "generality", "portability")
WEIGHTS = (0.0, 0.1, 0.2, 0.3, 0.5)
PROTOCOL = (
    "Atlas, split test, seed 7; threshold and weight chosen on split dev; locality "
    "questions with an edit of the very fact they ask left out; 95 % intervals by edit"
)
NOWHERE = -np.inf  # the score of an edit that is left out

Scores = NDArray[np.float32]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class RetrievalQuery:
    """One query: its case's number in the memory, or -1 if no edit of it applies."""

    query: Query
    probe: Probe
    right: int
    left_out: tuple[int, ...] = ()
    case: str = ""


@dataclass(frozen=True)
class ScoreTable:
    """A memory in one language against all queries; scores are (queries, edits)."""

    source: str
    asked: tuple[RetrievalQuery, ...]
    dense: Scores
    lexical: Scores

    def scores(self, weight: float) -> Scores:
        """Return what retrieval sorts by; what is left out reaches no threshold."""
        joined = self.dense + weight * self.lexical
        for row, asked in enumerate(self.asked):
            if asked.left_out:
                joined[row, list(asked.left_out)] = NOWHERE
        return joined


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one query: where its edit came (0: first), and the best score."""

    source: str
    target: str
    probe: Probe
    rank: int  # of the right edit; -1 where there is none
    best: float
    is_right_best: bool
    case: str = ""  # queries of one case are about one edit


def tables(
    cases: Sequence[Case],
    encoder: Encoder,
    world: World,
    *,
    sources: Sequence[str],
    targets: Sequence[str],
    size: int = 0,
    on_progress: Progress | None = None,
) -> Iterator[ScoreTable]:
    """Yield the scores of memories of ``size`` edits (0: all cases) in each source."""
    step = size or len(cases)
    groups = [cases[i : i + step] for i in range(0, len(cases), step)]
    # Each query is asked of a memory in every language, so all vectors are kept.
    cached = CachedEncoder(encoder, capacity=10**9)
    for done, source in enumerate(sources, 1):
        for group in groups:
            index = build_index([case.edits[source] for case in group], cached)
            asked = tuple(_asked(group, world, targets))
            dense, lexical = all_scores(index, [each.query for each in asked])
            yield ScoreTable(source, asked, dense, lexical)
        if on_progress is not None:
            on_progress(done, len(sources))


def _asked(
    cases: Sequence[Case], world: World, targets: Sequence[str]
) -> Iterator[RetrievalQuery]:
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, case in enumerate(cases):
        places[case.subject_id, case.relation].append(place)
    for place, case in enumerate(cases):
        for probe in IN_SCOPE:
            for target in targets:
                if probe in case.probes:
                    text = case.probes[probe][target].question
                    query = Query(text, target)
                    yield RetrievalQuery(query, probe, place, case=case.id)
        for target in targets:
            text = case.probes["locality"][target].question
            fact = recognise(world, text, target)
            left_out = tuple(places.get(fact, ())) if fact else ()
            query = Query(text, target)
            yield RetrievalQuery(query, "locality", -1, left_out, case.id)


def outcomes(table: ScoreTable, weight: float) -> list[Outcome]:
    """Return what becomes of each query of a table at a weight."""
    scores = table.scores(weight)
    best = scores.max(axis=1)
    found = []
    for row, asked in enumerate(table.asked):
        rank, own = -1, NOWHERE
        if asked.right >= 0:
            own = scores[row, asked.right]
            # Of equal scores the later edit comes first, as in ``retrieve``.
            later = (scores[row, asked.right + 1 :] == own).sum()
            rank = int((scores[row] > own).sum() + later)
        found.append(
            Outcome(
                source=table.source,
                target=asked.query.language,
                probe=asked.probe,
                rank=rank,
                best=float(best[row]),
                is_right_best=rank == 0,
                case=asked.case,
            )
        )
    return found


@dataclass(frozen=True)
class ThresholdChoice:
    """A weight and a threshold, and what they reach on the cases they were chosen on.

    ``gain`` is the share of queries in scope that find their edit first and above the
    threshold, minus the share of locality questions that find any.
    """

    weight: float
    threshold: float
    gain: float


def choose(
    found: Iterable[ScoreTable], weights: Sequence[float] = WEIGHTS
) -> tuple[ThresholdChoice, ...]:
    """Return the best threshold for each weight, the best of all first.

    Tables are large: they are read one after another.
    """
    by_weight: dict[float, list[Outcome]] = {weight: [] for weight in weights}
    for table in found:
        for weight, results in by_weight.items():
            results += outcomes(table, weight)
    choices = [best_threshold(each, weight) for weight, each in by_weight.items()]
    return tuple(sorted(choices, key=lambda choice: -choice.gain))


def best_threshold(found: Sequence[Outcome], weight: float) -> ThresholdChoice:
    """Return the threshold of the largest gain: the middle of the best gap."""
    right = np.sort([o.best for o in found if o.is_right_best])
    false = np.sort([o.best for o in found if o.probe == "locality"])
    in_scope = sum(o.probe != "locality" for o in found)
    every = np.unique(np.concatenate([right, false]))
    every = every[np.isfinite(every)]
    if not len(every):
        return ThresholdChoice(weight, 0.0, 0.0)
    # At a threshold t, all that is at or above it passes.
    hits = (len(right) - np.searchsorted(right, every)) / max(in_scope, 1)
    wrong = (len(false) - np.searchsorted(false, every)) / max(len(false), 1)
    gains = hits - wrong
    at = int(gains.argmax())
    below = every[at - 1] if at else every[at]
    return ThresholdChoice(weight, float(every[at] + below) / 2, float(gains[at]))


def summary(found: Sequence[Outcome], threshold: float) -> Json:
    """Return hit@1, hit@3, what is found above the threshold, and false triggers.

    Each with its 95 % interval over edits.
    """
    in_scope = [o for o in found if o.probe != "locality"]
    locality = [o for o in found if o.probe == "locality"]
    happened: dict[str, tuple[list[Outcome], Callable[[Outcome], bool]]] = {
        "hit@1": (in_scope, lambda o: o.rank == 0),
        "hit@3": (in_scope, lambda o: o.rank < 3),
        "found": (in_scope, lambda o: o.rank == 0 and o.best >= threshold),
        "false_trigger": (locality, lambda o: o.best >= threshold),
    }
    return {
        name: share_over_edits([did(o) for o in asked], [o.case for o in asked])
        for name, (asked, did) in happened.items()
    }


def by(
    found: Sequence[Outcome],
    threshold: float,
    key: Callable[[Outcome], tuple[str, ...]],
) -> dict[tuple[str, ...], Json]:
    """Return the same for each group of queries, such as a pair of languages."""
    groups: dict[tuple[str, ...], list[Outcome]] = defaultdict(list)
    for outcome in found:
        groups[key(outcome)].append(outcome)
    return {name: summary(group, threshold) for name, group in groups.items()}


def measure_retrieval(
    encoder: Encoder,
    sources: Sequence[str],
    targets: Sequence[str],
    *,
    limit: int = 0,
    size: int = 0,
    progress: Callable[[str], Progress | None] = lambda _: None,
) -> dict[str, object]:
    """Choose threshold and weight on Atlas's dev split, measure on its test split.

    ``limit`` counts cases of each split and ``size`` edits of a memory; 0: all.
    """
    world = atlas()

    def tables_of(split: Split) -> Iterator[ScoreTable]:
        return tables(
            atlas_cases(world, split, limit),
            encoder,
            world,
            sources=sources,
            targets=targets,
            size=size,
            on_progress=progress(f"{split}: languages of edits"),
        )

    choices = choose(tables_of("dev"))
    chosen = choices[0]
    results: list[Outcome] = []
    most = 0
    for table in tables_of("test"):
        results += outcomes(table, chosen.weight)
        most = max(most, table.dense.shape[1])
    pairs = by(results, chosen.threshold, lambda o: (o.source, o.target))
    probes = by(results, chosen.threshold, lambda o: (o.probe,))
    return {
        "encoder": Path(encoder.name).name,
        "weight": chosen.weight,
        "threshold": chosen.threshold,
        "dev_gain": chosen.gain,
        "choices": [vars(choice) for choice in choices],
        "edits": most,
        "queries": len(results),
        "overall": summary(results, chosen.threshold),
        "probes": {name: shares for (name,), shares in probes.items()},
        "pairs": [{"source": a, "target": b} | each for (a, b), each in pairs.items()],
        "protocol": PROTOCOL,
    }
