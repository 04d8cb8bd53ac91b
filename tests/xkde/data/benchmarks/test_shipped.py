"""The shipped questions are whole and read by name; no subject is one of Atlas."""

from collections import Counter

import pytest

from xkde.data.atlas.world import atlas
from xkde.data.benchmarks import read_benchmark
from xkde.data.benchmarks.zsre import SHIPPED
from xkde.data.instructions.held_out import read_held_out
from xkde.evaluation.run.questions import choose
from xkde.text import normalise

LATIN = "en de fr es vi nl pt tr cs".split()


def test_ten_questions_in_own_words_in_six_languages() -> None:
    chosen = choose("own-words", "en-all")
    assert (chosen.benchmark, len(chosen.cases), chosen.skipped) == (
        "own-words",
        60,
        (),
    )
    asked = Counter(code for c in chosen.cases for code in c.probes["generality"])
    assert asked == dict.fromkeys(("en", "de", "fr", "ru", "zh", "vi"), 10)
    for case in chosen.cases:
        (code,) = case.probes["generality"]
        own, theirs = (case.probes[p][code] for p in ("generality", "reliability"))
        assert normalise(own.question) != normalise(theirs.question)
        assert own.answer == theirs.answer == case.edits[code].answer
        assert normalise(own.answer) not in normalise(own.question)


def test_invented_names_are_the_same_in_nine_languages() -> None:
    chosen = choose("invented-names", "en-all")
    assert len(chosen.cases) == 40
    for case in chosen.cases:
        assert list(case.edits) == LATIN
        assert len({edit.answer for edit in case.edits.values()}) == 1
        for code, edit in case.edits.items():
            assert edit.subject in edit.question
            assert case.probes["reliability"][code].question == edit.question
    subjects = [case.edits["en"].subject for case in chosen.cases]
    assert len(set(subjects)) == 40


@pytest.mark.parametrize("name", SHIPPED)
def test_no_subject_is_in_atlas(name: str) -> None:
    held = read_held_out([SHIPPED[name]])
    world = atlas()
    assert not [n for names in world.names.values() for n in names.values()
                if held.hit(n)]  # fmt: skip


def test_by_its_file_it_is_read_as_mzsre() -> None:
    assert read_benchmark(None, SHIPPED["invented-names"]).name == "mzsre"
