"""Training of the aligner and of the encoder: settings, a run, resuming it."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import tiny_aligner
from tests.helpers.small_runs import check_that_it_resumes, check_that_it_stays, losses
from xkde.__main__ import main
from xkde.engines.aligner import load_aligner
from xkde.engines.encoder import load_encoder
from xkde.errors import SettingsError
from xkde.training.atlas_models import aligner, encoder
from xkde.training.settings import presets

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*pin_memory.*:UserWarning", "ignore:.*mtime.*:UserWarning"
)


@dataclass(frozen=True)
class Training:
    """What is to be tested of a training."""

    module: Any
    load: Any  # settings by name and overrides
    train: Any
    samples: int  # of the smoke run


TRAININGS = {
    "aligner": Training(
        aligner, aligner.load_aligner_settings, aligner.train_aligner, 1000
    ),
    "encoder": Training(
        encoder, encoder.load_encoder_settings, encoder.train_encoder, 640
    ),
}
BOTH = pytest.mark.parametrize("kind", TRAININGS)


# Settings


@BOTH
def test_presets(kind: str) -> None:
    training = TRAININGS[kind]
    names = [f"atlas-{kind}-laptop", f"atlas-{kind}-smoke"]
    assert presets(training.module.FOLDER) == names
    for name in names:
        settings, of_trainer = training.load(name)
        assert settings.name == f"atlas-{kind}"
        assert of_trainer.output_dir == f"runs/{name}"
        assert of_trainer.use_cpu


@pytest.mark.parametrize(
    ("kind", "overrides", "reason"),
    [
        *((kind, ["--colour", "blue"], "does not fit") for kind in TRAININGS),
        *((kind, ["--hidden_size", "100"], "a multiple of 64") for kind in TRAININGS),
        *((kind, ["--samples", "0"], "must be 1 or more") for kind in TRAININGS),
        ("encoder", ["--temperature", "0"], "above 0"),
    ],
)
def test_mistakes(kind: str, overrides: list[str], reason: str) -> None:
    with pytest.raises(SettingsError, match=reason):
        TRAININGS[kind].load(f"atlas-{kind}-smoke", overrides)


@BOTH
def test_settings_that_are_not_there(kind: str) -> None:
    there = f"one of: atlas-{kind}-laptop, atlas-{kind}-smoke"
    with pytest.raises(SettingsError, match=there):
        TRAININGS[kind].load("nothing")


# A run


@pytest.mark.parametrize(
    "kind", ["aligner", pytest.param("encoder", marks=pytest.mark.slow)]
)
def test_a_run_is_trained_resumed_and_loaded(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, name = tmp_path / "run", f"atlas-{kind}-smoke"
    options = ["--output_dir", str(run), "--disable_tqdm", "true", "--save_steps", "10"]
    assert main([f"train-{kind}", name, *options, "--json"]) == 0
    printed = capsys.readouterr().out
    folder = Path(json.loads(printed[printed.rindex("{\n") :])["checkpoint"])
    assert folder == run / f"atlas-{kind}"
    assert losses(run)[-1] < losses(run)[0]
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert (card["stage"], card["samples"]) == (kind, TRAININGS[kind].samples)
    assert card["held_out_loss"] > 0
    assert {"torch", "transformers"} <= card["versions"].keys()
    LOADED[kind](folder)

    def train(more: Any) -> Path:
        trained: Path = TRAININGS[kind].train(name, [*options, *more])
        return trained

    check_that_it_resumes(train, folder)
    check_that_it_stays(train, folder)


def _aligner_works(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["held_out_loss"] < losses(folder.parent)[0]
    made = load_aligner(folder, device="cpu")
    (reward,) = tiny_aligner.rewards(made, [("Japan", "日本")], "en", "zh")
    assert -10 < reward.symmetric < 0


def _encoder_works(folder: Path) -> None:
    made = load_encoder(folder, device="cpu")
    vectors = made.encode(["Japan", "日本"], "query")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


LOADED = {"aligner": _aligner_works, "encoder": _encoder_works}
