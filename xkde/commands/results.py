"""Print what runs measured: shares with intervals over edits, and paired tests.

    python -m xkde results runs/evaluations/FOLDER
    python -m xkde results runs/a runs/b --by source,target --digits 2
    python -m xkde results shipped/editors/rome shipped/editors/memit \\
        --source en --pairs reliability

A run is a folder, a file, or a key of the app's list. Rows of the table are runs,
parted by the columns of --by; it is Markdown. ``unchanged`` is locality as the paper
measures it: the answer is that of the same model without the edit. --pairs compares
each run with each other one on the questions that both asked; p by Holm over all pairs.
``evaluate`` ends by printing its run with this module.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from xkde import paths
from xkde.commands.output import print_json, print_table
from xkde.errors import InputError
from xkde.text import Json

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from xkde.evaluation.results.compared import Comparison
    from xkde.evaluation.results.store import RunSettings
    from xkde.evaluation.results.summary import GroupMean, SummaryLine

SHOWN = 6  # directions of which a terminal shows each
UNCHANGED = "unchanged"  # a column: locality's second measure
COLUMNS = ("reliability", "generality", "locality", UNCHANGED, "portability")
NOT_MEASURED = {
    "too_long": "did not fit the model",
    "not_edited": "were not asked, since the editor would not make their edit",
}
COMPARED = {
    "before": "against the same model without the edit",
    "base": "against the base",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder, file or key")
    parser.add_argument(
        "--by", default="", help="columns that part a run: source,target"
    )
    parser.add_argument(
        "--protocol", choices=("generated", "teacher-forced"), default="generated"
    )
    parser.add_argument("--source", default="", help="only edits in this language")
    parser.add_argument("--target", default="", help="only questions in this language")
    parser.add_argument("--columns", default=",".join(COLUMNS), help="which numbers")
    parser.add_argument("--pairs", choices=COLUMNS, help="also test each pair of runs")
    parser.add_argument("--digits", type=int, default=3, help="of a share")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Print the table, and the tests where they are asked for."""
    columns = tuple(name for name in arguments.columns.split(",") if name)
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or not columns:
        raise InputError(
            f"“{', '.join(unknown)}” is no column. --columns takes "
            f"{', '.join(COLUMNS)}."
        )
    by = [name for name in arguments.by.split(",") if name]
    short = {name: Path(name).name.removesuffix(".parquet") for name in arguments.runs}
    names = short.values() if len(set(short.values())) == len(short) else short
    frames = {
        name: _chosen(run, arguments) for name, run in zip(names, short, strict=True)
    }
    lines = [
        (name, group, found)
        for name, rows in frames.items()
        for group, found in _grouped(rows, by, columns)
    ]
    tests = _pairs(frames, arguments.pairs) if arguments.pairs else []
    if arguments.json:
        cells = [
            asdict(mean) | {"run": name, "column": column}
            for name, _, found in lines
            for column, mean in found.items()
        ]
        print_json({"results": cells, "tests": [_test_in_json(its) for its in tests]})
        return
    measured = [c for c in columns if any(c in found for *_, found in lines)]
    print(f"| {' | '.join(['run', *by, *measured, 'n'])} |")
    print(f"|{'---|' * (1 + len(by))}{'--:|' * len(measured)}---|")
    for name, group, found in lines:
        shares = [_words(found.get(column), arguments.digits) for column in measured]
        print(f"| {' | '.join([name, *group, *shares, count_words(found)])} |")
    print(f"\n{arguments.protocol}; in brackets 95 % intervals over edits.")
    if tests:
        _print_pairs(tests, arguments.pairs)


def opened_run(name: str, kinds: bool = False) -> "pd.DataFrame":
    """Return a run's rows: of a file, a folder or a key of the app's list."""
    from xkde.evaluation.analysis.of_runs import with_kinds
    from xkde.evaluation.results.local_runs import opened, run_of
    from xkde.evaluation.results.rows import frame_of, load_results

    if not Path(name).exists():
        return opened(run_of(name), kinds=kinds)
    rows = frame_of(load_results([name]))
    return with_kinds(rows) if kinds else rows


