"""Tests of a run: resumed bit-equal, other settings refused, torn files seen."""

import logging
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerControl, TrainerState, TrainingArguments

from xkde.errors import SettingsError
from xkde.paths import ROOT
from xkde.training.run import RunLog, is_whole, last_log, open_run, read_log
from xkde.training.stages import train

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*pin_memory.*:UserWarning", "ignore:.*mtime.*:UserWarning"
)

STEPS = 8
SETTINGS = """
stage: xe-it
name: tiny
samples: 40
optimizer: {optimizer}
model_name_or_path: {model}
output_dir: {out}
learning_rate: 1.0e-3
weight_decay: 0.05
lr_scheduler_type: cosine
warmup_steps: 2
max_steps: 8
per_device_train_batch_size: 2
train_sampling_strategy: group_by_length
length_column_name: length
max_length: 900
bf16: false
use_cpu: true
gradient_checkpointing: false
logging_steps: 2
save_steps: 2
disable_tqdm: true
report_to: none
"""


def settings(folder: Path, model: Path, out: str, **others: Any) -> str:
    filled = {"optimizer": "muon", **others}
    file = folder / f"{out}.yaml"
    file.write_text(SETTINGS.format(model=model, out=folder / out, **filled))
    return str(file)


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    return dict(load_file(checkpoint / "model.safetensors"))


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def forget_after(run: Path, step: int) -> None:
    """Leave a run's folder as a stop just after the save at ``step`` leaves it."""
    for checkpoint in run.glob("checkpoint-*"):
        if int(checkpoint.name.split("-")[1]) > step:
            shutil.rmtree(checkpoint)
    shutil.rmtree(run / "tiny")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, llama2_folder: Path) -> Path:
    """An uninterrupted run; tests copy it."""
    folder = tmp_path_factory.mktemp("runs")
    train(settings(folder, llama2_folder, "straight"))
    return folder / "straight"


# Resume


@pytest.mark.parametrize("optimizer", ["muon", "default"])
def test_a_stopped_run_goes_on_bit_equal(
    tmp_path: Path, llama2_folder: Path, optimizer: str
) -> None:
    file = settings(tmp_path, llama2_folder, "run", optimizer=optimizer)
    train(file)
    run = tmp_path / "run"
    shutil.copytree(run, tmp_path / "straight")
    forget_after(run, 4)
    assert train(file) == run / "tiny"
    assert_same_weights(
        run / f"checkpoint-{STEPS}", tmp_path / "straight" / f"checkpoint-{STEPS}"
    )
    assert_same_weights(run / "tiny", tmp_path / "straight" / "tiny")
    steps = [line["step"] for line in read_log(run) if "loss" in line]
    assert steps == [2, 4, 6, 8]
    again, before = last_log(run), last_log(tmp_path / "straight")
    assert again["loss"] == before["loss"]
    assert [line["seconds"] for line in read_log(run)] == sorted(
        line["seconds"] for line in read_log(run)
    )


