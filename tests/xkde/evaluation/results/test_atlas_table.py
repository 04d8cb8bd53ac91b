"""The tables: their arithmetic by hand, and their plumbing with a real engine.

Arithmetic needs an engine with known answers: ``Codebook`` answers from a dictionary.
The real one is tiny and random, so it is asked first and its own answers made gold.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.own_words import in_own_words
from xkde.data.atlas.questions import question
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.evaluation.results.atlas_table import (
    STAGE_MEASURES,
    TABLE_MEASURES,
    WRONG_LANGUAGE,
    AtlasCell,
    Progress,
    answers,
    cells_by_source,
    cells_of,
    closed_book,
    compare_stages,
    marked,
    own_words_cells,
    probe_cells,
    questions,
    share_of,
    stages_table,
)
from xkde.evaluation.results.statistics import wilson_interval
from xkde.languages import language
from xkde.prompts import Encoded, edit_prompt
from xkde.text import normalise
from xkde.types import Case, Edit, Generation, Message, ProbeItem, Sampling

WORLD = atlas()


@dataclass
class Codebook:
    """An engine that answers from a dictionary; ids are the text's code points."""

    known: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def encode(self, messages: Sequence[Message]) -> Encoded:
        text = messages[-1].content
        return Encoded(text, tuple(map(ord, text)), (False,) * len(text))

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        *,
        batch_size: int = 1,
        on_progress: Progress | None = None,
    ) -> list[Generation]:
        assert sampling.temperature == 0
        texts = ["".join(map(chr, prompt)) for prompt in prompts]
        self.asked += texts
        if on_progress:
            on_progress(len(texts), len(texts))
        return [
            Generation(self.known.get(text, "no idea"), (), len(text), 0.0, "stop")
            for text in texts
        ]


EDIT = Edit("What is the currency of Japan?", "Euro", "en")
CASE = Case(
    "one",
    "territory/JP",
    "currency",
    {"en": EDIT},
    {
        "reliability": {
            "en": ProbeItem(EDIT.question, "Euro"),
            "zh": ProbeItem("日本的货币是什么？", "欧元"),
        },
        "locality": {
            "en": ProbeItem("Which city is the capital of Japan?", "Tokyo"),
            "zh": ProbeItem("日本的首都是哪里？", "东京"),
        },
    },
)
TWIN = replace(
    CASE, id="two", probes={"locality": CASE.probes["locality"]}
)  # the same questions, counted again


def beside(query: str, name: str) -> str:
    return edit_prompt([EDIT], query, name)


def test_cells_by_hand() -> None:
    engine = Codebook(
        {
            beside(EDIT.question, "English"): "euro.",  # right
            beside("日本的货币是什么？", "Chinese"): "Euro",  # the wrong language
            beside("Which city is the capital of Japan?", "English"): "Tokyo",
            "Which city is the capital of Japan?": "Tokyo",  # true and unchanged
            beside("日本的首都是哪里？", "Chinese"): "大阪",
            "日本的首都是哪里？": "「大阪」",  # wrong, and unchanged
        }
    )
    cells = probe_cells(engine, [CASE, TWIN], "en", ["en", "zh"])
    found = {
        (c.measure, c.source, c.target): (c.hits, c.n)
        for c in cells
        if c.measure in TABLE_MEASURES
    }
    assert found == {
        ("reliability", "en", "en"): (1, 1),
        ("reliability", "en", "zh"): (0, 1),
        ("locality", "en", "en"): (2, 2),
        ("locality", "en", "zh"): (0, 2),
        ("unchanged", "en", "en"): (2, 2),
        ("unchanged", "en", "zh"): (2, 2),
    }
    assert len(engine.asked) == len(set(engine.asked)) == 6


def test_a_changed_answer_is_not_unchanged() -> None:
    query = "Which city is the capital of Japan?"
    engine = Codebook({beside(query, "English"): "Tokyo", query: "Kyoto"})
    cells = probe_cells(engine, [TWIN], "en", ["en"])
    hits = [(c.measure, c.hits) for c in cells if c.measure in TABLE_MEASURES]
    assert hits == [("locality", 1), ("unchanged", 0)]


def test_marks_stand_at_their_edits_place() -> None:
    cells = probe_cells(Codebook({}), [CASE, TWIN], "en", ["en"])
    marks = {c.measure: c.marks for c in cells if c.measure in TABLE_MEASURES}
    assert marks == {"reliability": "0-", "locality": "00", "unchanged": "11"}


def test_cells_together_by_hand() -> None:
    cells = [
        marked("locality", "en", "en", "1111100000"),
        marked("locality", "en", "zh", "1111100000"),
        marked("locality", "zh", "zh", "11111-----"),
        marked("unchanged", "en", "de", "1"),
    ]
    english = cells_of(cells, "locality", "en")
    assert [(cell.target, cell.hits, cell.n) for cell in english] == [
        ("en", 5, 10), ("zh", 5, 10),
    ]  # fmt: skip
    assert cells_of(cells, "locality", cross=True) == [cells[1]]
    both = share_of(english)
    assert both["share"] == 0.5
    # Ten edits that are all right or all wrong: as sure as ten answers, not twenty.
    ends = (both["low"], both["high"])
    assert ends == pytest.approx(wilson_interval(5, 10), abs=0.08)
    assert share_of(cells_of(cells, "locality"))["share"] == 15 / 25
    assert share_of([]) == {"share": None, "low": None, "high": None}


