"""The benchmark: each case states an untruth of a held-out subject, and asks four ways.

python -m pytest tests/xkde/data/atlas/test_benchmark.py
"""

import json
import random
from collections import Counter

import pytest

from xkde.data.atlas.benchmark import (
    TUNED_ON,
    ManyEdits,
    as_record,
    atlas_cases,
    fact_item,
    make_case,
    many_edits,
    new_object,
)
from xkde.data.atlas.questions import (
    entity,
    question,
    recognise,
    second_hop,
    two_hops_of,
    wordings,
)
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, Split
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

WORLD = atlas()
CASES = atlas_cases(WORLD)


@pytest.mark.parametrize("split", ["test", "dev", "train"])
def test_every_fact_of_the_split_is_edited_once(split: Split) -> None:
    cases = atlas_cases(WORLD, split)
    facts = Counter((case.subject_id, case.relation) for case in cases)
    subjects = [s for s in WORLD.facts if WORLD.split[s] == split]
    assert facts == Counter((s, r) for s in subjects for r in WORLD.facts[s])
    assert len({case.id for case in cases}) == len(cases)


def test_the_same_for_a_seed() -> None:
    assert atlas_cases(WORLD, limit=40) == CASES[:40]
    assert atlas_cases(WORLD, limit=40, seed=8) != CASES[:40]


def test_any_prefix_is_balanced() -> None:
    totals = Counter(case.relation for case in CASES)
    drawn: Counter[str] = Counter()
    for case in CASES:
        drawn[case.relation] += 1
        left = [drawn[r] for r in RELATIONS if drawn[r] < totals[r]]
        assert not left or max(drawn.values()) - min(left) <= 1


def test_cases_are_whole_in_every_language() -> None:
    for case in CASES:
        assert tuple(case.edits) == ATLAS_LANGUAGES
        hops = two_hops_of(case.relation)
        expected = PROBES if hops else PROBES[:3]
        assert tuple(case.probes) == expected
        for items in case.probes.values():
            assert tuple(items) == ATLAS_LANGUAGES
            assert all(item.question and item.answer for item in items.values())


def test_edits_never_state_the_truth() -> None:
    for case in CASES:
        for code, edit in case.edits.items():
            truth = WORLD.names[WORLD.facts[case.subject_id][case.relation]][code]
            assert edit.language == code
            assert edit.old_answer == truth != edit.answer
            assert edit.subject == WORLD.names[case.subject_id][code]


def test_an_edit_says_the_same_in_every_language() -> None:
    for case in CASES:
        kind = RELATIONS[case.relation][1]
        found = {entity(WORLD, kind, e.answer, code) for code, e in case.edits.items()}
        assert found == {case.id.split(">")[1]}
        for code, edit in case.edits.items():
            asked = recognise(WORLD, edit.question, code)
            assert asked == (case.subject_id, case.relation)


def test_generality_asks_the_same_in_other_words() -> None:
    for case in CASES:
        for code, asked in case.probes["generality"].items():
            plain = case.probes["reliability"][code]
            assert plain.question == case.edits[code].question != asked.question
            assert plain.answer == case.edits[code].answer == asked.answer
            again = recognise(WORLD, asked.question, code)
            assert again == (case.subject_id, case.relation)


def test_locality_is_true_and_beside_the_edit() -> None:
    own = 0
    for case in CASES:
        facts = {recognise(WORLD, item.question, code)
                 for code, item in case.probes["locality"].items()}  # fmt: skip
        ((subject, relation),) = facts  # the same fact in every language
        assert (subject, relation) != (case.subject_id, case.relation)
        assert WORLD.split[subject] == "test"
        own += subject == case.subject_id
        for code, item in case.probes["locality"].items():
            assert item.answer == WORLD.names[WORLD.facts[subject][relation]][code]
            assert item.relation == relation
    assert 0.2 < own / len(CASES) < 0.5


def test_portability_follows_from_the_new_answer() -> None:
    for case in CASES:
        target = case.id.split(">")[1]
        for code, item in case.probes.get("portability", {}).items():
            follows = second_hop(WORLD, item.relation, target)
            assert item.relation in two_hops_of(case.relation)
            assert follows is not None
            assert item.answer == WORLD.names[follows][code]
            texts = [
                question(WORLD, case.subject_id, item.relation, code, i)
                for i in range(4)
            ]
            assert item.question in texts


def test_a_case_by_hand() -> None:
    case = make_case(
        WORLD, "city/osaka", "country", random.Random(0), target="territory/FR"
    )
    assert case.id == "city/osaka:country>territory/FR"
    assert (case.edits["en"].answer, case.edits["zh"].answer) == ("France", "法国")
    assert (case.edits["en"].old_answer, case.edits["zh"].old_answer) == (
        "Japan",
        "日本",
    )
    hop = case.probes["portability"]
    expected = {
        "country_capital": ("Paris", "巴黎"),
        "country_currency": ("Euro", "欧元"),
        "country_language": ("French", "法语"),
    }
    assert (hop["en"].answer, hop["zh"].answer) == expected[hop["en"].relation]


def test_a_new_object_is_of_the_right_kind_and_another() -> None:
    random_ = random.Random(0)
    for relation, (_, kind) in RELATIONS.items():
        subject = next(s for s, facts in WORLD.facts.items() if relation in facts)
        for _ in range(50):
            target = new_object(WORLD, subject, relation, random_)
            assert target.split("/")[0] == kind
            assert target != WORLD.facts[subject][relation]


def test_records_have_the_benchmarks_form() -> None:
    keys = {"subject", "src", "rephrase", "alt", "old", "loc", "loc_ans"}
    for case in CASES:
        record = json.loads(json.dumps(as_record(case)))
        assert tuple(record) == ATLAS_LANGUAGES
        for code, entry in record.items():
            hop = entry.pop("portability", None)
            assert entry.keys() == keys
            assert entry["src"] == case.edits[code].question
            assert entry["alt"] == case.edits[code].answer
            assert entry["rephrase"] == case.probes["generality"][code].question
            assert entry["loc_ans"] == case.probes["locality"][code].answer
            assert (hop is None) == ("portability" not in case.probes)
            assert hop is None or hop.keys() == {"New Question", "New Answer"}


def test_three_wordings_at_least() -> None:
    # Reliability and generality are drawn from the first three.
    for relation in RELATIONS:
        assert min(len(wordings(WORLD, relation, c)) for c in WORLD.languages) >= 3


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
