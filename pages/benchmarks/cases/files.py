"""The answers that a view of Cases has left, as a file: CSV, JSON lines or Parquet."""

import re
import tempfile
from pathlib import Path

import pandas as pd
from gradio.utils import get_upload_folder

from pages.benchmarks.cases.render import FoundRun
from pages.benchmarks.cases.view import CaseView, filtered
from xkde.evaluation.results.rows import SCHEMA

KINDS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet"}


def table_of(found: FoundRun, view: CaseView) -> pd.DataFrame:
    """Return the rows of a view, with the other run's answer and score beside each."""
    places = filtered(found.rows, view, found.beside_score)
    rows = found.rows[[*SCHEMA.names, "rule"]].iloc[places]
    rows = rows.reset_index(drop=True)
    if found.match is None or found.beside is None or found.beside.rows is None:
        return rows
    its = found.match[places]
    others = found.beside.rows[["answer", "score"]].iloc[its].reset_index(drop=True)
    return rows.assign(
        beside_run=found.beside.key,
        beside_answer=others["answer"].astype("str").where(its >= 0),
        beside_score=others["score"].where(its >= 0),
    )


def written(rows: pd.DataFrame, name: str, kind: str) -> str:
    """Write a table as a file that a visitor can download; return its path."""
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=get_upload_folder()))
    plain_name = re.sub(r"[^\w.-]+", "-", name)[:80]
    path = folder / f"cases-{plain_name}-{len(rows)}.{kind}"
    texts = rows.select_dtypes("category").columns
    plain = rows.astype(dict.fromkeys(texts, "str"))
    if kind == "parquet":
        plain.to_parquet(path, compression="zstd", index=False)
    elif kind == "csv":
        plain.to_csv(path, index=False, lineterminator="\n")
    else:
        plain.to_json(path, orient="records", lines=True, force_ascii=False)
    return str(path)
