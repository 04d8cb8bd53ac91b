"""What is held out is found in any language; what is not is left alone."""

import time
from pathlib import Path

import pytest

from tests.helpers import benchmark_samples as samples
from xkde.data.instructions.held_out import Hit, held_out, read_held_out
from xkde.errors import DataError


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Narnia", "What is the capital of NARNIA?"),
        ("Narnia", "narnia"),
        ("San Marino", "Where is San-Marino?"),
        ("纳尼亚", "请问纳尼亚的首都是哪里？"),
        ("Christiane Cohendy", "Christiane Cohendy的母语是什么？"),
        ("尼古拉斯·凯奇", "尼古拉斯凯奇是谁？"),
        ("ญี่ปุ่น", "เมืองหลวงของญี่ปุ่นคือเมืองใด"),
        ("ナルニア", "ナルニアの首都はどこですか"),
        ("Нарния", "Где находится Нарния"),
    ],
)
def test_a_subject_is_found(subject: str, text: str) -> None:
    hit = held_out([subject], []).hit(text)
    assert hit is not None and hit.kind == "subject"


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("Arna", "What is the capital of Narnia?"),  # part of a word
        ("it", "Where is it?"),  # too short to be a name
        ("中", "请问中国的首都是哪里？"),
        ("San Marino", "San Antonio and Marino"),
        ("ญี่ปุ่น", "เมืองหลวงของไทยคือเมืองใด"),
        ("", "anything"),
    ],
)
def test_other_texts_are_left_alone(subject: str, text: str) -> None:
    assert held_out([subject], []).hit(text) is None


def test_a_thai_name_differs_by_its_marks() -> None:
    held = held_out(["มา"], [])
    assert held.hit("ม้ามาแล้ว") is not None
    assert held.hit("ม้าม่าแล้ว") is None  # the same letters with other tones


def test_a_question_is_found_without_its_mark_and_prefix() -> None:
    held = held_out([], ["nq question: Who wrote The Tempest?"])
    assert held.hit("who wrote the tempest") == Hit("question", "who wrote the tempest")
    assert held.hit("who wrote the tempest first") is None
    found = held.hit_line("Who wrote the Tempest? William Shakespeare")
    assert found == Hit("question", "who wrote the tempest")


def test_every_record_of_a_test_file_counts(tmp_path: Path) -> None:
    damaged = {"en": {"src": "Who rules Calormen?", "subject": "Calormen"}}
    samples.write(tmp_path / "bizsre_test.json", [*samples.bizsre(), damaged])
    samples.write(tmp_path / "knowedit.json", [samples.KNOWEDIT, samples.WIKIBIO])
    held = read_held_out([tmp_path])
    for text in (
        "Who rules calormen",
        "在亚特兰蒂斯",
        "The ruler of Narnia is",
        "Which species is Aslan?",
        "The island of Narnia's capital is",
        "who wrote the tempest",
    ):
        assert held.hit(text) is not None, text
    assert len(held.files) == 2


def test_nothing_to_hold_out_is_refused(tmp_path: Path) -> None:
    samples.write(tmp_path / "other.json", [{"a": 1}])
    with pytest.raises(DataError, match="no subject and no question"):
        read_held_out([tmp_path / "other.json"])


def test_a_hundred_thousand_texts_take_seconds() -> None:
    subjects = [f"Person {n} of Somewhere" for n in range(5000)]
    subjects += [f"某人{n}号" for n in range(5000)]
    held = held_out(subjects, [f"What is thing number {n}?" for n in range(94_000)])
    texts = [f"Who is the mother of Person {n} of Nowhere?" for n in range(60_000)]
    texts += [f"第{n}个人的母亲是谁？" for n in range(60_000)]
    began = time.process_time()
    assert not any(held.hit(text) for text in texts)
    assert time.process_time() - began < 15
