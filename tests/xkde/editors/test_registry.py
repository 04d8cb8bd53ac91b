"""The table of editors costs no torch, and says what each of them is."""

import subprocess
import sys
from pathlib import Path

import pytest

from xkde.editors.registry import (
    EDITORS,
    entry_of,
    make,
    model_of,
    part_folder,
    training_command,
)
from xkde.errors import CheckpointError, InputError, SettingsError

NAMES = (
    "x-kde lte ike prompt none ft-l ft-m rome memit alphaedit kn serac mend"
).split()


def test_table_has_every_editor_of_the_paper() -> None:
    assert list(EDITORS) == NAMES
    for name, entry in EDITORS.items():
        assert entry.name == name
        assert entry.sentence.endswith(".")


def test_table_costs_no_torch() -> None:
    code = "import xkde.editors.registry, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_each_is_made_with_its_name(name: str) -> None:
    if "trained part" not in EDITORS[name].needs:
        assert make(name).name == name


def test_unknown_names_are_said() -> None:
    with pytest.raises(InputError, match="x-kde, lte, ike"):
        entry_of("rmoe")
    with pytest.raises(SettingsError, match="no setting “layer”"):
        make("x-kde", {"layer": 3})


def test_lte_asks_what_was_trained_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))
    assert model_of("lte", "atlas-base", "atlas-xe-it") == "atlas-base"
    (tmp_path / "atlas-lte").mkdir()
    assert model_of("lte", "atlas-base", "atlas-xe-it") == "atlas-lte"
    assert model_of("lte", "atlas-xe-it", "atlas-xe-it") == "atlas-xe-it"
    assert model_of("x-kde", "atlas-base", "atlas-xe-it") == "atlas-xe-it"
    assert model_of("rome", "atlas-base", "atlas-xe-it") == "atlas-base"


def test_the_command_that_trains_a_part_is_for_the_model() -> None:
    assert training_command("mend", "gemma-3-270m").endswith("gemma-3-270m-mend")
    assert training_command("mend", "gemma-3-270m-mend").endswith("gemma-3-270m-mend")
    assert training_command("serac", "a model").endswith("atlas-serac-laptop")
    with pytest.raises(CheckpointError, match="--settings gemma-3-270m-serac"):
        part_folder("serac", "runs/gemma-3-270m-serac/nothing")