def test_a_finished_run_started_again_stays_as_it_is(
    tmp_path: Path, finished: Path, llama2_folder: Path
) -> None:
    file = settings(tmp_path, llama2_folder, "straight")
    run = tmp_path / "straight"
    shutil.copytree(finished, run)
    before = (run / "tiny" / "model.safetensors").stat().st_mtime_ns
    assert train(file) == run / "tiny"
    assert (run / "tiny" / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_killed_run_goes_on_bit_equal(
    tmp_path: Path, finished: Path, llama2_folder: Path
) -> None:
    killed = settings(tmp_path, llama2_folder, "killed")
    run = tmp_path / "killed"
    # As many threads as here, set the same way: a sum in another order would differ.
    threads = f"import torch; torch.set_num_threads({torch.get_num_threads()})"
    code = f"from xkde.training.stages import train; train({killed!r})"
    process = subprocess.Popen(
        [sys.executable, "-c", f"{threads}; {code}"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 120
    saved = run / "checkpoint-2" / "trainer_state.json"
    while not saved.exists() and time.monotonic() < until:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert saved.exists()
    assert not (run / "tiny").exists()
    train(killed)
    last = f"checkpoint-{STEPS}"
    assert_same_weights(run / last, finished / last)
    assert_same_weights(run / "tiny", finished / "tiny")


# Other settings


def test_other_settings_are_refused_by_name(tmp_path: Path) -> None:
    assert open_run(tmp_path / "run", {"seed": 1, "data": "atlas"}) is None
    assert open_run(tmp_path / "run", {"seed": 1, "data": "atlas"}) is None
    with pytest.raises(SettingsError, match="seed was 1 and is 2") as caught:
        open_run(tmp_path / "run", {"seed": 2, "data": "atlas"})
    assert "output_dir" in str(caught.value)
    assert "data" not in str(caught.value)


def test_a_setting_that_was_not_written_down_is_no_change(tmp_path: Path) -> None:
    open_run(tmp_path, {"seed": 1})
    assert open_run(tmp_path, {"seed": 1, "optim": "adamw_torch"}) is None


def test_train_refuses_other_settings(
    tmp_path: Path, finished: Path, llama2_folder: Path
) -> None:
    shutil.copytree(finished, tmp_path / "straight")
    file = settings(tmp_path, llama2_folder, "straight")
    with pytest.raises(SettingsError, match=r"learning_rate was 0\.001 and is 0\.002"):
        train(file, ["--learning_rate", "2e-3"])


# Half-written checkpoints


def cut(file: Path) -> None:
    """Leave the first half of a file."""
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize(
    "name",
    [
        "model.safetensors",
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",
        "trainer_state.json",
    ],
)
@pytest.mark.parametrize("damage", [cut, lambda file: file.write_bytes(b"")])
def test_a_torn_checkpoint_is_not_whole(
    tmp_path: Path, finished: Path, name: str, damage: Any
) -> None:
    copy = tmp_path / "checkpoint-8"
    shutil.copytree(finished / "checkpoint-8", copy)
    assert is_whole(copy)
    damage(copy / name)
    assert not is_whole(copy)


def test_the_checkpoint_before_a_torn_one_is_taken(
    tmp_path: Path, finished: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = tmp_path / "run"
    shutil.copytree(finished, run)
    (run / "settings.yaml").unlink()
    cut(run / "checkpoint-8" / "optimizer.pt")
    (run / "checkpoint-6" / "trainer_state.json").unlink()  # the one written last
    (run / "checkpoint-10").mkdir()
    with caplog.at_level(logging.WARNING):
        assert open_run(run, {}) == str(run / "checkpoint-4")
    assert caplog.text.count("cut off") == 3
    assert not (run / "checkpoint-10").exists()


def test_a_run_without_a_whole_checkpoint_begins_again(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-2").mkdir()
    assert open_run(tmp_path, {}) is None


def test_a_run_goes_on_from_before_a_torn_checkpoint(
    tmp_path: Path, finished: Path, llama2_folder: Path
) -> None:
    run = tmp_path / "straight"
    shutil.copytree(finished, run)
    cut(run / "checkpoint-8" / "model.safetensors")
    shutil.rmtree(run / "tiny")
    train(settings(tmp_path, llama2_folder, "straight"))
    assert_same_weights(run / "checkpoint-8", finished / "checkpoint-8")


# The log


def logged(folder: Path, step: int, **numbers: float) -> None:
    arguments = TrainingArguments(output_dir=str(folder), use_cpu=True)
    state = TrainerState(global_step=step, max_steps=9, is_world_process_zero=True)
    RunLog(folder).on_log(arguments, state, TrainerControl(), dict(numbers))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("key", ["loss", "grad_norm"])
def test_what_is_no_number_stops_the_run(
    tmp_path: Path, key: str, value: float
) -> None:
    with pytest.raises(SettingsError, match=f"The {key} is {value} at step 3"):
        logged(tmp_path, 3, **{key: value})


def test_training_stops_with_words_when_the_loss_is_no_number(
    tmp_path: Path, llama2_folder: Path
) -> None:
    file = settings(tmp_path, llama2_folder, "run", optimizer="default")
    with pytest.raises(SettingsError, match="lower learning_rate"):
        train(file, ["--learning_rate", "1e30", "--max_grad_norm", "0"])
    assert not (tmp_path / "run" / "tiny").exists()


def test_the_last_logged_step_has_a_loss(tmp_path: Path) -> None:
    assert last_log(tmp_path) == {}
    logged(tmp_path, 2, loss=3.0)
    logged(tmp_path, 4, loss=2.0)
    logged(tmp_path, 4, train_loss=2.5)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 5, "lo')  # a kill while it was written
    assert last_log(tmp_path)["loss"] == 2.0
    assert len(read_log(tmp_path)) == 3
