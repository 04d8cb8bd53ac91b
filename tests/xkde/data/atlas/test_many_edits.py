"""Many edits of Atlas: distinct facts, held-out ones first, and what they leave alone.

python -m pytest tests/xkde/data/atlas/test_many_edits.py
"""

import pytest

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.lookup import recognise
from xkde.data.atlas.many_edits import TUNED_ON, ManyEdits, fact_item, many_edits
from xkde.data.atlas.records import TWO_HOPS
from xkde.data.atlas.world import atlas
from xkde.errors import InputError

WORLD = atlas()


@pytest.fixture(scope="module")
def thousand() -> ManyEdits:
    return many_edits(WORLD, 1000)


def test_a_thousand_distinct_facts_held_out_subjects_first(thousand: ManyEdits) -> None:
    edited = [(case.subject_id, case.relation) for case in thousand.cases]
    assert len(set(edited)) == len(edited) == 1000
    order = [("test", "dev", "train").index(split) for split in thousand.splits]
    assert order == sorted(order)
    assert all(
        WORLD.split[case.subject_id] == split
        for case, split in zip(thousand.cases, thousand.splits, strict=True)
    )
    assert thousand.splits.count("test") > 300
    tuned = {case.id for case in atlas_cases(WORLD)[:TUNED_ON]}
    assert not tuned & {case.id for case in thousand.cases}


def test_no_question_about_what_stays_asks_an_edited_fact(thousand: ManyEdits) -> None:
    edited = {(case.subject_id, case.relation) for case in thousand.cases}
    subjects = {case.subject_id for case in thousand.cases}
    assert len(thousand.untouched) > 300
    assert not subjects & {subject for subject, _ in thousand.untouched}
    near = 0
    for case in thousand.cases:
        fact = recognise(WORLD, case.probes["locality"]["en"].question, "en")
        assert fact is not None and fact not in edited
        near += fact[0] == case.subject_id
        if "portability" in case.probes:
            hop = TWO_HOPS[case.probes["portability"]["en"].relation][1]
            assert (case.id.rpartition(">")[2], hop) not in edited
    assert near > 500


def test_fewer_edits_are_the_first_of_more(thousand: ManyEdits) -> None:
    few = many_edits(WORLD, 30)
    assert few.untouched == thousand.untouched
    assert [c.edits for c in few.cases] == [c.edits for c in thousand.cases[:30]]
    assert many_edits(WORLD, 30).sha256 == few.sha256 != thousand.sha256
    other = many_edits(WORLD, 30, seed=8)
    assert [case.id for case in other.cases] != [case.id for case in few.cases]
    with pytest.raises(InputError, match="Choose smaller sizes"):
        many_edits(WORLD, 2000)


def test_a_fact_as_a_question() -> None:
    item = fact_item(WORLD, ("territory/JP", "capital"), "zh")
    assert (item.answer, item.relation) == ("东京", "capital")
    assert "日本" in item.question