def test_a_stored_table_without_marks_has_the_widest_interval() -> None:
    cells = [AtlasCell("locality", "en", code, 8, 10) for code in ("en", "zh")]
    share = share_of(cells)
    assert (share["low"], share["high"]) == wilson_interval(8, 10)


def test_cells_as_json() -> None:
    cell = marked("locality", "en", "zh", "1111111100")
    found = json.loads(json.dumps(cell.as_dict()))
    assert (found["share"], found["marks"]) == (0.8, "1111111100")
    assert found["low"] == pytest.approx(0.490162, abs=1e-5)
    assert found["high"] == pytest.approx(0.943318, abs=1e-5)
    assert AtlasCell.from_dict(found) == cell
    del found["marks"]
    assert AtlasCell.from_dict(found) == replace(cell, marks="")


def test_equal_prompts_are_asked_once_and_answered_in_order() -> None:
    engine = Codebook({"a": "1", "b": "2"})
    steps: list[tuple[int, int]] = []
    told = answers(engine, ["a", "b", "a", "c"], lambda *done: steps.append(done))
    assert told == ["1", "2", "1", "no idea"]
    assert engine.asked == ["a", "b", "c"]
    assert steps[-1] == (3, 3)


def test_closed_book_knows_what_it_knows() -> None:
    known = {
        question(WORLD, subject, relation, "de", i): WORLD.names[found]["de"]
        for subject, facts in WORLD.facts.items()
        for relation, found in facts.items()
        for i in range(5)
    }
    cells = closed_book(Codebook(known), WORLD, n=30)
    assert [c.target for c in cells] == list(WORLD.languages)
    assert all(c.source == c.target and c.n == 30 for c in cells)
    hits = {c.target: c.hits for c in cells}
    assert hits.pop("de") == 30
    assert set(hits.values()) == {0}


def test_closed_book_asks_the_same_for_a_seed() -> None:
    first, second, third = Codebook({}), Codebook({}), Codebook({})
    closed_book(first, WORLD, n=5)
    closed_book(second, WORLD, n=5)
    closed_book(third, WORLD, n=5, seed=12)
    assert first.asked == second.asked != third.asked


def test_items_ask_in_the_targets_language() -> None:
    (case,) = atlas_cases(WORLD, limit=1)
    asked = list(questions([case], "zh", ["en", "de"], edited=True))
    plain = list(questions([case], "zh", ["en", "de"], edited=False))
    assert len(asked) == len(plain) == 2 * len(case.probes)
    for item, bare in zip(asked, plain, strict=True):
        probe = case.probes[item.measure][item.target]  # type: ignore[index]
        name = {"en": "English", "de": "German"}[item.target]
        assert item.prompt == edit_prompt([case.edits["zh"]], probe.question, name)
        assert bare.prompt == probe.question
        assert item.gold == bare.gold == probe.answer


def test_own_words_are_asked_in_their_four_languages() -> None:
    cases = atlas_cases(WORLD, limit=3)
    texts = {
        edit_prompt([case.edits["zh"]], item.question, language(code).name): item.answer
        for case in in_own_words(WORLD, cases)
        for code, item in case.probes["generality"].items()
    }
    cells = own_words_cells(Codebook(texts), WORLD, cases, "zh")
    assert [(c.target, c.source) for c in cells] == [
        (code, "zh") for code in ("en", "de", "fr", "zh")
    ]
    assert {cell.marks for cell in cells} == {"111"}
    assert own_words_cells(Codebook(texts), WORLD, cases, "th") == []


# Stages


def of_stage(marks: str) -> list[AtlasCell]:
    return [marked(measure, "en", "zh", marks) for measure in STAGE_MEASURES]


def test_wrong_languages_by_hand() -> None:
    cases = atlas_cases(WORLD, "test", 4)
    targets = ("en", "zh", "ru")
    asked = list(questions(cases, "en", targets, edited=True))
    right = probe_cells(
        Codebook({its.prompt: its.gold for its in asked}), cases, "en", targets
    )
    for measure in STAGE_MEASURES[:-1]:
        assert all(cell.hits == cell.n for cell in cells_of(right, measure))
    assert not any(cell.hits for cell in cells_of(right, WRONG_LANGUAGE))
    by_id = {case.id: case for case in cases}

    def english(its: Any) -> str:
        return by_id[its.case].probes[its.measure]["en"].answer

    copied = probe_cells(
        Codebook({its.prompt: english(its) for its in asked}), cases, "en", targets
    )
    wrong = sum(its.target != "en" and not its.gold.isascii() for its in asked)
    assert sum(cell.hits for cell in cells_of(copied, WRONG_LANGUAGE)) == wrong > 0
    assert sum(cell.n for cell in cells_of(copied, WRONG_LANGUAGE)) == len(asked)


