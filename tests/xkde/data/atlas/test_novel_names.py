"""Invented strings: readable, varied, the same for a seed, nobody's name by design."""

import random
from collections import Counter

import pytest

from xkde.data.atlas import novel_names
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.prompts import MARKERS

WORLD = atlas()


def test_words_and_titles() -> None:
    random_ = random.Random(1)
    words = [novel_names.word(random_) for _ in range(2_000)]
    assert all(word.isascii() and word.islower() and word.isalpha() for word in words)
    assert len(set(words)) > 1_000
    titles = [novel_names.title(random_) for _ in range(500)]
    assert {len(title.split()) for title in titles} == {1, 2, 3}
    assert all(title.istitle() for title in titles)


@pytest.mark.parametrize("code", ATLAS_LANGUAGES)
def test_answers_are_never_empty_and_break_no_prompt(code: str) -> None:
    random_ = random.Random(2)
    answers = [novel_names.answer(random_, WORLD, code) for _ in range(1_000)]
    assert all(answer == answer.strip() and answer for answer in answers)
    assert not any(mark in answer for mark in MARKERS for answer in answers)
    assert not any("\n" in answer for answer in answers)
    assert len(set(answers)) > 800


def test_kinds_of_answers_near_their_shares() -> None:
    random_ = random.Random(3)
    drawn = Counter(
        "number"
        if answer.isdigit()
        else "own script"
        if not answer.isascii()
        else "name"
        if answer.istitle()
        else "word"
        for answer in (novel_names.answer(random_, WORLD, "zh") for _ in range(4_000))
    )
    for kind, share in (
        ("name", 0.65),
        ("own script", 0.15),
        ("number", 0.1),
        ("word", 0.1),
    ):
        spread = (4_000 * share * (1 - share)) ** 0.5
        assert abs(drawn[kind] - 4_000 * share) < 4.5 * spread, kind


def test_shuffled_names_keep_the_script() -> None:
    random_ = random.Random(4)
    for _ in range(200):
        name = novel_names.shuffled_name(random_, WORLD, "ru")
        assert 0 < len(name) <= 8
        assert all("\u0400" <= letter <= "\u04ff" for letter in name)


def test_questions_hold_their_subject_but_not_first() -> None:
    random_ = random.Random(5)
    for _ in range(300):
        text = novel_names.question(random_, "Brogandor")
        words = text[:-1].casefold().split()
        assert words.count("brogandor") == 1
        assert words[0] != "brogandor"
        assert 3 <= len(words) <= 7
        assert text[-1] in "?."


def test_the_same_for_a_seed() -> None:
    def drawn(seed: int) -> list[str]:
        random_ = random.Random(seed)
        return [novel_names.answer(random_, WORLD, "de") for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
