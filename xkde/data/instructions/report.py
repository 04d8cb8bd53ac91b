"""What is in a training file and what is not: counts, as records, JSON and Markdown."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xkde.data.instructions.build import Plan, hits
from xkde.data.instructions.held_out import HeldOut
from xkde.data.instructions.lines import read_lines
from xkde.data.instructions.records import Instruction, Material, read_instruction
from xkde.data.instructions.stock import Stock
from xkde.errors import DataError

NO_LANGUAGE = "–"  # of a sample without an edit, or of somebody else's file


@dataclass(frozen=True)
class Described:
    """Counts over the rows of a training file."""

    file: str
    sha256: str
    rows: int
    unreadable: int
    kinds: dict[str, int]
    origins: dict[str, int]
    answer_kinds: dict[str, int]
    edits_in_prompt: dict[str, int]
    query_languages: dict[str, int]
    directions: dict[str, int]
    distinct_prompts: int
    mean_prompt_characters: float
    mean_answer_characters: float


@dataclass(frozen=True)
class Found:
    """One place in a training file that has something held out."""

    line: int
    where: str  # "query", "edit" or "answer"
    kind: str  # "question" or "subject"
    text: str


def read_rows(path: Path) -> tuple[list[tuple[int, Instruction]], int]:
    """Return the rows of a training file with their numbers, and how many are none.

    Raises DataError for a file without any row.
    """
    values, broken = read_lines(path)
    rows: list[tuple[int, Instruction]] = []
    for number, value in enumerate(values, 1):
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


def describe(path: Path) -> Described:
    """Count what a training file holds."""
    rows, unreadable = read_rows(path)
    made = [row for _, row in rows]
    return Described(
        file=path.name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        rows=len(made),
        unreadable=unreadable,
        kinds=_counts(row.kind for row in made),
        origins=_counts(row.origin or NO_LANGUAGE for row in made),
        answer_kinds=_counts(row.answer_kind or NO_LANGUAGE for row in made),
        edits_in_prompt=_counts(str(len(row.edits)) for row in made),
        query_languages=_counts(row.target or NO_LANGUAGE for row in made),
        directions=_counts(
            f"{row.source or NO_LANGUAGE}→{row.target or NO_LANGUAGE}" for row in made
        ),
        distinct_prompts=len({row.prompt for row in made}),
        mean_prompt_characters=sum(len(row.prompt) for row in made) / len(made),
        mean_answer_characters=sum(len(row.answer) for row in made) / len(made),
    )


def _counts(values: Iterable[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())


def check(path: Path, held: HeldOut, answers_too: bool) -> Iterator[Found]:
    """Yield every place in a training file that has something held out."""
    for number, row in read_rows(path)[0]:
        for where, hit in hits(row, held, answers_too):
            yield Found(number, where, hit.kind, hit.text)


def report(
    path: Path, plan: Plan, material: Material, stock: Stock, held: HeldOut
) -> dict[str, Any]:
    """Return all that is to be known of a training file that was built."""
    reasons = material.reasons()
    reasons += Counter((entry.source, entry.reason) for entry in stock.rejected)
    return {
        "file": asdict(describe(path)),
        "plan": {
            "samples": plan.samples,
            "seed": plan.seed,
            "recipe": asdict(plan.recipe),
            "inputs": dict(plan.inputs),
        },
        "sources": [asdict(file) for file in material.files],
        "material": {
            "facts": len(stock.facts),
            "facts kept out for choosing settings": len(stock.dev_facts),
            "Atlas facts": len(stock.atlas_facts),
            "paraphrases": len(stock.paraphrases),
            "multi-hop questions": len(stock.hops),
            "answers of the base": len(stock.targets),
            "neighbours with the base's answer": len(stock.neighbours),
            "conversations": len(stock.conversations),
        },
        "rejected": [
            {"source": source, "reason": reason, "records": count}
            for (source, reason), count in reasons.most_common()
        ],
        "held_out": {
            "subjects": held.subject_count,
            "questions": len(held.questions),
            "files": [asdict(file) for file in held.files],
            "answers_too": plan.recipe.hold_out_answers,
        },
    }


def as_markdown(told: dict[str, Any]) -> str:
    """Return a report for people to read."""
    file, plan, held = told["file"], told["plan"], told["held_out"]
    lines = [
        f"# Training data: {file['file']}",
        "",
        f"{file['rows']:,} samples, seed {plan['seed']}, sha256 `{file['sha256']}`.",
        f"{file['distinct_prompts']:,} prompts are distinct; a prompt has "
        f"{file['mean_prompt_characters']:.0f} characters on average, an answer "
        f"{file['mean_answer_characters']:.0f}.",
    ]
    for title, name in (
        ("Kinds", "kinds"),
        ("Sources", "origins"),
        ("Answers", "answer_kinds"),
        ("Edits in the prompt", "edits_in_prompt"),
        ("Languages of the queries", "query_languages"),
        ("Directions", "directions"),
    ):
        share = [(key, f"{n:,}", f"{n / file['rows']:.1%}") for key, n in
                 file[name].items()]  # fmt: skip
        lines += ["", f"## {title}", "", *_table(("", "samples", "share"), share)]
    material = [(name, f"{n:,}") for name, n in told["material"].items()]
    lines += ["", "## Drawn from", "", *_table(("", "records"), material)]
    rejected = [(r["source"], r["reason"], f"{r['records']:,}")
                for r in told["rejected"]]  # fmt: skip
    header = ("source", "reason", "records")
    lines += ["", "## Left out", "", *_table(header, rejected)]
    sources = [(f["source"], f["name"], f"{f['records']:,}", f"`{f['sha256'][:12]}`")
               for f in told["sources"]]  # fmt: skip
    header4 = ("source", "file", "records", "sha256")
    lines += ["", "## Files", "", *_table(header4, sources)]
    lines += [
        "",
        "## Held out",
        "",
        f"{held['subjects']:,} subjects and {held['questions']:,} questions of "
        f"{len(held['files'])} test files are in no edit and no query"
        f"{', and in no answer' if held['answers_too'] else ''}.",
        "",
    ]
    return "\n".join(lines)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return ["None."]
    return [
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
    ]


def as_text(told: dict[str, Any]) -> str:
    """Return a report as JSON that keeps every script readable."""
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"