def _chosen(name: str, arguments: argparse.Namespace) -> "pd.DataFrame":
    from xkde.evaluation.results.rows import where

    rows = opened_run(name)
    wanted = {n: getattr(arguments, n) for n in ("protocol", "source", "target")}
    return rows[where(rows, wanted)]


def _grouped(
    rows: "pd.DataFrame", by: Sequence[str], columns: Sequence[str]
) -> "list[tuple[tuple[str, ...], dict[str, GroupMean]]]":
    """Return each group's texts and its measured columns."""
    from xkde.evaluation.results.rows import SCORE
    from xkde.evaluation.results.summary import means

    found: dict[tuple[str, ...], dict[str, GroupMean]] = {}
    for measure in (SCORE, UNCHANGED):
        for mean in means(rows, [*by, "probe"], measure):
            probe = str(mean.group["probe"])
            column = probe if measure == SCORE else UNCHANGED
            is_wanted = column in columns and mean.n
            if is_wanted and (measure == SCORE or probe == "locality"):
                group = tuple(str(mean.group[name]) for name in by)
                found.setdefault(group, {})[column] = mean
    return list(found.items())


def _words(mean: "GroupMean | None", digits: int) -> str:
    if mean is None or mean.mean is None:
        return "–"
    ends = f"{mean.low:.{digits}f}–{mean.high:.{digits}f}"
    return f"{mean.mean:.{digits}f} [{ends}]"


def count_words(found: "dict[str, GroupMean]") -> str:
    """Return "60 edits, 240 answers; portability 19, 76": what columns rest on."""
    by_count: dict[tuple[int, int], list[str]] = {}
    for column in (name for name in COLUMNS if name in found):
        its = found[column]
        by_count.setdefault((its.edits, its.n), []).append(column)
    words = [
        f"{' and '.join(names)} {edits:,}, {n:,}" if place else
        f"{edits:,} edits, {n:,} answers"
        for place, ((edits, n), names) in enumerate(by_count.items())
    ]  # fmt: skip
    return "; ".join(words)


def _pairs(
    frames: "dict[str, pd.DataFrame]", column: str
) -> "list[tuple[str, str, Comparison]]":
    """Return every two runs that share questions, first minus second, tested."""
    from xkde.evaluation.results.compared import each_pair
    from xkde.evaluation.results.rows import SCORE

    is_score = column != UNCHANGED
    pairs = each_pair(
        list(frames.values()),
        column if is_score else "locality",
        SCORE if is_score else UNCHANGED,
    )
    names = list(frames)
    return [(names[one], names[other], its) for (one, other), its in pairs.items()]


def _test_in_json(test: "tuple[str, str, Comparison]") -> dict[str, object]:
    *runs, its = test
    return {"runs": runs, **asdict(its.difference), "corrected": its.corrected}


def _print_pairs(tests: "list[tuple[str, str, Comparison]]", column: str) -> None:
    print(f"\n{column}, first minus second on the questions that both asked:\n")
    print_table(
        ["first", "second", "difference", "edits", "answers", "p by Holm"],
        [
            [
                first,
                second,
                f"{its.difference.value:+.3f} "
                f"[{its.difference.low:+.3f}, {its.difference.high:+.3f}]",
                str(its.difference.edits),
                str(its.difference.n),
                f"{its.corrected:.2g}",
            ]
            for first, second, its in tests
        ],
    )


