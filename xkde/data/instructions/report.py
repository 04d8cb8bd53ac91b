"""What is in a training file and what is not: counts, as records, JSON and Markdown."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from xkde.data.benchmarks.records import BenchmarkFileInfo
from xkde.data.instructions.build import BuildPlan, hits
from xkde.data.instructions.held_out import HeldOut
from xkde.data.instructions.lines import read_lines
from xkde.data.instructions.records import (
    Instruction,
    Material,
    SourceFile,
    read_instruction,
)
from xkde.data.instructions.stock import Stock
from xkde.errors import DataError

NONE = "–"  # a sample without an edit, or a field that somebody else's file lacks
SETS = {
    "Kinds": "kinds",
    "Sources": "origins",
    "Answers": "answer_kinds",
    "Edits in the prompt": "edits_in_prompt",
    "Languages of the queries": "query_languages",
    "Directions": "directions",
}


@dataclass(frozen=True)
class TrainingFile:
    """Counts over the rows of a training file; ``counts`` by the names in SETS."""

    file: str
    sha256: str
    rows: int
    unreadable: int
    counts: Mapping[str, Mapping[str, int]]
    distinct_prompts: int
    mean_prompt_characters: float
    mean_answer_characters: float


@dataclass(frozen=True)
class LeftOut:
    """How many records of a source were left out for one reason."""

    source: str
    reason: str
    records: int


@dataclass(frozen=True)
class BuildReport:
    """All that is to be known of a training file that was built."""

    file: TrainingFile
    plan: BuildPlan
    sources: tuple[SourceFile, ...]
    drawn_from: Mapping[str, int]
    left_out: tuple[LeftOut, ...]
    held_out_subjects: int
    held_out_questions: int
    held_out_files: tuple[BenchmarkFileInfo, ...]


@dataclass(frozen=True)
class Leak:
    """One place in a training file that has something of the test files."""

    line: int
    where: str  # "query", "edit" or "answer"
    kind: str  # "question" or "subject"
    text: str


def read_instructions(path: Path) -> tuple[list[tuple[int, Instruction]], int]:
    """Return the rows of a training file with their numbers, and how many are none.

    Raises DataError for a file without any row.
    """
    values, broken = read_lines(path)
    rows: list[tuple[int, Instruction]] = []
    for number, value in values.items():
        try:
            rows.append((number, read_instruction(value)))
        except DataError:
            broken.append(number)
    if not rows:
        raise DataError(
            f"{path.name} holds no training sample. Give a file of JSON lines with "
            "“messages” or “conversations”."
        )
    return rows, len(broken)


def describe(path: Path) -> TrainingFile:
    """Count what a training file holds."""
    numbered, unreadable = read_instructions(path)
    rows = [row for _, row in numbered]
    return TrainingFile(
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        rows=len(rows),
        unreadable=unreadable,
        counts={
            "kinds": _counts(row.kind for row in rows),
            "origins": _counts(row.origin for row in rows),
            "answer_kinds": _counts(row.answer_kind for row in rows),
            "edits_in_prompt": _counts(str(len(row.edits)) for row in rows),
            "query_languages": _counts(row.target for row in rows),
            "directions": _counts(
                f"{row.source or NONE}→{row.target or NONE}" for row in rows
            ),
        },
        distinct_prompts=len({row.prompt for row in rows}),
        mean_prompt_characters=sum(len(row.prompt) for row in rows) / len(rows),
        mean_answer_characters=sum(len(row.answer) for row in rows) / len(rows),
    )


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(value or NONE for value in values).most_common())


def leaks(path: Path, held: HeldOut, answers_too: bool) -> Iterator[Leak]:
    """Yield every place in a training file that has something held out."""
    for number, row in read_instructions(path)[0]:
        for where, hit in hits(row, held, answers_too):
            yield Leak(number, where, hit.kind, hit.text)


def report(
    path: Path, plan: BuildPlan, material: Material, stock: Stock, held: HeldOut
) -> BuildReport:
    """Count what went into a file that was built, and what did not."""
    reasons = material.reasons()
    reasons += Counter((entry.source, entry.reason) for entry in stock.rejected)
    return BuildReport(
        file=describe(path),
        plan=plan,
        sources=material.files,
        drawn_from={
            "facts": len(stock.facts),
            "facts kept out for choosing settings": len(stock.dev_facts),
            "facts of Atlas": len(stock.atlas_facts),
            "paraphrases": len(stock.paraphrases),
            "multi-hop questions": len(stock.hops),
            "answers of the base": len(stock.targets),
            "neighbours with the base's answer": len(stock.neighbours),
            "conversations": len(stock.conversations),
        },
        left_out=tuple(
            LeftOut(source, reason, count)
            for (source, reason), count in reasons.most_common()
        ),
        held_out_subjects=len(held.names),
        held_out_questions=len(held.questions),
        held_out_files=held.files,
    )


def as_json(report: BuildReport) -> str:
    """Return a report as JSON that keeps every script readable."""
    return json.dumps(asdict(report), ensure_ascii=False, indent=1) + "\n"


def as_markdown(report: BuildReport) -> str:
    """Return a report for people to read."""
    file, held = report.file, len(report.held_out_files)
    lines = [
        f"# Training data: {file.file}",
        "",
        f"{file.rows:,} samples, seed {report.plan.seed}, sha256 `{file.sha256}`.",
        f"{file.distinct_prompts:,} prompts are distinct; a prompt has "
        f"{file.mean_prompt_characters:.0f} characters on average, an answer "
        f"{file.mean_answer_characters:.0f}.",
    ]
    for title, name in SETS.items():
        cells = shares(file, name)
        lines += ["", f"## {title}", "", *_table(("", "samples", "share"), cells)]
    drawn = [(name, f"{count:,}") for name, count in report.drawn_from.items()]
    lines += ["", "## Drawn from", "", *_table(("", "records"), drawn)]
    left = [(e.source, e.reason, f"{e.records:,}") for e in report.left_out]
    lines += ["", "## Left out", "", *_table(("source", "reason", "records"), left)]
    files = [
        (f.source, f.name, f"{f.records:,}", f"`{f.sha256[:12]}`")
        for f in report.sources
    ]
    header = ("source", "file", "records", "sha256")
    lines += ["", "## Files", "", *_table(header, files)]
    answers = ", and in no answer" if report.plan.recipe.hold_out_answers else ""
    lines += [
        "",
        "## Held out",
        "",
        f"{report.held_out_subjects:,} subjects and {report.held_out_questions:,} "
        f"questions of {held} test files are in no edit and no query{answers}.",
        "",
    ]
    return "\n".join(lines)


def shares(file: TrainingFile, name: str) -> list[tuple[str, str, str]]:
    """Return one of SETS as rows of a table: what, how many, which share."""
    return [
        (key, f"{count:,}", f"{count / file.rows:.1%}")
        for key, count in file.counts[name].items()
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["None."]
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
    ]
