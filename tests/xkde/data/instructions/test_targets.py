"""The base's own answers: drawn the same, asked once, read on after a stop."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.helpers import source_samples as samples
from xkde.data.atlas.world import atlas
from xkde.data.instructions.held_out import HeldOut
from xkde.data.instructions.records import Recipe, Target
from xkde.data.instructions.sources import read_sources
from xkde.data.instructions.stock import make_stock
from xkde.data.instructions.targets import (
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
    answers = answer_all(QUESTIONS, echo, True, whole)
    assert answers[7].answer == "Town7" and answers[7].ended
    assert read_targets(whole) == answers
    stopped.write_bytes(whole.read_bytes()[:5000])
    answer_all(QUESTIONS, echo, True, stopped)
    assert stopped.read_bytes() == whole.read_bytes()


def test_a_file_of_other_questions_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "targets.jsonl"
    answer_all(QUESTIONS[:5], echo, True, path)
    with pytest.raises(SettingsError, match="answers to other questions"):
        answer_all(QUESTIONS[5:9], echo, True, path)


def test_no_answer_is_no_target(tmp_path: Path) -> None:
    def silent(prompts: Sequence[str]) -> list[Reply]:
        return [Reply("", error="too long") for _ in prompts]

    (target,) = answer_all(QUESTIONS[:1], silent, True, tmp_path / "t.jsonl")
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
