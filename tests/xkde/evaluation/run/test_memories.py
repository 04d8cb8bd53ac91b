"""Memories of a run: groups of cases, and what is stated with each question."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.evaluation.run.memories import MemoryOfRun, stated_edits
from xkde.evaluation.run.questions import edit_of, questions
from xkde.memory.index import Encoder, Kind, MemoryIndex, Vectors, build_index
from xkde.memory.retrieval import Calibration
from xkde.types import Edit, Query


class FirstWord:
    """Texts are alike if they begin alike: a vector for each first word."""

    name = "first word"

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        vectors = np.zeros((len(texts), 97), dtype=np.float32)
        for row, text in zip(vectors, texts, strict=True):
            row[sum(map(ord, text.split()[0])) % 97] = 1
        return vectors


CASES = atlas_cases(atlas(), "test")[:10]
ASKED = questions(CASES, [("en", "en")])


def test_a_memory_of_one_states_the_edit_or_nothing() -> None:
    memory = MemoryOfRun(1, "first word", Calibration(0.5, 0.0))
    stated = stated_edits(CASES, ASKED, FirstWord(), memory)
    assert len(stated) == len({(edit_of(q), q.item.question) for q in ASKED})
    for question in ASKED:
        edit = question.case.edits["en"]
        alike = edit.question.split()[0] == question.item.question.split()[0]
        found = stated[edit_of(question), Query(question.item.question, "en")]
        assert found == ((edit,) if alike else ())


def test_at_most_three_edits_of_the_own_group_are_stated() -> None:
    memory = MemoryOfRun(5, "first word", Calibration(-1.0, 0.0))
    stated = stated_edits(CASES, ASKED, FirstWord(), memory)
    groups = [CASES[:5], CASES[5:]]
    for question in ASKED:
        [group] = [g for g in groups if question.case in g]
        found = stated[edit_of(question), Query(question.item.question, "en")]
        assert len(found) == 3
        assert set(found) <= {case.edits["en"] for case in group}


def test_edits_of_others_fill_a_memory_that_the_cases_do_not() -> None:
    asked = [q for q in ASKED if q.case == CASES[0]]
    own = CASES[0].edits["en"]
    # Three of other questions, one of them in Chinese, and one of the case's own.
    english = [replace(own, question=f"{own.question} Number {n}?") for n in (1, 2, 3)]
    others = (replace(own, answer="Other"), *english, CASES[1].edits["zh"])
    memory = MemoryOfRun(3, "first word", Calibration(-1.0, 0.0), others, "others")
    stated = stated_edits(CASES[:1], asked, FirstWord(), memory)
    for question in asked:
        found = stated[edit_of(question), Query(question.item.question, "en")]
        assert set(found) == {own, *english[:2]}
    with pytest.raises(InputError, match="needs 1 more"):
        stated_edits(CASES[:1], asked, FirstWord(), replace(memory, edits=5))


def test_every_memory_has_the_size_that_is_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []

    def counting(edits: Sequence[Edit], encoder: Encoder) -> MemoryIndex:
        sizes.append(len({edit.question for edit in edits}))
        return build_index(edits, encoder)

    monkeypatch.setattr("xkde.evaluation.run.memories.build_index", counting)
    memory = MemoryOfRun(7, "first word", Calibration(0.5, 0.0))
    stated_edits(CASES, ASKED, FirstWord(), memory)
    assert sizes == [7, 7]  # of ten cases the second group has three of its own


def test_settings_record_where_others_are_from_and_no_edits() -> None:
    plain = MemoryOfRun(3, "first word", Calibration(0.5, 0.0))
    kept = {"edits": 3, "encoder": "first word", "threshold": 0.5, "weight": 0.0}
    assert plain.as_settings() == {"memory": kept}
    filled = replace(plain, others=(CASES[0].edits["en"],), source="zsre 12ab")
    assert filled.as_settings() == {"memory": kept | {"others": "zsre 12ab"}}
    json.dumps(filled.as_settings())
