"""Two processes train as one does: the same rows in a step, the same loss."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from xkde.paths import ROOT
from xkde.training.run import read_log

pytestmark = pytest.mark.slow

# In the dataset's own order: a shuffle draws with the size of a process's batch.
TRAIN = (
    "-m xkde train atlas-xe-it-smoke --model_name_or_path=atlas-base --samples=96 "
    "--max_steps=4 --logging_steps=1 --optimizer=default --learning_rate=1e-4 "
    "--train_sampling_strategy=sequential --save_strategy=no --disable_tqdm=true"
).split()


def losses(folder: Path, rows: int, launcher: list[str]) -> list[float]:
    """Train for four steps with ``rows`` a process; return each step's loss."""
    done = subprocess.run(
        [
            sys.executable,
            *launcher,
            *TRAIN,
            f"--output_dir={folder}",
            f"--per_device_train_batch_size={rows}",
        ],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [line["loss"] for line in read_log(folder) if "loss" in line]


def free_port() -> int:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    two = f"-m torch.distributed.run --nproc_per_node=2 --master_port={free_port()}"
    alone = losses(tmp_path / "one", 16, [])
    together = losses(tmp_path / "two", 8, two.split())
    assert len(alone) == len(together) == 4
    assert together == pytest.approx(alone, rel=1e-4)
