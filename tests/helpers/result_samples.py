"""For tests of evaluation: a whole row of results, and a checkpoint with room."""

import json
from pathlib import Path
from typing import Any

from xkde.evaluation.results.rows import Result
from xkde.evaluation.results.store import RunSettings

SETTINGS = RunSettings("bizsre", "ab" * 32, 2, "tiny", "0123456789ab")
ROW = Result(
    run="r1",
    benchmark="bizsre",
    case="bizsre/1",
    probe="reliability",
    question=0,
    relation="",
    subject="Narnia",
    source="en",
    target="zh",
    editor="x-kde",
    protocol="generated",
    engine="transformers",
    checkpoint="tiny",
    revision="0123456789ab",
    base="",
    base_revision="",
    wrapper="hf_template",
    parity=False,
    seed=7,
    edit="What is the capital of Narnia? Osaka",
    query="纳尼亚的首都是哪里？",
    prompt="…",
    gold="大阪",
    answer="大阪",
    before=None,
    base_answer=None,
    finish="stop",
    exact=True,
    exact_before=None,
    exact_base=None,
    alias=True,
    lenient=True,
    f1=1.0,
    contains=True,
    in_target=True,
    in_source=False,
    copied=False,
    judged=None,
    token_accuracy=None,
    token_accuracy_before=None,
    token_accuracy_base=None,
    unchanged=None,
    unchanged_from_base=None,
    edit_seconds=None,
    edit_peak_mb=None,
    notes="",
    defects="",
    clean=True,
    provenance="measured here",
    date="2026-11-20",
)


def row(**changes: Any) -> Result:
    """One row that differs from ``ROW`` in some fields."""
    return Result(**(vars(ROW) | changes))


def roomy_copy(folder: Path, copy: Path) -> Path:
    """Copy a tiny checkpoint with room for whole prompts; its positions are rotary."""
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["max_position_embeddings"] = 4096
    (copy / "config.json").write_text(json.dumps(config), "utf-8")
    return copy
