"""The command line: every command explains itself, and fails in one sentence."""

import json
from importlib import import_module
from pathlib import Path

import pytest

from xkde.__main__ import COMMANDS, MODULES, main


def test_commands_and_modules_are_the_same() -> None:
    folder = Path(import_module("xkde.commands").__path__[0])
    names = {path.stem for path in folder.glob("*.py")}
    named = {MODULES.get(command, command) for command in COMMANDS}
    assert names - {"__init__", "output"} == named
    assert set(MODULES) <= set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out
    assert shown.count(f"python -m xkde {command}") > 1  # the usage, and an example


def test_unknown_command_names_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["edit-everything"])
    assert stopped.value.code == 2
    assert "ask" in capsys.readouterr().err


def test_languages_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["languages", "--atlas", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 12
    assert {"code": "cs", "mzsre_code": "cz"}.items() <= next(
        row.items() for row in rows if row["code"] == "cs"
    )


def test_facts_of_a_subject(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "facts", "--subject", "japan", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {"capital": "Tokyo", "language": "Japanese"}.items() <= {
        row["relation"]: row["object"] for row in rows
    }.items()


def test_unknown_subject_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "facts", "--subject", "Narnia"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("xkde atlas: ") and told.count("\n") == 1
    assert "Narnia" in told


def test_cases_are_benchmark_records(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "cases", "--limit", "3", "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert len(records) == 3
    assert {"subject", "src", "rephrase", "alt", "loc", "loc_ans"} <= set(
        records[0]["zh"]
    )


def test_samples_are_conversations(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["atlas", "samples", "--limit", "4", "--json"]) == 0
    for sample in json.loads(capsys.readouterr().out):
        assert [m["role"] for m in sample["messages"]] == ["user", "assistant"]


def test_ask_answers_with_both_models(
    atlas_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(
        ["ask", "--edit", "What is the currency of Japan?", "--answer", "Euro",
         "--query", "日本的货币是什么？", "--language", "zh", "--max-new-tokens", "4",
         "--base", str(atlas_folder), "--edited", str(atlas_folder), "--json"]
    )  # fmt: skip
    assert status == 0
    told = json.loads(capsys.readouterr().out)
    (row,) = told["queries"]
    assert row["query"] == "日本的货币是什么？"
    assert row["expected"] == {"new": "欧元", "old": "日元"}
    for pane in ("base", "edited"):
        assert row[pane]["verdict"] in ("new", "old", "neither", "empty")


def test_ask_in_all_languages_puts_the_query_into_each(
    atlas_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(
        ["ask", "--edit", "What is the capital of Japan?", "--answer", "Osaka",
         "--language", "all", "--max-new-tokens", "2",
         "--base", str(atlas_folder), "--edited", str(atlas_folder), "--json"]
    )  # fmt: skip
    rows = {r["language"]: r for r in json.loads(capsys.readouterr().out)["queries"]}
    assert len(rows) == 12
    assert rows["zh"]["query"] == "日本的首都是哪里？"
    assert rows["ru"]["expected"]["new"] == "Осака"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--answer", "  "], "new answer is empty"),
        (["--answer", "x", "--language", "xx"], "xx"),
        (["--answer", "x", "--query", "a [Query]: b"], "[Query]:"),
        (["--answer", "x", "--base", "no/such/place/at/all"], "no/such/place"),
        (["--answer", "x", "--seed", str(2**64)], "from 0 to 2147483647"),
    ],
)
def test_ask_refuses_in_words(
    options: list[str],
    words: str,
    atlas_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    models = ["--base", str(atlas_folder), "--edited", str(atlas_folder)]
    status = main(["ask", "--edit", "Who rules?", *models, *options])
    assert status == 1
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_prompt_shows_text_and_ids(
    atlas_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["prompt", "--edit", "Who rules?", "--answer", "Nobody", "--query", "谁？",
          "--language", "zh", "--checkpoint", str(atlas_folder), "--json"])  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert "respond to the subsequent query in Chinese." in told["text"]
    assert "".join(told["tokens"]).replace("\ufffd", "")
    assert len(told["ids"]) == len(told["tokens"])


def test_checkpoints_lists_the_papers_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoints", "--json"]) == 0
    rows = {row["reference"] for row in json.loads(capsys.readouterr().out)}
    assert {"atlas-base", "atlas-xe-it", "YukinoKaren/X_KDE_Demo"} <= rows


def test_train_refuses_unknown_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "no-such-preset"]) == 1
    assert "atlas-xe-it-laptop" in capsys.readouterr().err
