"""The stages compared: which answers changed, for better or worse, in what language.

The paper's Tables 4 and 6 in miniature: several checkpoints answer the same questions
about Atlas's held-out subjects, so that every difference is a paired one. Protocol
``generated``, exact match. Run it: ``python -m xkde atlas table --stages``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from xkde.evaluation.results.atlas_table import Engine, Progress, answers, items
from xkde.evaluation.results.statistics import holm, mcnemar, paired_bootstrap
from xkde.evaluation.scoring.answers import in_language
from xkde.evaluation.scoring.metrics import exact_match, wilson_interval
from xkde.types import PROBES, Case

WRONG_LANGUAGE = "wrong_language"
MEASURES = (*PROBES, WRONG_LANGUAGE)

# measure -> yes or no for each question, in one order for every checkpoint
Marks = Mapping[str, tuple[bool, ...]]


@dataclass(frozen=True)
class Comparison:
    """How a checkpoint differs from another on one measure, question by question.

    ``p`` is McNemar's, corrected by Holm for all measures of the two.
    """

    measure: str
    difference: float
    low: float
    high: float
    only_first: int
    only_second: int
    p: float


def marks(
    engine: Engine,
    cases: Sequence[Case],
    source: str,
    targets: Sequence[str],
    on_progress: Progress | None = None,
) -> Marks:
    """Ask every probe with the edit in the prompt; mark each answer.

    Wrong language: the answer is a name, or in a script, of another language than the
    query's. What no letter tells, such as a number, counts as not wrong.
    """
    asked = list(items(cases, source, targets, edited=True))
    told = answers(engine, [item.prompt for item in asked], on_progress)
    by_id = {case.id: case for case in cases}
    found: dict[str, list[bool]] = {measure: [] for measure in MEASURES}
    for item, answer in zip(asked, told, strict=True):
        probe = by_id[item.case].probes[item.measure]  # type: ignore[index]
        names = {code: asked_in.answer for code, asked_in in probe.items()}
        spoken = in_language(answer, item.target, source, names)
        found[item.measure].append(exact_match(answer, item.gold))
        found[WRONG_LANGUAGE].append(spoken is False)
    return {measure: tuple(values) for measure, values in found.items()}


def compare(first: Marks, second: Marks) -> list[Comparison]:
    """Return first minus second for every measure that was asked for, tested."""
    tests = {m: mcnemar(first[m], second[m]) for m in MEASURES if first[m]}
    corrected = holm([test.p for test in tests.values()])
    made = []
    for (measure, test), p in zip(tests.items(), corrected, strict=True):
        shift = paired_bootstrap(first[measure], second[measure])
        made.append(
            Comparison(
                measure,
                shift.value,
                shift.low,
                shift.high,
                test.only_first,
                test.only_second,
                p,
            )
        )
    return made


def stages_table(
    found: Mapping[str, Mapping[str, Marks]], reference: str
) -> list[dict[str, Any]]:
    """Return one record for each checkpoint and edit language, for JSON.

    ``found[checkpoint][source]`` are marks; all are compared with ``reference``.
    """
    rows: list[dict[str, Any]] = []
    for checkpoint, by_source in found.items():
        for source, mine in by_source.items():
            shares = {}
            for measure in MEASURES:
                hits, n = sum(mine[measure]), len(mine[measure])
                low, high = wilson_interval(hits, n) if n else (None, None)
                shares[measure] = {
                    "hits": hits,
                    "n": n,
                    "share": hits / n if n else None,  # not measured
                    "low": low,
                    "high": high,
                }
            against = []
            if checkpoint != reference and reference in found:
                other = found[reference][source]
                against = [asdict(each) for each in compare(mine, other)]
            rows.append(
                {
                    "checkpoint": checkpoint,
                    "source": source,
                    "measures": shares,
                    "reference": reference if against else "",
                    "comparisons": against,
                }
            )
    return rows
