"""Training files: what every row must be, exact shares, the same for a seed."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import source_samples as samples
from xkde.data.atlas.world import atlas
from xkde.data.instructions.build import (
    BuildPlan,
    beside,
    build,
    kinds_in_order,
    make_row,
    quotas,
)
from xkde.data.instructions.held_out import HeldOut, held_out
from xkde.data.instructions.kinds import KINDS
from xkde.data.instructions.records import (
    QUARTERS,
    Instruction,
    Material,
    Recipe,
    Target,
    read_recipe,
    recipe_of,
)
from xkde.data.instructions.sources import read_sources
from xkde.data.instructions.stock import Stock, make_stock
from xkde.data.instructions.targets import draw_questions
from xkde.errors import InputError, SettingsError
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.prompts import edit_prompt

HELD = held_out(["Brelow", "布雷洛", "Lake Umber2", "Japan"], ["Who rows the ferry?"])
RECIPE = Recipe(
    shares=dict.fromkeys(KINDS, 1.0),
    answers={"own": 1, "same type": 1, "any": 1, "name": 1, "invented": 1},
    edits_in_scope={1: 1, 2: 1, 3: 1, 4: 1},
    edits_out_of_scope={1: 1, 3: 1},
    own_words=0.4,
    dev_facts=3,
    hold_out_answers=False,
)


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Material:
    return read_sources(samples.all_sources(tmp_path_factory.mktemp("sources")))


def answered(material: Material, recipe: Recipe, held: HeldOut) -> list[Target]:
    """Return answers of a base that answers everything in its own way."""
    stock = make_stock(material, [], held, atlas(), recipe)
    drawn = draw_questions(material, stock, held, recipe, 60, 3)
    return [
        replace(target, answer=f"base {number}", ended=True)
        for number, target in enumerate(drawn)
    ]


@pytest.fixture(scope="module")
def targets(material: Material) -> list[Target]:
    return answered(material, RECIPE, HELD)


@pytest.fixture(scope="module")
def stock(material: Material, targets: list[Target]) -> Stock:
    return make_stock(material, targets, HELD, atlas(), RECIPE)


def plan(samples: int = 400, recipe: Recipe = RECIPE, seed: int = 1) -> BuildPlan:
    return BuildPlan(samples, seed, recipe, {})


@pytest.fixture(scope="module")
def rows(stock: Stock) -> list[Instruction]:
    kinds = kinds_in_order(plan())
    return [make_row(plan(), stock, HELD, n, kind) for n, kind in enumerate(kinds)]


def test_no_row_asks_about_anything_held_out(rows: list[Instruction]) -> None:
    for row in rows:
        texts = [row.query, *(edit.question for edit in row.edits)]
        assert not any("Brelow" in t or "布雷洛" in t for t in texts), row
        assert not any("Umber2" in t for t in texts), row
        assert not any("Japan" in edit.question for edit in row.edits), row


def test_kinds_have_their_shares(rows: list[Instruction]) -> None:
    counts = Counter(row.kind for row in rows)
    assert set(counts) == set(KINDS)
    assert set(counts.values()) == {400 // len(KINDS)}


def test_quotas_are_exact() -> None:
    assert quotas(QUARTERS, 1002) == {
        "in_scope": 251, "in_scope_without_edit": 251,
        "out_of_scope": 250, "out_of_scope_without_edit": 250,
    }  # fmt: skip
    assert sum(quotas({"a": 0.36, "b": 0.06, "c": 0.58}, 77).values()) == 77


def test_the_prompt_is_the_one_that_is_asked(rows: list[Instruction]) -> None:
    for row in rows:
        if row.kind in ("translation", "conversation"):
            continue
        name = language(row.target).name
        assert row.prompt == edit_prompt(row.edits, row.query, name)
        assert (row.source == "") == (not row.edits)


def test_base_answers_are_what_the_base_said(
    rows: list[Instruction], targets: list[Target]
) -> None:
    said = {(t.language, t.question): t.answer for t in targets}
    kinds = ("out_of_scope", "neighbour", "in_scope_without_edit",
             "out_of_scope_without_edit")  # fmt: skip
    of_base = [row for row in rows if row.kind in kinds]
    assert of_base
    for row in of_base:
        assert row.answer == said[row.target, row.query]
        assert row.answer_kind == "base"


def test_in_scope_answers_are_the_new_answer_in_the_query_s_language(
    rows: list[Instruction],
) -> None:
    translations: dict[tuple[str, str], set[tuple[str, str]]] = {}
    names = [dict(names) for names in atlas().names.values()]
    names += [{c: samples.river(n, c) for c in samples.RIVER} for n in range(16)]
    for entry in names:
        for code, name in entry.items():
            pairs = translations.setdefault((code, name), set())
            pairs.update(entry.items())
    for row in rows:
        if row.kind not in ("in_scope", "in_scope_atlas"):
            continue
        if row.answer_kind == "invented":
            same = any(edit.answer == row.answer for edit in row.edits)
            assert same or "ru" in (row.target, *(e.language for e in row.edits))
            continue
        stated = [(edit.language, edit.answer) for edit in row.edits]
        assert any(
            (row.target, row.answer) in translations.get(pair, set()) for pair in stated
        ), row


def test_a_paraphrase_has_one_fact_in_both_orders(stock: Stock) -> None:
    recipe = replace(RECIPE, shares={"paraphrase": 1.0}, own_words=0.0)
    made = [make_row(plan(1, recipe), stock, HELD, n, "paraphrase") for n in range(200)]
    asked = [row.query for row in made if row.fact == "How deep is Lake Umber1?"]
    assert set(asked) == {
        "How deep is Lake Umber1?",
        "What depth does Lake Umber1, have?",
    }
    assert all(row.fact for row in made)


def test_every_language_and_number_of_edits_comes_up(rows: list[Instruction]) -> None:
    in_scope = [row for row in rows if row.kind == "in_scope"]
    assert {len(row.edits) for row in in_scope} == {1, 2, 3, 4}
    asked = [row for row in rows if row.target]
    assert {row.target for row in asked} == set(ATLAS_LANGUAGES)
    assert any(row.source == row.target for row in asked if row.edits)
    assert any(row.source != row.target for row in asked if row.edits)


def test_dev_facts_are_in_no_row(rows: list[Instruction], stock: Stock) -> None:
    kept_out = {q for fact in stock.dev_facts for q in fact.questions.values()}
    assert len(stock.dev_facts) == 3
    for row in rows:
        assert row.query not in kept_out
        assert not kept_out & {edit.question for edit in row.edits}


def test_answers_may_be_held_out_too(material: Material) -> None:
    recipe = replace(RECIPE, hold_out_answers=True, shares={"in_scope": 1})
    held = held_out([samples.river(n, "en") for n in range(8)], [])
    strict = make_stock(material, [], held, atlas(), recipe)
    made = [make_row(plan(60, recipe), strict, held, n, "in_scope") for n in range(60)]
    for row in made:
        for text in (row.answer, *(edit.answer for edit in row.edits)):
            assert held.hit(text) is None


def read(path: Path) -> list[Mapping[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_same_seed_same_file_and_resume(stock: Stock, tmp_path: Path) -> None:
    one, two, other = (tmp_path / f"{name}.jsonl" for name in ("one", "two", "other"))
    build(plan(90), stock, HELD, one)
    build(plan(90), stock, HELD, two)
    assert one.read_bytes() == two.read_bytes()
    build(plan(90, seed=2), stock, HELD, other)
    assert one.read_bytes() != other.read_bytes()
    # Killed in the middle of line 41: the file that goes on is the same.
    lines = two.read_bytes().split(b"\n")
    two.write_bytes(b"\n".join(lines[:40]) + b"\n" + lines[40][:25])
    build(plan(90), stock, HELD, two)
    assert one.read_bytes() == two.read_bytes()
    assert len(read(one)) == 90
    assert {line["id"] for line in read(beside(one, "dev.jsonl"))} == {
        fact.id for fact in stock.dev_facts
    }


def test_another_plan_does_not_go_on_with_a_file(stock: Stock, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    build(plan(30), stock, HELD, path)
    with pytest.raises(SettingsError, match="was begun with other"):
        build(plan(40), stock, HELD, path)


def test_a_kind_without_its_source_is_refused(tmp_path: Path) -> None:
    empty = make_stock(Material(), [], HELD, atlas(), RECIPE, with_atlas=False)
    for kind in set(KINDS) - {"translation"}:
        recipe = replace(RECIPE, shares={kind: 1.0})
        with pytest.raises(InputError, match=f"“{kind}” need"):
            build(plan(5, recipe), empty, HELD, tmp_path / "train.jsonl")


def test_atlas_alone_is_enough(tmp_path: Path) -> None:
    recipe = replace(Recipe(), dev_facts=0)
    targets = answered(Material(), recipe, HeldOut())
    assert targets
    alone = make_stock(Material(), targets, HeldOut(), atlas(), recipe)
    path = tmp_path / "train.jsonl"
    build(plan(80, recipe), alone, HeldOut(), path)
    assert Counter(row["kind"] for row in read(path)) == dict.fromkeys(QUARTERS, 20)


@pytest.mark.parametrize("name", ["paper", "gemma-3-270m"])
def test_shipped_settings_are_read(name: str) -> None:
    recipe = read_recipe(name, tuple(KINDS))
    assert set(recipe.shares) <= set(KINDS)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"share": {"in_scope": 1}}, "“share” is no setting"),
        ({"shares": {"in_scop": 1}}, "“in_scop” is none of"),
        ({"shares": {"in_scope": -1}}, "must be 0 or more"),
        ({"shares": {"in_scope": 0}}, "all weights are 0"),
        ({"shares": [1, 2]}, "write a weight"),
        ({"monolingual": 2}, "a share from 0 to 1"),
        ({"max_hops": "many"}, "a whole number"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        recipe_of(settings, tuple(KINDS), "mine.yaml")
