"""``python -m xkde edit``: what it prints, and what it says to bad input."""

import json
from pathlib import Path
from typing import Any

import pytest

from xkde.__main__ import main

JAPAN = ["--question", "What is the capital of Japan?", "--answer", "Osaka"]
FAST = ["--set", "learning_rate=5e-2", "--set", "layer=1", "--set", "steps=40"]


def told(capsys: pytest.CaptureFixture[str], words: list[str]) -> Any:
    assert main(["edit", *words, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def said(capsys: pytest.CaptureFixture[str], words: list[str]) -> str:
    assert main(["edit", *words]) == 1
    return capsys.readouterr().err


def test_before_with_and_after(
    capsys: pytest.CaptureFixture[str], atlas_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "osaka.safetensors"
    at = ["--checkpoint", str(atlas_folder), "--max-new-tokens", "12"]
    words = [*JAPAN, *at, *FAST, "--save-delta", str(file)]
    asked = ["--query", "What is the capital of Japan?", "--query", "zh:为什么？"]
    report = told(capsys, [*words, *asked])
    first, second = report["queries"]
    assert first["after"] == "Osaka"
    assert first["before"] == first["reverted"] != "Osaka"
    assert (second["query"], second["language"]) == ("为什么？", "zh")
    assert report["reverted"] is True
    assert report["editor"] == "ft-m"
    assert report["settings"] == {"learning_rate": 0.05, "layer": 1, "steps": 40}
    assert len(report["changed"]) == 1
    assert report["seconds"] > 0

    again = told(capsys, ["--load-delta", str(file), *at])
    assert again["queries"][0]["after"] == "Osaka"
    assert again["edits"] == report["edits"]


def test_prompt_editor_asks_in_every_language(
    capsys: pytest.CaptureFixture[str], atlas_folder: Path
) -> None:
    words = [*JAPAN, "--editor", "prompt", "--ask-in", "all", "--max-new-tokens", "2"]
    report = told(capsys, [*words, "--checkpoint", str(atlas_folder)])
    assert len(report["queries"]) == 12
    assert report["changed"] == {}
    assert main(["edit", *words, "--checkpoint", str(atlas_folder)]) == 0
    printed = capsys.readouterr().out
    assert "bit-exactly as before" in printed


def test_list_names_every_editor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", "--list"]) == 0
    printed = capsys.readouterr().out
    assert "alphaedit" in printed
    assert {entry["name"] for entry in told(capsys, ["--list"])} >= {"rome", "serac"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--editor", "rmoe", *JAPAN], "There is no editor “rmoe”"),
        ([], "State an edit"),
        (["--question", "Why?"], "answer is empty"),
        ([*JAPAN, "--language", "xx"], "“xx” is not a language"),
        ([*JAPAN, "--query", "zh: "], "A query is empty"),
        ([*JAPAN, "--set", "layer"], "is no setting"),
        ([*JAPAN, "--set", "lair=3"], "no setting “lair”"),
        ([*JAPAN, "--set", "layer=9"], "layers 0 to 1, not 9"),
        ([*JAPAN, "--checkpoint", "nobody/nothing"], "not on this machine"),
        ([*JAPAN, "--edits", "none.csv"], "cannot be read"),
        (["--load-delta", "none.safetensors"], "could not be read"),
        (["--load-delta", "none", *JAPAN], "its own edits"),
        (["--question", "Why?", "--answer", "a " * 200], "at most 64"),
        ([*JAPAN, "--editor", "prompt", "--save-delta", "x"], "changes no weights"),
    ],
)
def test_bad_input_is_said(
    capsys: pytest.CaptureFixture[str],
    atlas_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    reason: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    words = ["--checkpoint", str(atlas_folder), "--max-new-tokens", "2", *words]
    assert reason in said(capsys, words)
    assert list(tmp_path.iterdir()) == []


def test_contradictory_edits_are_said(
    capsys: pytest.CaptureFixture[str], atlas_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "edits.jsonl"
    rows = [{"question": "Who?", "answer": name} for name in ("Ann", "Bob")]
    file.write_text("\n".join(map(json.dumps, rows)))
    at = ["--checkpoint", str(atlas_folder)]
    for editor in ("ft-m", "x-kde"):
        message = said(capsys, ["--edits", str(file), "--editor", editor, *at])
        assert "contradict each other" in message
