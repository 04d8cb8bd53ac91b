"""Two processes under accelerate (gloo, on the CPU) learn what one learns."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xkde.bench.app import free_port
from xkde.paths import ROOT
from xkde.training.run import read_log

STEPS = 6
# Atlas's smallest settings; samples in one order however many processes share them.
WORDS = (
    f"train atlas-base-smoke --samples 400 --max_steps {STEPS} --logging_steps 1 "
    "--save_steps 100 --per_device_train_batch_size 8 "
    "--train_sampling_strategy random"
)


def losses(folder: Path, launcher: str, more: str) -> list[tuple[float, float]]:
    """Train; return the loss and the gradient's norm of every step."""
    words = f"{launcher} -m xkde {WORDS} --output_dir {folder} {more}"
    ended = subprocess.run(
        [sys.executable, *words.split()],
        cwd=ROOT,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    lines = [line for line in read_log(folder) if "loss" in line]
    assert (folder / "atlas-base" / "model.safetensors").is_file()
    return [(line["loss"], line["grad_norm"]) for line in lines]


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(tmp_path: Path) -> None:
    """Each takes one of the two batches that one process adds up in a step."""
    launcher = (
        "-m accelerate.commands.launch --cpu --num_processes 2 --num_machines 1 "
        f"--mixed_precision no --dynamo_backend no --main_process_port {free_port()}"
    )
    one = losses(tmp_path / "one", "", "--gradient_accumulation_steps 2")
    two = losses(tmp_path / "two", launcher, "--gradient_accumulation_steps 1")
    assert len(one) == len(two) == STEPS
    assert one[-1][0] < one[0][0]
    for step, (mine, theirs) in enumerate(zip(one, two, strict=True), 1):
        assert theirs == pytest.approx(mine, rel=2e-3), f"step {step}"