def test_a_paired_difference_of_stages_by_hand() -> None:
    first, second = of_stage("1110"), of_stage("1000")
    for each in compare_stages(first, second):
        assert each.difference == pytest.approx(0.5)
        assert (each.only_first, each.only_second) == (2, 0)
        assert each.low <= each.difference <= each.high
        assert each.p == 0.5  # two edits show nothing
    (row,) = [
        row
        for row in stages_table({"a": {"en": first}, "b": {"en": second}}, "b")
        if row["checkpoint"] == "a"
    ]
    assert row["measures"]["locality"]["share"] == 0.75
    assert row["reference"] == "b"
    assert [each["measure"] for each in row["comparisons"]] == list(STAGE_MEASURES)
    assert {each["p"] for each in row["comparisons"]} == {1.0}


def test_twelve_of_twelve_edits_better_is_significant() -> None:
    first, second = of_stage("1" * 12), of_stage("0" * 12)
    compared = compare_stages(first, second)
    assert all(each.p == pytest.approx(2 / 2**12) for each in compared)
    # Ten tests stand in the table: two languages, five measures.
    table = stages_table({"a": dict.fromkeys(("en", "zh"), first),
                          "b": dict.fromkeys(("en", "zh"), second)}, "b")  # fmt: skip
    tests = [test for row in table for test in row["comparisons"]]
    assert len(tests) == 10
    for test in tests:
        assert test["p"] == pytest.approx(10 * 2 / 2**12)
        assert test["p_alone"] == pytest.approx(2 / 2**12)


def test_languages_of_one_edit_are_no_further_evidence() -> None:
    first, second = of_stage("1" * 12), of_stage("0" * 12)
    twice = compare_stages(first * 2, second * 2)
    assert [each.p for each in twice] == [
        each.p for each in compare_stages(first, second)
    ]
    assert twice[0].only_first == 24


def test_what_was_not_asked_is_not_measured() -> None:
    cells = [cell for cell in of_stage("1") if cell.measure != "portability"]
    row = stages_table({"a": {"en": cells}, "b": {"en": cells}}, "b")[0]
    assert row["measures"]["portability"] == {
        "hits": 0, "n": 0, "share": None, "low": None, "high": None,
    }  # fmt: skip
    assert "portability" not in {each["measure"] for each in row["comparisons"]}


# A real engine

TARGETS = ("en", "cs")


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


def with_golds(case: Case, golds: dict[tuple[str, str], str]) -> Case:
    """Return a case whose golds are what an engine said."""
    probes = {
        probe: {c: replace(asked[c], answer=golds[probe, c]) for c in TARGETS}
        for probe, asked in case.probes.items()
    }
    return replace(case, probes=probes)


def test_a_real_engine_is_right_by_its_own_answers(engine: TransformersEngine) -> None:
    cases = atlas_cases(WORLD, limit=2)[1:]
    told, plain = {}, {}
    for edited, into in ((True, told), (False, plain)):
        asked = list(questions(cases, "en", TARGETS, edited=edited))
        found = answers(engine, [item.prompt for item in asked])
        for item, answer in zip(asked, found, strict=True):
            into[item.case, item.measure, item.target] = answer
    own = [
        with_golds(case, {key[1:]: a for key, a in told.items() if key[0] == case.id})
        for case in cases
    ]
    hits = {}
    for cell in probe_cells(engine, own, "en", TARGETS):
        if cell.measure == WRONG_LANGUAGE:
            continue
        hits[cell.measure, cell.target] = cell.hits
        assert cell.n == sum(cell.measure in (*c.probes, "unchanged") for c in cases)
    for (measure, target), count in hits.items():
        measured = "locality" if measure == "unchanged" else measure
        keys = [k for k in told if k[1:] == (measured, target)]
        gold = plain if measure == "unchanged" else told
        right = [normalise(told[k]) == normalise(gold[k]) != "" for k in keys]
        assert count == sum(right)
    assert sum(hits.values()) > 0


def test_edits_that_chose_a_checkpoint_are_left_out() -> None:
    def stored(marks: str) -> dict[str, Any]:
        cells = [marked(m, "en", "de", marks) for m in ("closed-book", "reliability")]
        return {"cells": [cell.as_dict() for cell in cells]}

    table = {"models": {"one": stored("0111"), "two": stored("1100")}}
    found = cells_by_source(table, leave_out=1)
    # Without the first edit: three of three against one of three; nothing by heart.
    assert found == {
        "one": {"en": [AtlasCell("reliability", "en", "de", 3, 3, "111")]},
        "two": {"en": [AtlasCell("reliability", "en", "de", 1, 3, "100")]},
    }
    for model in table["models"].values():
        for cell in model["cells"]:
            del cell["marks"]
    assert cells_by_source(table) == {}, "a table of an earlier version"
