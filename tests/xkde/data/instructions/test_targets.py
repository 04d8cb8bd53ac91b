"""The base's own answers: drawn the same, asked once, read on after a stop."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import source_samples as samples
from xkde.data.atlas.world import atlas
from xkde.data.file_settings import settings_beside
from xkde.data.instructions.held_out import HeldOut
from xkde.data.instructions.records import Recipe, Target
from xkde.data.instructions.sources import read_sources
from xkde.data.instructions.stock import make_stock
from xkde.data.instructions.targets import (
    AnswerSetting,
    Reply,
    answer_all,
    draw_questions,
    few_shot_answer,
    few_shot_prompt,
    read_targets,
    shots,
)
from xkde.errors import DataError, SettingsError
from xkde.languages import ATLAS_LANGUAGES

QUESTIONS = [
    Target(f"zsre:{n}", "zsre", "en", f"Which river flows through Town{n}?")
    for n in range(150)
]
SETTING = AnswerSetting("base", "abc", few_shot=True)


def echo(prompts: Sequence[str]) -> list[Reply]:
    """Answer every prompt with its last question's last word."""
    last = [prompt.split("Q: ")[-1].split("?")[0].split()[-1] for prompt in prompts]
    return [Reply(f" {word}\n\nQ: and so on", ended=False) for word in last]


def test_every_language_has_four_examples() -> None:
    assert set(shots()) == set(ATLAS_LANGUAGES)
    assert {len(pairs) for pairs in shots().values()} == {4}
    prompt = few_shot_prompt("zh", "纳尼亚的首都是哪里？")
    assert prompt.startswith("Q: 大阪市在哪个国家？\nA: 日本\n\n")
    assert prompt.endswith("\n\nQ: 纳尼亚的首都是哪里？\nA:")


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (Reply(" Osaka\n\nQ: Who", False), ("Osaka", True)),
        (Reply("Osaka", True), ("Osaka", True)),
        (Reply("Osaka and", False), ("Osaka and", False)),
        (Reply("Q: Who is it?\nA: me", False), ("", True)),
    ],
)
def test_an_answer_ends_with_its_line(reply: Reply, answer: tuple[str, bool]) -> None:
    assert few_shot_answer(reply) == answer


def test_answers_are_resumed(tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole.jsonl", tmp_path / "stopped.jsonl"
    answers = answer_all(QUESTIONS, echo, SETTING, whole)
    assert answers[7].answer == "Town7" and answers[7].ended
    assert read_targets(whole) == answers
    stopped.write_bytes(whole.read_bytes()[:5000])
    settings_beside(stopped).write_bytes(settings_beside(whole).read_bytes())
    answer_all(QUESTIONS, echo, SETTING, stopped)
    assert stopped.read_bytes() == whole.read_bytes()


def test_a_file_of_other_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.jsonl"
    answer_all(QUESTIONS[:5], echo, SETTING, path)
    with pytest.raises(SettingsError, match="answers to other questions"):
        answer_all(QUESTIONS[5:9], echo, SETTING, path)


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint": "another"},
        {"weights": "def"},
        {"engine": "vllm"},
        {"few_shot": False},
        {"max_new_tokens": 8},
    ],
)
def test_answers_made_otherwise_are_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    path = tmp_path / "targets.jsonl"
    answer_all(QUESTIONS[:5], echo, SETTING, path)
    before = path.read_bytes()
    with pytest.raises(SettingsError, match=f"{next(iter(change))} was .* and is"):
        answer_all(QUESTIONS[:9], echo, replace(SETTING, **change), path)
    assert path.read_bytes() == before


def test_without_settings_only_a_whole_file_is_used(tmp_path: Path) -> None:
    path = tmp_path / "targets.jsonl"
    answers = answer_all(QUESTIONS[:5], echo, SETTING, path)
    settings_beside(path).unlink()
    assert answer_all(QUESTIONS[:5], echo, SETTING, path) == answers
    with pytest.raises(SettingsError, match="says how it was made"):
        answer_all(QUESTIONS[:6], echo, SETTING, path)


def test_no_answer_is_no_target(tmp_path: Path) -> None:
    def silent(prompts: Sequence[str]) -> list[Reply]:
        return [Reply("", error="too long") for _ in prompts]

    (target,) = answer_all(QUESTIONS[:1], silent, SETTING, tmp_path / "t.jsonl")
    assert not target.is_usable(40)
    whole = Target("a", "zsre", "en", "Who?", "Bo", True)
    assert whole.is_usable(2) and not whole.is_usable(1)


def test_questions_are_the_same_for_a_seed(tmp_path: Path) -> None:
    material = read_sources(samples.all_sources(tmp_path))
    held, recipe = HeldOut(), Recipe(dev_facts=2)
    stock = make_stock(material, [], held, atlas(), recipe)
    drawn = draw_questions(material, stock, held, recipe, 40, 1)
    assert drawn == draw_questions(material, stock, held, recipe, 40, 1)
    assert drawn != draw_questions(material, stock, held, recipe, 40, 2)
    assert {target.source for target in drawn} >= {"zsre", "halluedit", "atlas"}
    # Invented people are asked about by nobody who has not read of them.
    assert not any("person/" in target.id for target in drawn)


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.jsonl"
    path.write_text(json.dumps({"id": "x"}) + "\n", "utf-8")
    with pytest.raises(DataError, match="no answer of a base model"):
        read_targets(path)
