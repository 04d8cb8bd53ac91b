"""What a judge said of a run's answers: its files, and the column of the rows.

    <run>/judge/settings.json      model, prompt, temperature
    <run>/judge/000000.json …      verdicts as they came
    <run>/judge/absent.json        how many answers it did not judge, and why

Who asks it is ``judge``; loads no client, so that pages may read.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from xkde.errors import DataError
from xkde.evaluation.results.rows import GENERATED

FOLDER, SETTINGS, ABSENT = "judge", "settings.json", "absent.json"

Item = tuple[str, str, str]  # question, reference, answer


@dataclass(frozen=True)
class JudgedAnswer:
    """One answer judged; ``right`` is None where the judge failed, ``said`` why."""

    question: str
    reference: str
    answer: str
    right: bool | None
    said: str


def read_verdicts(folder: Path) -> list[JudgedAnswer]:
    """Return all verdicts of a run; none where no judge was asked."""
    found = []
    for file in part_files(folder):
        try:
            found += [
                JudgedAnswer(**each) for each in json.loads(file.read_text("utf-8"))
            ]
        except (ValueError, TypeError) as error:
            raise DataError(
                f"{file} is damaged. Remove it and repeat the command: what it held is "
                "judged again."
            ) from error
    return found


def with_verdicts(folder: Path, table: pa.Table) -> pa.Table:
    """Return a run's rows with the column ``judged`` filled in."""
    right = {item_of(verdict): verdict.right for verdict in read_verdicts(folder)}
    if not right:
        return table
    columns = [table[name].to_pylist() for name in ("query", "gold", "answer")]
    is_text = pc.equal(table["protocol"], GENERATED).to_pylist()
    judged = [
        right.get(item) if generated else None
        for generated, item in zip(is_text, zip(*columns, strict=True), strict=True)
    ]
    at = table.schema.get_field_index("judged")
    return table.set_column(
        at, table.schema.field("judged"), pa.array(judged, pa.bool_())
    )


def judged_in_short(folder: Path, table: pa.Table) -> dict[str, object] | None:
    """Return who judged, how many answers, how often exact match says otherwise."""
    place = folder / FOLDER
    if not (place / SETTINGS).exists():
        return None
    answered = table.filter(
        pc.and_(pc.equal(table["protocol"], GENERATED), pc.is_valid(table["answer"]))
    )
    differs = pc.not_equal(answered["judged"], answered["exact"])
    reasons = place / ABSENT
    judge: dict[str, object] = json.loads((place / SETTINGS).read_text("utf-8"))
    return judge | {
        "judged": len(answered) - answered["judged"].null_count,
        "absent": answered["judged"].null_count,
        "differs_from_exact": pc.sum(differs).as_py() or 0,
        "why_absent": json.loads(reasons.read_text("utf-8"))
        if reasons.exists()
        else {},
    }


def item_of(verdict: JudgedAnswer) -> Item:
    """Return what tells a verdict apart."""
    return verdict.question, verdict.reference, verdict.answer


def part_files(folder: Path) -> list[Path]:
    """Return the files of verdicts in their order."""
    return sorted((folder / FOLDER).glob("[0-9]*.json"))
