"""How a finished evaluation is printed, for people and for programs. No command."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xkde.commands.shared.output import print_table

SKIPPED_SHOWN = 3
SHOWN = 6  # directions of which a terminal shows each
NOT_MEASURED = {
    "too_long": "did not fit the model",
    "not_edited": "were not asked, since the editor would not make their edit",
}

COMPARED = {
    "before": "against the same model without the edit",
    "base": "against the base",
}


def warn_of_skipped(skipped: Any) -> None:
    """Say on stderr which records, or parts of one, will not be asked."""
    for each in skipped[:SKIPPED_SHOWN]:
        place = each.source
        print(
            f"{place.file}, record {place.row}, line {place.line}: {each.reason}; left "
            "out.",
            file=sys.stderr,
        )
    if skipped[SKIPPED_SHOWN:]:
        more = len(skipped) - SKIPPED_SHOWN
        print(
            f"… and {more} more; “python -m xkde benchmarks read” counts them.",
            file=sys.stderr,
        )


def in_json(file: Path, settings: Any) -> dict[str, Any]:
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


def print_run(file: Path, settings: Any) -> None:
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


def _print_lines(lines: list[Any]) -> None:
    from xkde.evaluation.results.summary import MEASURES, in_words

    print_table(
        ["direction", "protocol", "probe", "measure", "all cases", "n", "clean", "n"],
        [
            [
                "all" if line.source == "all" else f"{line.source}→{line.target}",
                line.protocol,
                line.probe,
                MEASURES[line.measure],
                in_words(line.whole),
                str(line.whole.n),
                in_words(line.clean),
                str(line.clean.n),
            ]
            for line in lines
        ],
    )


def _print_changes(table: Any) -> None:
    """Print what happened to answers that an edit must not touch."""
    from xkde.evaluation.results.summary import locality_changes

    for change in locality_changes(table):
        print(
            f"\nLocality, {COMPARED[change.compared_with]}: of {change.n} answers "
            f"{change.only_then} were right and are no longer, {change.only_now} are "
            f"right only now (McNemar's p {change.p:.3g})."
        )


def _print_missing(table: Any) -> None:
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


def _print_judge(judge: dict[str, Any] | None) -> None:
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


def _card(file: Path) -> dict[str, Any]:
    from xkde.paths import CARD

    card: dict[str, Any] = json.loads((file.parent / CARD).read_text("utf-8"))
    return card


def progress() -> Callable[[float, int], None]:
    """Return a function (done, of) that shows the time left on a terminal's stderr."""
    started = time.monotonic()
    first: list[float] = []

    def show(done: float, of: int) -> None:
        first.append(done) if not first else None
        if not sys.stderr.isatty():
            return
        passed, made = time.monotonic() - started, done - first[0]
        left = f", {_time((of - done) * passed / made)} left" if made > 0 else ""
        end = "\n" if done >= of else ""
        line = f"\ranswers {round(done)}/{of}{left}".ljust(50)
        print(line, end=end, file=sys.stderr, flush=True)

    return show


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{round(seconds)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes / 60:.1f} h"
