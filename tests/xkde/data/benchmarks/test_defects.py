"""Defects of benchmark records, tagged by hand arithmetic; nothing is dropped."""

from pathlib import Path
from typing import Any

import pytest

from tests.helpers import benchmark_samples as samples
from tests.helpers.benchmark_samples import CHINESE, CZECH, ENGLISH, write
from xkde.data.benchmarks import DEFECTS, clean, is_clean, read_benchmark
from xkde.types import Case, Defect


def case_of(tmp_path: Path, record: dict[str, Any], name: str = "mzsre") -> Case:
    (case,) = read_benchmark(name, write(tmp_path / "one.json", [record])).cases
    return case


def kinds(case: Case, probe: str, language: str) -> set[str]:
    return {d.kind for d in case.defects if (d.probe, d.language) == (probe, language)}


def test_a_good_record_has_none_but_the_prefix(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"en": ENGLISH, "zh": CHINESE})
    assert case.defects == (Defect("nq_prefix", "locality", "en"),)


def test_a_question_in_another_script_is_tagged(tmp_path: Path) -> None:
    english = CHINESE | {"loc": "who wrote the art of war?"}
    case = case_of(tmp_path, {"en": ENGLISH, "zh": english})
    assert "wrong_script" in kinds(case, "locality", "zh")
    mixed = CHINESE | {"loc": "谁写了 the art of war?"}
    case = case_of(tmp_path, {"en": ENGLISH, "zh": mixed})
    assert "wrong_script" not in kinds(case, "locality", "zh")


def test_czech_copy_of_english(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"en": ENGLISH, "cs": CZECH})
    assert kinds(case, "reliability", "cs") == {"answer_as_in_english"}
    assert kinds(case, "generality", "cs") == {
        "answer_as_in_english",
        "rephrase_is_question",
    }
    assert kinds(case, "locality", "cs") == {"answer_as_in_english"}
    assert kinds(case, "portability", "cs") == {"new_answer_in_question"}


@pytest.mark.parametrize(
    ("changed", "probe", "kind"),
    [
        ({"src": "Is Osaka Narnia's capital?"}, "reliability", "answer_in_question"),
        ({"rephrase": "Osaka, is it?"}, "generality", "answer_in_question"),
        ({"loc": "Was it Shakespeare?"}, "locality", "answer_in_question"),
        ({"subject": "narnia"}, "reliability", "subject_not_in_question"),
        ({"rephrase": "what is the CAPITAL of Narnia"}, "generality",
         "rephrase_is_question"),
        ({"portability": {"New Question": "And Osaka?", "New Answer": "x"}},
         "portability", "new_answer_in_question"),
        ({"portability": {"New Question": "What then?", "New Answer": "osaka"}},
         "portability", "hop_answer_is_new_answer"),
        ({"portability": {"New Question": "On Honshu?", "New Answer": "Honshu"}},
         "portability", "answer_in_question"),
    ],
)  # fmt: skip
def test_each_kind(
    changed: dict[str, Any], probe: str, kind: str, tmp_path: Path
) -> None:
    case = case_of(tmp_path, {"en": ENGLISH | changed, "zh": CHINESE})
    assert kind in kinds(case, probe, "en")
    assert kind not in kinds(case, probe, "zh")
    assert DEFECTS[kind]


def test_words_only_where_latin_letters_stand_beside(tmp_path: Path) -> None:
    inside = {"src": "Who are the Osakans of Narnia?"}
    case = case_of(tmp_path, {"en": ENGLISH | inside, "zh": CHINESE})
    assert "answer_in_question" not in kinds(case, "reliability", "en")
    inside = {"src": "纳尼亚的首都大阪在哪里？"}
    case = case_of(tmp_path, {"en": ENGLISH, "zh": CHINESE | inside})
    assert "answer_in_question" in kinds(case, "reliability", "zh")


def test_years_have_two_forms_in_chinese(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"en": samples.ENGLISH_YEAR, "zh": samples.CHINESE_YEAR})
    assert kinds(case, "reliability", "zh") == {"year_form"}
    assert kinds(case, "reliability", "en") == set()
    bare = samples.CHINESE_YEAR | {"alt": "1990"}
    case = case_of(tmp_path, {"en": samples.ENGLISH_YEAR, "zh": bare})
    assert kinds(case, "generality", "zh") == {"year_form", "answer_as_in_english"}


def test_later_cases_of_a_subject_are_tagged(tmp_path: Path) -> None:
    again = ENGLISH | {"src": "Who rules Narnia?"}
    records = [{"en": ENGLISH, "zh": CHINESE}, {"en": again, "zh": CHINESE}]
    first, second = read_benchmark(None, write(tmp_path / "a.json", records)).cases
    assert "duplicate_subject" not in {d.kind for d in first.defects}
    assert "duplicate_subject" in kinds(second, "reliability", "zh")


def test_another_name_of_the_subject_asks_for_the_new_answer(tmp_path: Path) -> None:
    case = case_of(tmp_path, samples.KNOWEDIT, "knowedit")
    assert kinds(case, "portability", "en") == set()
    hop = {"Reasoning": [{"prompt": "And then?", "ground_truth": "Osaka"}]}
    case = case_of(tmp_path, samples.KNOWEDIT | {"portability": hop}, "knowedit")
    assert kinds(case, "portability", "en") == {"hop_answer_is_new_answer"}


def test_clean_depends_on_the_direction(tmp_path: Path) -> None:
    case = case_of(tmp_path, {"en": ENGLISH, "cs": CZECH})
    # “Osaka” in both: copying answers across languages, in either direction.
    assert not is_clean(case, "reliability", "cs", "en")
    assert not is_clean(case, "reliability", "en", "cs")
    assert is_clean(case, "reliability", "cs", "cs")
    # What is not stated in the edit cannot be copied from it.
    assert is_clean(case, "locality", "cs", "en")
    assert not is_clean(case, "generality", "cs", "cs")  # the question again
    assert not is_clean(case, "portability", "cs", "en")  # the question says Osaka
    assert is_clean(case, "portability", "en", "cs")
    assert not is_clean(case, "portability", "zh", "cs")  # not asked at all


def test_clean_subsets_leave_the_cases_alone(tmp_path: Path) -> None:
    records = [{"en": ENGLISH, "cs": CZECH}, *samples.bizsre()]
    cases = read_benchmark("mzsre", write(tmp_path / "a.json", records)).cases
    found = clean(cases, "en")
    sizes = {probe: {code: len(of) for code, of in by.items()}
             for probe, by in found.items()}  # fmt: skip
    assert sizes == {
        "reliability": {"en": 3, "cs": 0, "zh": 2},
        "generality": {"en": 3, "cs": 0, "zh": 2},
        "locality": {"en": 3, "cs": 1, "zh": 2},
        "portability": {"en": 3, "cs": 0, "zh": 2},
    }
    assert len(cases) == 3
