"""Training SERAC's parts and MEND's network: settings, losses that fall, resuming."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.small_runs import check_that_it_resumes, check_that_it_stays
from xkde.__main__ import main
from xkde.editors import trained
from xkde.editors.editor import applied
from xkde.engines.loading import load
from xkde.errors import SettingsError
from xkde.training.editors.mend import MendSettings, train_mend
from xkde.training.editors.runs import FOLDER, load_editor_settings
from xkde.training.editors.serac import SeracSettings, best_threshold, train_serac
from xkde.training.run import open_run, read_log
from xkde.training.settings import run_settings
from xkde.types import Edit, Query

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*pin_memory.*:UserWarning", "ignore:.*mtime.*:UserWarning"
)

KINDS: dict[str, type] = {"serac": SeracSettings, "mend": MendSettings}
PRESETS = sorted(file.stem for file in FOLDER.glob("*.yaml"))
JAPAN = Edit("What is the capital of Japan?", "Osaka", "en")


def options(run: Path, checkpoint: Path, editor: str) -> list[str]:
    """Return the overrides that make a smoke run tiny."""
    of_editor = {
        "serac": [
            *("--encoder", str(checkpoint), "--encoder_layers", "1"),
            *("--counterfactual", str(checkpoint), "--counterfactual_layers", "0"),
            *("--dev_cases", "2"),
        ],
        # A random model has nothing worth keeping: it is to learn the edits.
        "mend": [
            *("--modules", "*.layers.1.mlp.*", "--statistics", "16"),
            *("--rate", "1e-2", "--edit_weight", "1", "--locality_weight", "0.01"),
        ],
    }
    return [
        *("--output_dir", str(run), "--base", str(checkpoint), "--samples", "128"),
        *("--per_device_train_batch_size", "8", "--learning_rate", "1e-2"),
        *("--logging_steps", "2", "--save_steps", "8", "--disable_tqdm", "true"),
        *of_editor[editor],
    ]


# Settings


def test_there_are_presets_for_both_models() -> None:
    assert PRESETS == [
        "atlas-mend-laptop",
        "atlas-mend-smoke",
        "atlas-serac-laptop",
        "atlas-serac-smoke",
        "gemma-3-270m-mend",
        "gemma-3-270m-serac",
    ]


@pytest.mark.parametrize("name", PRESETS)
def test_presets(name: str) -> None:
    (editor,) = KINDS.keys() & set(name.split("-"))
    settings, training = load_editor_settings(editor, KINDS[editor], name)
    assert settings.name == editor
    is_atlas = name.startswith("atlas")
    assert settings.base == ("atlas-base" if is_atlas else "gemma-3-270m")
    assert (settings.data == "atlas") == is_atlas
    assert training.output_dir == f"runs/{name}"
    assert training.use_cpu


@pytest.mark.parametrize(
    ("editor", "name", "overrides", "reason"),
    [
        ("serac", "nothing", [], "one of: atlas-serac-laptop, atlas-serac-smoke"),
        ("mend", "atlas-mend-smoke", ["--colour", "blue"], "does not fit"),
        ("mend", "atlas-mend-smoke", ["--samples", "0"], "must be 1 or more"),
        ("mend", "atlas-mend-smoke", ["--rate", "0"], "above 0"),
        ("serac", "atlas-serac-smoke", ["--dev_cases", "0"], "must be 1 or more"),
    ],
)
def test_mistakes(editor: str, name: str, overrides: list[str], reason: str) -> None:
    train: Any = train_serac if editor == "serac" else train_mend
    with pytest.raises(SettingsError, match=reason):
        train(name, overrides)


def test_a_file_of_other_rows_is_another_setting(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    given = ["--data", str(file), "--use_cpu", "true"]
    settings, training = load_editor_settings(
        "serac", SeracSettings, "atlas-serac-smoke", given
    )
    file.write_text(instructions(facts=2), encoding="utf-8")
    open_run(tmp_path / "run", run_settings(settings, training))
    open_run(tmp_path / "run", run_settings(settings, training))
    file.write_text(instructions(facts=3), encoding="utf-8")
    with pytest.raises(SettingsError, match="data_sha256 was"):
        open_run(tmp_path / "run", run_settings(settings, training))


# The threshold


def test_the_threshold_is_between_the_two() -> None:
    assert best_threshold([0.9, 0.8], [0.1, 0.4]) == (pytest.approx(0.6), 1.0)
    # One in four is on the wrong side wherever it is drawn.
    threshold, accuracy = best_threshold([0.9, 0.2], [0.1, 0.4])
    assert accuracy == 0.75
    assert 0.1 < threshold < 0.9


# A training file instead of Atlas


@pytest.mark.slow
@pytest.mark.parametrize("editor", ["serac", "mend"])
def test_parts_learn_from_a_file(
    editor: str, atlas_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "train.jsonl"
    file.write_text(instructions(facts=24), encoding="utf-8")
    train: Any = train_serac if editor == "serac" else train_mend
    more = ["--data", str(file), "--save_steps", "100"]
    folder = train(
        f"atlas-{editor}-smoke",
        [*options(tmp_path / "run", atlas_folder, editor), *more],
    )
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    # SERAC keeps the last two facts for its threshold.
    assert card["samples"] == (22 if editor == "serac" else 24)
    if editor == "serac":
        assert (card["dev"]["inside"], card["dev"]["outside"]) == (2, 2)


def instructions(facts: int) -> str:
    """Return a training file: an edit in scope of each fact, and one row outside."""
    rows = []
    for fact in range(facts):
        edit = Edit(f"Where is company {fact}?", "Osaka", "en")
        asked, gold = f"Wo ist Firma {fact}?", "Osaka"
        rows.append(("in_scope", [vars(edit)], asked, gold, str(fact)))
    rows.append(("out_of_scope_without_edit", [], "Wo liegt Bonn?", "Deutschland", ""))
    return "".join(
        json.dumps(
            {
                "messages": [
                    {"role": "user", "content": query},
                    {"role": "assistant", "content": answer},
                ],
                "kind": kind,
                "source": "en",
                "target": "de",
                "edits": edits,
                "query": query,
                "fact": fact,
            }
        )
        + "\n"
        for kind, edits, query, answer, fact in rows
    )


# Runs


@pytest.mark.slow
@pytest.mark.parametrize("editor", ["serac", "mend"])
def test_a_run_is_trained_resumed_and_used(
    editor: str, atlas_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    given = options(run, atlas_folder, editor)
    name = f"atlas-{editor}-smoke"
    assert main(["train-editor", editor, "--settings", name, "--json", *given]) == 0
    printed = capsys.readouterr().out
    folder = Path(json.loads(printed[printed.rindex("{\n") :])["folder"])
    assert folder == run / editor
    log = [line for line in read_log(run) if "loss" in line]
    assert log[-1]["loss"] < log[0]["loss"]
    assert log[-1]["edit_loss"] < log[0]["edit_loss"]
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert (card["stage"], card["samples"]) == ("editor", 128)
    assert card["training"]["step"] == 16

    train: Any = train_serac if editor == "serac" else train_mend
    check_that_it_resumes(lambda more: train(name, [*given, *more]), folder)
    check_that_it_stays(lambda more: train(name, [*given, *more]), folder)

    # The editor takes what training wrote.
    engine = load(atlas_folder, device="cpu")
    made: Any = (trained.serac if editor == "serac" else trained.mend)(
        {"folder": str(folder)}
    )
    with applied(made, engine, [JAPAN]) as at_work:
        assert at_work.route(Query(JAPAN.question, "zh")).messages
    if editor == "serac":
        assert 0.0 < card["threshold"] < 1.0
        assert 0.5 <= card["dev"]["balanced_accuracy"] <= 1.0
    else:
        assert all(rate > 0 for rate in card["rates"].values())
