"""The app as a process of its own, with tiny random models: for client and browser.

``tests/conftest.py`` makes a fixture of it; the answers are noise, everything else is
real.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xkde import paths
from xkde.bench.app import Served, serving

NAMES = ("atlas-base", "atlas-xe-it")


def two_models(checkpoint: Path, folder: Path) -> Path:
    """Copy one tiny checkpoint as both models of the app."""
    for name in NAMES:
        shutil.copytree(checkpoint, folder / name)
        # Edit prompts are long in this tokenizer; rotary positions need no weights.
        config = folder / name / "config.json"
        text = config.read_text(encoding="utf-8")
        long = text.replace(
            '"max_position_embeddings": 256', '"max_position_embeddings": 2048'
        )
        config.write_text(long, encoding="utf-8")
    return folder


def some_results(folder: Path) -> str:
    """Copy two shipped runs and two models' tables: what the pages' tests count."""
    for name in ("atlas-base-prompt.parquet", "atlas-xe-it.parquet"):
        shutil.copy(paths.RESULTS / name, folder)
    table = json.loads(paths.ATLAS_RESULTS.read_text(encoding="utf-8"))
    table["models"] = {name: table["models"][name] for name in NAMES}
    (folder / "atlas.json").write_text(json.dumps(table), encoding="utf-8")
    return str(folder)


@contextmanager
def running(checkpoints: Path, **environment: str) -> Iterator[Served]:
    """Serve the app with the checkpoints of a folder."""
    with serving({"XKDE_CHECKPOINTS": str(checkpoints), **environment}) as served:
        yield served