def in_json(file: Path, settings: "RunSettings") -> dict[str, object]:
    """Return a run's main numbers and its card, as --json prints them."""
    from xkde.evaluation.results.rows import load_results
    from xkde.evaluation.results.summary import locality_changes, summary

    table = load_results([file])
    lines = [*summary(table, by_direction=False), *summary(table)]
    card = _card(file)
    return {
        "run": settings.run,
        "file": str(file),
        "rows": table.num_rows,
        "settings": asdict(settings),
        "seconds": card["seconds"],
        "versions": card["versions"],
        "judge": card["judge"],
        "results": [asdict(line) for line in lines],
        "locality_changes": [asdict(change) for change in locality_changes(table)],
    }


def print_run(file: Path, settings: "RunSettings") -> None:
    """Print a run's main numbers, with what they rest on and what is missing."""
    from xkde.evaluation.results.rows import load_results
    from xkde.evaluation.results.summary import summary

    table = load_results([file])
    many = len(settings.directions)
    shown = summary(table) if many <= SHOWN else []
    if many > 1:
        shown = [*shown, *summary(table, by_direction=False)]
    compared = f", base {settings.base} ({settings.base_revision})"
    print(
        f"{settings.checkpoint} ({settings.revision}) on {settings.benchmark}, "
        f"{settings.cases} cases; wrapper {settings.wrapper}, editor {settings.editor}"
        f"{compared if settings.base else ''}."
        "\nMeasured here; 95 % intervals in brackets. Clean: without cases that leak "
        "or copy their answer.\n"
    )
    _print_lines(shown)
    if many > SHOWN:
        print(f"\nEach of the {many} directions: add --json.")
    _print_changes(table)
    _print_missing(table)
    _print_judge(_card(file)["judge"])
    print(f"\n{file}")


def _print_lines(lines: "Sequence[SummaryLine]") -> None:
    from xkde.evaluation.results.summary import MEASURE_WORDS

    print_table(
        ["direction", "protocol", "probe", "measure", "all cases", "n", "clean", "n"],
        [
            [
                "all" if line.source == "all" else f"{line.source}→{line.target}",
                line.protocol,
                line.probe,
                MEASURE_WORDS[line.measure],
                line.whole.words,
                str(line.whole.n),
                line.clean.words,
                str(line.clean.n),
            ]
            for line in lines
        ],
    )


def _print_changes(table: "pa.Table") -> None:
    """Print what happened to answers that an edit must not touch."""
    from xkde.evaluation.results.summary import locality_changes

    for change in locality_changes(table):
        print(
            f"\nLocality, {COMPARED[change.compared_with]}: of {change.n} answers "
            f"{change.only_then} were right and are no longer, {change.only_now} are "
            f"right only now (p over edits, by Holm, {change.p:.3g})."
        )


def _print_missing(table: "pa.Table") -> None:
    """Print how many questions have no answer, and why: they are in no number."""
    found: dict[tuple[str, str], int] = {}
    columns = [table[name].to_pylist() for name in ("answer", "finish", "notes")]
    for answer, finish, notes in zip(*columns, strict=True):
        if answer is None:
            why = notes if finish == "not_edited" else ""
            found[finish, why] = found.get((finish, why), 0) + 1
    for finish in NOT_MEASURED:
        reasons = {why: n for (kind, why), n in found.items() if kind == finish}
        if reasons:
            first = max(reasons, key=lambda why: reasons[why])
            print(
                f"\n{sum(reasons.values())} questions {NOT_MEASURED[finish]}; they are "
                f"in no number. {first}".rstrip()
            )


def _print_judge(judge: Json | None) -> None:
    if judge is None:
        return
    print(
        f"\nJudge {judge['model']}, temperature {judge['temperature']}: "
        f"{judge['judged']} answers judged, {judge['differs_from_exact']} of them "
        "otherwise than by exact match."
    )
    if judge["absent"]:
        why = "; ".join(f"{n} × {text}" for text, n in judge["why_absent"].items())
        print(
            f"{judge['absent']} answers have no verdict ({why or 'not asked'}). Repeat "
            "the command to ask again."
        )


def _card(file: Path) -> Json:
    card: Json = json.loads((file.parent / paths.CARD).read_text("utf-8"))
    return card
