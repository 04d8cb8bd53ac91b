"""What must hold of a run of any small training once it is finished.

For tests of the aligner, the encoder and the parts of editors.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from xkde.errors import SettingsError
from xkde.training.run import read_log

Train = Callable[[Sequence[str]], Path]  # with more overrides


def check_that_it_resumes(train: Train, folder: Path) -> None:
    """Stopped at its last step but one and started again, it ends the same."""
    run, before, log = folder.parent, weights(folder), losses(folder.parent)
    saved = sorted(run.glob("checkpoint-*"), key=lambda p: int(p.name.split("-")[1]))
    assert len(saved) > 1
    shutil.rmtree(folder)
    shutil.rmtree(saved[-1])
    assert train([]) == folder
    after = weights(folder)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert losses(run) == log


def check_that_it_stays(train: Train, folder: Path) -> None:
    """Finished, it is left as it is; with other settings it is refused."""
    written = (folder / "card.json").stat().st_mtime_ns
    assert train([]) == folder
    assert (folder / "card.json").stat().st_mtime_ns == written
    with pytest.raises(SettingsError, match="seed was"):
        train(["--seed", "5"])


def losses(run: Path) -> list[float]:
    """Return the losses of a run's log."""
    return [line["loss"] for line in read_log(run) if "loss" in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """Return every tensor below a folder."""
    return {
        f"{file.relative_to(folder)}:{name}": tensor
        for file in sorted(folder.rglob("*.safetensors"))
        for name, tensor in load_file(file).items()
    }
