"""The answers that a view of Cases has left, as a file: CSV, JSON lines or Parquet.

Run its tests: ``python -m pytest tests/pages/benchmarks/cases/test_page.py``
"""

import json
import re
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.csv as pacsv  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from gradio.utils import get_upload_folder

from pages.benchmarks.cases.render import Found
from xkde.evaluation.results.case_view import CaseView, columns, filtered

KINDS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}
BATCH = 5_000  # rows turned into JSON at a time


def table_of(found: Found, view: CaseView) -> pa.Table:
    """Return the rows of a view, with the other run's answer and score beside each."""
    places = filtered(found.rows, view, found.beside_score)
    table = columns(found.rows, places)
    if found.match is None or found.beside is None or found.beside.rows is None:
        return table
    its = found.match[places]
    at = pa.array(its, mask=its < 0)
    answers = found.beside.rows.table["answer"].take(at).cast(pa.string())
    score = found.beside.rows.score
    told = np.where(its >= 0, score[its], np.nan)
    names = pa.array([found.beside.key] * len(its), pa.string())
    table = table.append_column("beside_run", names)
    table = table.append_column("beside_answer", answers)
    return table.append_column("beside_score", pa.array(told, mask=np.isnan(told)))


def written(table: pa.Table, name: str, kind: str) -> str:
    """Write a table as a file that a visitor can download; return its path."""
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=get_upload_folder()))
    plain = re.sub(r"[^\w.-]+", "-", name)[:80]
    path = folder / f"cases-{plain}-{table.num_rows}.{kind}"
    if kind == "parquet":
        pq.write_table(table, path, compression="zstd")
    elif kind == "csv":
        pacsv.write_csv(table, path)
    else:
        with path.open("w", encoding="utf-8", newline="\n") as out:
            for batch in table.to_batches(BATCH):
                out.writelines(
                    json.dumps(row, ensure_ascii=False) + "\n"
                    for row in batch.to_pylist()
                )
    return str(path)
