"""For tests of what was measured here: runs of invented answers, as many as asked for.

Run by the tests of ``local_runs``, ``rows``, ``compared`` and of Benchmarks.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tests.helpers.result_samples import SETTINGS, row
from xkde.evaluation.results.rows import SCHEMA, Result, frame_of, table_of
from xkde.evaluation.results.store import RunSettings, append_part, finish, open_store
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

ATLAS_RUN = replace(SETTINGS, benchmark="atlas", cases=3, checkpoint="atlas-xe-it")


def table(*rows_: Result) -> pd.DataFrame:
    """Return rows as the views read them."""
    return frame_of(table_of(rows_))


def forced(**changes: Any) -> Result:
    """Return a teacher-forced row."""
    nothing = dict.fromkeys(
        "exact alias lenient f1 contains in_target in_source copied finish".split()
    )
    told = {"protocol": "teacher-forced", "token_accuracy": 1.0}
    return row(**(nothing | told | changes))


def answers(settings: RunSettings, cases: int, right: float) -> Iterator[Result]:
    """Yield rows of both protocols; ``right``: which share of cases is right."""
    for number in range(cases):
        for target in ("en", "zh", "th"):
            for probe in PROBES:
                same = {
                    "run": settings.run, "benchmark": settings.benchmark,
                    "checkpoint": settings.checkpoint, "editor": settings.editor,
                    "revision": settings.revision, "case": f"c{number}",
                    "probe": probe, "target": target, "relation": "capital",
                    "query": f"{probe} {number} {target}?",
                    "edit": f"What is the capital of Land {number}? City {number}",
                }  # fmt: skip
                is_right = (number + 0.5) / cases < right
                yield row(
                    **same, exact=is_right, alias=is_right, lenient=is_right,
                    contains=is_right, f1=float(is_right),
                    answer="大阪" if is_right else "东京",
                )  # fmt: skip
                yield forced(**same, token_accuracy=1.0 if is_right else 0.5)


def written(
    folder: Path, settings: RunSettings = ATLAS_RUN, cases: int = 3, right: float = 0.7
) -> Path:
    """Write a whole run into a folder."""
    open_store(folder, settings)
    append_part(folder, answers(settings, cases, right), 1.0)
    finish(folder, settings, {"xkde": "test"})
    return folder


def under_way(folder: Path, settings: RunSettings = ATLAS_RUN, cases: int = 1) -> Path:
    """Write a run that has not come to its end."""
    open_store(folder, settings)
    append_part(folder, answers(settings, cases, 1.0), 1.0)
    return folder


def begun(folder: Path, settings: RunSettings = ATLAS_RUN) -> Path:
    """Write a run of which no row is there."""
    folder.mkdir(parents=True)
    text = json.dumps(asdict(settings))
    (folder / "settings.json").write_text(text, encoding="utf-8")
    return folder


def large(
    file: Path, cases: int = 409, *, right: float = 0.8, seed: int = 1, **same: Any
) -> Path:
    """Write a run as large as all of Atlas: two edit languages, twelve asked in."""
    random = np.random.default_rng(seed)
    grid = np.indices((cases, 4, 2, 12, 2)).reshape(5, -1)
    case, probe, source, target, protocol = grid
    n = len(case)
    is_right = random.random(n) < right
    made: dict[str, Any] = {
        field.name: pa.array([getattr(row(), field.name)] * n, field.type)
        for field in SCHEMA
    }
    text = np.char.add
    number = case.astype(str)
    generated = protocol == 0
    code = np.array(ATLAS_LANGUAGES)[target]
    share = np.where(is_right, 1.0, random.integers(0, 4, n) / 4)
    made |= {
        "case": text("land", number),
        "probe": np.array(PROBES)[probe],
        "source": np.array(["en", "zh"])[source],
        "target": code,
        "protocol": np.where(generated, "generated", "teacher-forced"),
        "relation": np.array(["capital", "currency", "mayor"])[case % 3],
        "subject": text("Land ", number),
        "edit": text(text("What is the capital of Land ", number), "? Osaka"),
        "query": text(text(text(code, " question "), probe.astype(str)), number),
        "prompt": text(text("[Updated Information] ", number), code),
        "gold": text("gold", text(number, code)),
        "answer": np.where(is_right, text("gold", text(number, code)), "Tokyo"),
        "clean": random.random(n) < 0.9,
    }
    for name in ("exact", "alias", "lenient", "contains", "in_target"):
        made[name] = pa.array(is_right, pa.bool_(), mask=~generated)
    made["f1"] = pa.array(is_right.astype(float), mask=~generated)
    made["token_accuracy"] = pa.array(share, mask=generated)
    for name, value in same.items():
        made[name] = pa.array([value] * n, SCHEMA.field(name).type)
    file.parent.mkdir(parents=True, exist_ok=True)
    whole = pa.table([pa.array(made[name]) for name in SCHEMA.names], SCHEMA.names)
    pq.write_table(whole.cast(SCHEMA), file, compression="zstd")
    return file
