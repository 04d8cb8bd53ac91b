"""``python -m xkde data``: from small sources to a proven training file."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import benchmark_samples
from tests.helpers import source_samples as samples
from xkde.__main__ import main

SETTINGS = """
shares: {in_scope: 2, paraphrase: 1, multi_hop: 1, out_of_scope: 2, translation: 1}
answers: {own: 1, name: 1}
dev_facts: 2
"""


@pytest.fixture
def sources(tmp_path: Path) -> str:
    places = samples.all_sources(tmp_path / "sources")
    return ",".join([*(f"{name}={place}" for name, place in places.items()), "atlas"])


def run(*words: Any) -> int:
    return main(["data", *map(str, words)])


def printed(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_targets_build_check_describe(
    sources: str, atlas_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = benchmark_samples.write(
        tmp_path / "tests" / "bizsre_test.json", benchmark_samples.bizsre()
    )
    settings, out = tmp_path / "mine.yaml", tmp_path / "train.jsonl"
    settings.write_text(SETTINGS, "utf-8")
    common = ("--sources", sources, "--settings", settings, "--held-out", tests)
    targets = tmp_path / "targets.jsonl"
    # A real, tiny model answers, both ways.
    for prompt, count in (("chat", 12), ("chat", 12)):  # the second finds all done
        status = run("targets", *common, "--checkpoint", atlas_folder, "--count", count,
                     "--prompt", prompt, "--max-new-tokens", 8, "--out", targets,
                     "--json")  # fmt: skip
        assert status == 0
    assert printed_last(capsys)["questions"] >= 10
    other = ("--checkpoint", atlas_folder, "--count", 12, "--max-new-tokens", 9)
    assert run("targets", *common, *other, "--out", targets) == 1
    assert "max_new_tokens was 8 and is 9" in capsys.readouterr().err
    answers = [json.loads(line) for line in targets.read_text("utf-8").splitlines()]
    for answer in answers:  # what a random model says is short and broken
        answer |= {"answer": f"base {len(answer['question'])}", "ended": True}
    samples.write_json(targets, answers)

    build = ("build", *common, "--targets", targets, "--samples", 70, "--out", out)
    assert run(*build, "--json") == 0
    report = printed(capsys)
    assert report["file"]["counts"]["kinds"] == {
        "in_scope": 20, "out_of_scope": 20, "paraphrase": 10, "multi_hop": 10,
        "translation": 10,
    }  # fmt: skip
    assert json.loads((tmp_path / "train.report.json").read_text("utf-8")) == report
    page = (tmp_path / "train.report.md").read_text("utf-8")
    assert "| in_scope | 20 | 28.6% |" in page and "## Left out" in page
    before = out.read_bytes()
    assert run(*build, "--json") == 0 and out.read_bytes() == before
    capsys.readouterr()

    assert run("check", out, "--against", tests) == 0
    assert "No sample edits or asks about any" in capsys.readouterr().out
    guilty = json.loads(before.decode().splitlines()[0]) | {
        "query": "请问，纳尼亚的首都是哪里？"
    }
    samples.write_json(out, [guilty])
    assert run("check", out, "--against", tests, "--json") == 1
    (leak,) = printed(capsys)["leaks"]
    assert (leak["where"], leak["kind"], leak["line"]) == ("query", "subject", 1)
    assert run("describe", out) == 0
    assert "1 samples" in capsys.readouterr().out


def printed_last(capsys: pytest.CaptureFixture[str]) -> Any:
    text = capsys.readouterr().out
    return json.loads(text[text.rindex("\n{\n") if "\n{\n" in text else 0 :])


def test_files_of_others_are_checked_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tests = benchmark_samples.write(
        tmp_path / "tests" / "bizsre_test.json", benchmark_samples.bizsre()
    )
    prompt = (
        "Respond.\n\n[Updated Information]:\nWho wrote The Tempest? Ada\n\n[Query]:"
    )
    line = {"conversations": [{"from": "human", "value": f"{prompt}\nWho?"},
                              {"from": "gpt", "value": "Ada"}]}  # fmt: skip
    file = samples.write_json(tmp_path / "theirs.jsonl", [line])
    assert run("check", file, "--against", tests) == 1
    assert "who wrote the tempest" in capsys.readouterr().out
    # The line is the file's, whatever stands before it.
    file.write_text("{broken\n\n[]\n" + file.read_text("utf-8"), "utf-8")
    assert run("check", file, "--against", tests, "--json") == 1
    assert {leak["line"] for leak in printed(capsys)["leaks"]} == {4}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("build", "--out", "t.jsonl"), "Name the sources"),
        (("build", "--sources", "zsre", "--out", "t.jsonl"), "has no place"),
        (("build", "--sources", "zsre=/nowhere", "--out", "t.jsonl"), "no file or"),
        (("build", "--sources", "atlas", "--out", "t.txt"), "ending in .jsonl"),
        (("build", "--sources", "atlas", "--out", "t.jsonl"), "need the base's own"),
        (("build", "--sources", "atlas", "--out", "t.jsonl", "--settings", "x"),
         "no settings file"),
        (("targets", "--sources", "atlas", "--out", "t.jsonl"), "Name the model"),
        (("check", "t.jsonl"), "Name the test files"),
        (("describe",), "Name a file"),
        (("describe", "nothing.jsonl"), "cannot be read"),
    ],
)  # fmt: skip
def test_what_is_missing_is_named(
    words: tuple[str, ...],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*words) == 1
    assert message in capsys.readouterr().err


def test_damaged_training_files_are_described(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = [{"role": "user", "content": "Who?"}]
    turns.append({"role": "assistant", "content": "Bo"})
    good = json.dumps({"messages": turns})
    random_ = random.Random(1)
    lines = [good]
    for _ in range(30):
        where = random_.randrange(len(good))
        lines.append(good[:where] + random_.choice('"[]{}x\x00') + good[where + 1 :])
    file = tmp_path / "damaged.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    assert run("describe", file, "--json") == 0
    file_ = printed(capsys)
    assert file_["rows"] + file_["unreadable"] == 31
