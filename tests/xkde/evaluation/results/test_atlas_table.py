"""The tables: their arithmetic by hand, and their plumbing with a real engine.

Arithmetic needs an engine with known answers: ``Codebook`` answers from a dictionary.
The real one is tiny and random, so it is asked first and its own answers made gold.

    python -m pytest tests/xkde/evaluation/results/test_atlas_table.py
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.questions import question
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.evaluation.results.atlas_table import (
    Cell,
    Progress,
    answers,
    closed_book,
    items,
    pooled,
    probe_cells,
)
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
    found = {(c.measure, c.source, c.target): (c.hits, c.n) for c in cells}
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
    assert [(c.measure, c.hits) for c in cells] == [("locality", 1), ("unchanged", 0)]


def test_pooled_by_hand() -> None:
    cells = [
        Cell("locality", "en", "en", 9, 10),
        Cell("locality", "en", "zh", 3, 10),
        Cell("locality", "en", "de", 5, 20),
        Cell("unchanged", "en", "de", 1, 1),
    ]
    assert pooled(cells, "locality") == Cell("locality", "en", "all", 17, 40)
    crossed = pooled(cells, "locality", cross=True)
    assert crossed == Cell("locality", "en", "cross", 8, 30)
    assert pooled(cells, "portability").n == 0


def test_cells_as_json() -> None:
    found = json.loads(json.dumps(Cell("locality", "en", "zh", 8, 10).as_dict()))
    assert found["share"] == 0.8
    assert found["low"] == pytest.approx(0.490162, abs=1e-5)
    assert found["high"] == pytest.approx(0.943318, abs=1e-5)
    assert math.isnan(Cell("locality", "en", "zh", 0, 0).share)


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
    asked = list(items([case], "zh", ["en", "de"], edited=True))
    plain = list(items([case], "zh", ["en", "de"], edited=False))
    assert len(asked) == len(plain) == 2 * len(case.probes)
    for item, bare in zip(asked, plain, strict=True):
        probe = case.probes[item.measure][item.target]  # type: ignore[index]
        name = {"en": "English", "de": "German"}[item.target]
        assert item.prompt == edit_prompt([case.edits["zh"]], probe.question, name)
        assert bare.prompt == probe.question
        assert item.gold == bare.gold == probe.answer


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
        asked = list(items(cases, "en", TARGETS, edited=edited))
        found = answers(engine, [item.prompt for item in asked])
        for item, answer in zip(asked, found, strict=True):
            into[item.case, item.measure, item.target] = answer
    own = [
        with_golds(case, {key[1:]: a for key, a in told.items() if key[0] == case.id})
        for case in cases
    ]
    hits = {}
    for cell in probe_cells(engine, own, "en", TARGETS):
        hits[cell.measure, cell.target] = cell.hits
        assert cell.n == sum(cell.measure in (*c.probes, "unchanged") for c in cases)
    for (measure, target), count in hits.items():
        measured = "locality" if measure == "unchanged" else measure
        keys = [k for k in told if k[1:] == (measured, target)]
        gold = plain if measure == "unchanged" else told
        right = [normalise(told[k]) == normalise(gold[k]) != "" for k in keys]
        assert count == sum(right)
    assert sum(hits.values()) > 0
