"""The command evaluates, prints, goes on, and refuses in words."""

import json
from pathlib import Path

import pytest

from tests.helpers import benchmark_samples as samples
from tests.helpers.result_samples import roomy_copy
from xkde.__main__ import main
from xkde.commands.output import _time
from xkde.evaluation.results.rows import load_results

FEW = ["--limit", "2", "--max-new-tokens", "3"]


@pytest.fixture
def roomy_folder(atlas_folder: Path, tmp_path: Path) -> Path:
    """A tiny checkpoint that whole prompts fit."""
    return roomy_copy(atlas_folder, tmp_path / "roomy")


def test_both_protocols_on_a_file(
    roomy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = samples.write(tmp_path / "bizsre_test.json", samples.bizsre())
    words = [
        "evaluate", "--checkpoint", str(roomy_folder), "--benchmark", str(file),
        "--directions", "en-zh,zh-en", *FEW, "--out", str(tmp_path / "run"),
        "--export-released", str(tmp_path / "released.json"),
    ]  # fmt: skip
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 2 * 2 * 4 * 2
    assert told["settings"]["checkpoint"] == "roomy"
    assert len(told["settings"]["revision"]) == 12
    assert told["settings"]["benchmark_sha256"]
    assert {line["source"] for line in told["results"]} == {"all", "en", "zh"}
    forced = [
        line["whole"]
        for line in told["results"]
        if (line["source"], line["measure"]) == ("en", "token_accuracy")
    ]
    assert [share["n"] for share in forced] == [2, 2, 2, 2]
    records = json.loads((tmp_path / "released_en_zh.json").read_text("utf-8"))
    table = load_results([tmp_path / "run"])
    assert [record["prompt"] for record in records] == [
        row["prompt"]
        for row in table.to_pylist()
        if (row["source"], row["probe"], row["protocol"])
        == ("en", "reliability", "teacher-forced")
    ]
    assert main(words) == 0  # all is there
    out = capsys.readouterr().out
    assert "en→zh" in out
    assert "token accuracy" in out
    assert "95 % intervals" in out
    assert main([*words, "--parity"]) == 1
    assert "parity was False and is True" in capsys.readouterr().err
    assert main([*words, "--dtype", "float32"]) == 1
    assert "dtype was auto and is float32" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--benchmark", "no/such.json"], "no/such.json"),
        (["--directions", "en-cy"], "no Welsh"),
        (["--directions", "enzh"], "is no direction"),
        (["--engine", "vllm"], "teacher-forced runs on the engine transformers only"),
        (["--engine", "http://127.0.0.1:9/v1"], "engine transformers only"),
        (["--protocol", "generated", "--export-released", "x"], "--protocol"),
        (["--batch-size", "0"], "1 or more"),
        (["--wrapper", "xkde_eval"], "hf_template"),
        (["--checkpoint", "no/such/place/at/all"], "no/such/place"),
        (["--base", "no/such/base/at/all"], "no/such/base"),
        (["--editor", "magic"], "no editor “magic”"),
        (["--editor", ","], "No editor is named"),
        (["--set", "rome.layer=4"], "for an editor of this run"),
        (["--set", "layer=4"], "sets nothing"),
        (["--memory-others", "x.json"], "Add its size"),
        (["--memory", "5", "--memory-others", "no/such.json"], "no/such.json"),
        (["--set", "x-kde.layer=4"], "has no settings"),
        (["--editor", "rome", "--set", "rome.depth=4"], "no setting “depth”"),
        (["--editor", "ft-m", "--parity"], "x-kde"),
        (["--judge", "http://127.0.0.1:9/v1", "--protocol", "teacher-forced"], "both"),
        (["--judge", "http://127.0.0.1:9/v1"], "No judge answers at"),
        (["--judge", "http://127.0.0.1:9/v1", "--judge-prompt", "no.txt"], "no.txt"),
    ],
)
def test_refuses_in_words(
    options: list[str],
    words: str,
    atlas_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = ["--out", str(tmp_path / "run")]
    model = ["--checkpoint", str(atlas_folder)]
    assert main(["evaluate", *model, *FEW, *out, *options]) == 1
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


def test_a_run_s_memory_is_filled_and_recorded(
    roomy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = samples.write(tmp_path / "bizsre_test.json", samples.bizsre())
    words = [
        "evaluate", "--checkpoint", str(roomy_folder), *FEW, "--protocol", "generated",
        "--directions", "en-en", "--memory", "3", "--out", str(tmp_path / "run"),
        "--memory-others", str(others),
    ]  # fmt: skip
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["settings"]
    memory = json.loads(told["editor_settings"])["memory"]
    assert memory["edits"] == 3
    assert memory["others"].startswith("bizsre ")
    assert main([*words[:-2], "--out", str(tmp_path / "alone")]) == 1
    assert "needs 1 more" in capsys.readouterr().err


def test_a_checkpoint_without_chat_template(
    roomy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (roomy_folder / "chat_template.jinja").unlink()
    words = ["evaluate", "--checkpoint", str(roomy_folder), *FEW]
    assert main([*words, "--out", str(tmp_path / "run")]) == 1
    assert "no chat template" in capsys.readouterr().err


def test_time_left() -> None:
    assert [_time(s) for s in (4.4, 89, 150, 7200)] == ["4 s", "89 s", "2 min", "2.0 h"]
