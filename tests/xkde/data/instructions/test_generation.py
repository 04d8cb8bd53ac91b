"""The paper's steps on a model that is a function: what passes, what is rejected."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from xkde.data.file_settings import settings_beside
from xkde.data.instructions.generation import (
    AT_ONCE,
    Generated,
    GenerationPlan,
    generate,
    prompts,
    read_generated,
    reasons,
    score_in,
)
from xkde.data.instructions.targets import Reply
from xkde.errors import CheckpointError, DataError, SettingsError
from xkde.types import Edit

EDITS = [
    Edit(f"How deep is Lake Umber{n}?", f"{n + 2}0 metres", "en", f"Lake Umber{n}")
    for n in range(AT_ONCE + 4)
]
PLAN = GenerationPlan("oracle", ("de", "zh"), 5.0)


class Oracle:
    """Answers each step by its prompt's first words; ``faults`` change some replies."""

    def __init__(self, **faults: str) -> None:
        self.faults = faults
        self.asked: list[str] = []

    def __call__(self, asked: Sequence[str]) -> list[Reply]:
        self.asked += asked
        return [self.reply(prompt) for prompt in asked]

    def reply(self, prompt: str) -> Reply:
        step = next(
            name
            for name, text in prompts().items()
            if prompt.startswith(text.split("{")[0][:40])
        )
        lake = "Lake " + (re.findall(r"Umber\d*", prompt) or [""])[-1]
        if step == "translation":
            return Reply(f"übersetzt: {prompt.rsplit(chr(10), 1)[1]}")
        if f"{step}_{lake[-1]}" in self.faults:
            return Reply(self.faults[f"{step}_{lake[-1]}"])
        return Reply({
            "query": f"[Generated Question]: To what depth does one sink in {lake}?",
            "answer": f"One sinks deep in {lake}.",
            "judge": "It follows from the edit. [T]",
            "score": "[Sentence complexity: 6; Vocabulary richness: 7; "
                     "Faithfulness: 8; Overall score: 7]",
            "out_of_scope": f"fish\nNew question: Which fish is in {lake}?\n"
                            "New answer: pike",
        }[step])  # fmt: skip


def test_a_row_goes_through_every_step(tmp_path: Path) -> None:
    (row,) = generate(EDITS[:1], Oracle(), PLAN, tmp_path / "g.jsonl")
    assert row.query == "To what depth does one sink in Lake Umber0?"
    assert row.answer == "One sinks deep in Lake Umber0."
    assert row.neighbour == "Which fish is in Lake Umber0?"
    assert row.score == 7 and not row.rejected
    assert set(row.languages) == {"en", "de", "zh"}
    assert row.languages["de"]["answer"] == f"übersetzt: {row.answer}"


@pytest.mark.parametrize(
    ("fault", "reply", "reason"),
    [
        (
            "query_1",
            "Is Lake Umber1 30 metres deep?",
            "the question has the new answer",
        ),
        ("query_1", "", "an empty reply"),
        ("judge_1", "No. [F]", "the answer is not based on the edit"),
        ("judge_1", "perhaps", "neither [T] nor [F] from the judge"),
        ("score_1", "very good", "no scores from the judge"),
        ("score_1", "[Overall score: 3]", "a score under 5"),
        ("answer_1", "deep " * 300, "an answer over 1000 characters"),
    ],
)
def test_what_fails_is_kept_with_its_reason(
    fault: str, reply: str, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "g.jsonl"
    rows = generate(EDITS[:3], Oracle(**{fault: reply}), PLAN, path)
    assert [row.rejected for row in rows] == ["", reason, ""]
    assert reasons(read_generated(path)) == {reason: 1}


def test_thoughts_are_no_answer(tmp_path: Path) -> None:
    oracle = Oracle(judge_0="<think>Is it [F]?</think>[T]")
    (row,) = generate(EDITS[:1], oracle, PLAN, tmp_path / "g.jsonl")
    assert not row.rejected


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("[Sentence complexity: 6; Vocabulary richness: 7; Faithfulness: 8]", 7.0),
        ("Overall score: [8.5]", 8.5),
        ("Overall score: 85", None),
        ("6 of 10", None),
    ],
)
def test_scores(text: str, score: float | None) -> None:
    assert score_in(text) == score


def test_generation_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    generate(EDITS, Oracle(), PLAN, whole)
    lines = whole.read_bytes().split(b"\n")
    stopped.write_bytes(b"\n".join(lines[:AT_ONCE]) + b"\n" + lines[AT_ONCE][:30])
    settings_beside(stopped).write_bytes(settings_beside(whole).read_bytes())
    oracle = Oracle()
    generate(EDITS, oracle, PLAN, stopped)
    assert stopped.read_bytes() == whole.read_bytes()
    assert not any("Umber0?" in prompt for prompt in oracle.asked)


def test_a_model_that_is_silent_stops_the_job(tmp_path: Path) -> None:
    def silent(asked: Sequence[str]) -> list[Reply]:
        return [Reply("", error="no answer from the server") for _ in asked]

    with pytest.raises(CheckpointError, match="answers nothing"):
        generate(EDITS, silent, PLAN, tmp_path / "g.jsonl")
    assert not (tmp_path / "g.jsonl").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.jsonl"
    generate(EDITS[:2], Oracle(), PLAN, path)
    with pytest.raises(SettingsError, match="begun with other sources"):
        generate(EDITS[2:4], Oracle(), PLAN, path)
    path.write_text("{}\n", "utf-8")
    with pytest.raises(DataError, match="did not write"):
        read_generated(path)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another"},
        {"languages": ("de",)},
        {"lowest_score": 7.0},
        {"weights": "def"},
        {"max_new_tokens": 64},
    ],
)
def test_another_plan_never_goes_on_in_the_file(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "g.jsonl"
    generate(EDITS[:2], Oracle(), PLAN, path)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=f"{next(iter(change))} was .* and is"):
        generate(EDITS[:4], Oracle(), replace(PLAN, **change), path)
    assert path.read_bytes() == before
    settings_beside(path).unlink()
    assert len(generate(EDITS[:2], Oracle(), PLAN, path)) == 2


def test_braces_in_an_edit_stay_as_they_are(tmp_path: Path) -> None:
    oracle = Oracle()
    edit = Edit("How deep is {edit} Umber0?", "{answer}", "en", "Umber0")
    (row,) = generate([edit], oracle, PLAN, tmp_path / "g.jsonl")
    assert "[Edit description]: How deep is {edit} Umber0? {answer}" in oracle.asked[0]
    assert isinstance(row, Generated)
