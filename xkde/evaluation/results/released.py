"""Results in the form that the released evaluation writes: a list of records, JSON.

One file for each direction, a record for each case, teacher-forced; scripts that read
the released files read these. What was not measured is null.
"""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from xkde.errors import InputError
from xkde.evaluation.results.rows import TEACHER_FORCED
from xkde.writing import write_aside

Record = dict[str, object]


def released_records(table: pa.Table) -> dict[tuple[str, str], list[Record]]:
    """Return the records of each direction, in the order of the rows.

    Only a probe's first question has a place in that form.
    """
    rows = table.filter(
        pc.and_(
            pc.equal(table["protocol"], TEACHER_FORCED), pc.equal(table["question"], 0)
        )
    ).to_pylist()
    cases: dict[tuple[str, str], dict[str, Record]] = {}
    for row in rows:
        direction = cases.setdefault((row["source"], row["target"]), {})
        record = direction.setdefault(
            row["case"],
            {
                "prompt": None,
                "rewrite_acc": None,
                "target": None,
                "answer": None,
                "locality": {},
                "portability": {},
                "neighborhood": {},
                "rephrase_acc": None,
            },
        )
        record |= _fields(row)
    return {direction: list(found.values()) for direction, found in cases.items()}


def _fields(row: Record) -> Record:
    """Return what one row adds to its case's record."""
    score = row["token_accuracy"]
    if row["probe"] == "reliability":
        return {
            "prompt": row["prompt"],
            "rewrite_acc": score,
            "target": row["gold"],
            "answer": row["answer"],
        }
    if row["probe"] == "generality":
        return {"rephrase_acc": score}
    if row["probe"] == "portability":
        return {
            "portability": {
                "acc": score,
                "target": row["gold"],
                "answer": row["answer"],
            }
        }
    return {
        "locality": {
            "loc_acc": row["unchanged"],
            "loc_prompt": row["query"],
            "loc_ground_truth": row["gold"],
            "loc_pre_tokens": row["before"],
            "loc_post_tokens": row["answer"],
        }
    }


def export_released(table: pa.Table, file: Path) -> list[Path]:
    """Write one file; of several directions one each, the direction in its name."""
    directions = released_records(table)
    if not directions:
        raise InputError(
            "The released form holds teacher-forced scores, and there are none. "
            "Evaluate with --protocol teacher-forced or both."
        )
    files = []
    for (source, target), records in directions.items():
        name = f"{file.stem}_{source}_{target}{file.suffix}"
        path = file if len(directions) == 1 else file.with_name(name)
        write_aside(path, json.dumps(records, ensure_ascii=False, indent=4))
        files.append(path)
    return files
