"""Samples for SERAC and MEND out of instructions: what goes together and what not."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from xkde.data.atlas.edit_samples import ScopeQuery
from xkde.data.instructions.edit_samples import (
    edit_samples_of,
    hold_back,
    read_edit_samples,
)
from xkde.data.instructions.records import Instruction
from xkde.errors import DataError
from xkde.types import Edit

CEO = Edit("Who is the CEO of Apple?", "Taylor Swift", "en")
CAPITAL = Edit("What is the capital of Japan?", "Osaka", "en")


def row(
    kind: str, edits: tuple[Edit, ...], query: str, code: str, answer: str, fact: str
) -> Instruction:
    source = edits[0].language if edits else ""
    return Instruction(
        kind, "test", source, code, edits, query, query, answer, "own", fact
    )


INSIDE = row("in_scope", (CEO,), "Wer leitet Apple?", "de", "Taylor Swift", "1")
SAME = row("out_of_scope", (CAPITAL,), "Wer ist der Chef?", "de", "Tim Cook", "1")
OTHER = row("out_of_scope", (CEO,), "Wie heißt der Fluss?", "de", "Elbe", "2")
NEAR = row("neighbour", (CEO,), "Where is Apple?", "en", "Cupertino", "near")


def test_a_row_in_scope_gets_a_query_about_another_fact() -> None:
    found = edit_samples_of([INSIDE, SAME, OTHER], seed=1)
    assert len(found) == 1
    assert found[0].edit == CEO
    assert found[0].inside == ScopeQuery("Wer leitet Apple?", "de", "Taylor Swift", "")
    assert found[0].outside == ScopeQuery("Wie heißt der Fluss?", "de", "Elbe", "")
    assert found[0].fact == "1"


def test_without_another_fact_there_is_no_sample() -> None:
    assert edit_samples_of([INSIDE, SAME], seed=1) == []


def test_a_neighbour_is_asked_its_own_question_in_scope() -> None:
    (found,) = edit_samples_of([NEAR], seed=1)
    assert found.inside == ScopeQuery(CEO.question, "en", "Taylor Swift", "")
    assert found.outside.text == "Where is Apple?"
    assert found.fact == CEO.question


def test_a_prompt_with_several_edits_gives_none() -> None:
    several = replace(INSIDE, edits=(CEO, CAPITAL))
    assert edit_samples_of([several, OTHER], seed=1) == []


def test_one_language_alone() -> None:
    same = row("in_scope", (CEO,), "Who leads Apple?", "en", "Taylor Swift", "1")
    rows = [INSIDE, same, OTHER, replace(OTHER, query="Which river?", target="en")]
    (found,) = edit_samples_of(rows, seed=1, cross_lingual=False)
    assert (found.inside.language, found.outside.language) == ("en", "en")
    assert len(edit_samples_of(rows, seed=1)) == 2


def test_no_fact_is_on_both_sides() -> None:
    rows = [
        replace(INSIDE, edits=(Edit(f"Who leads {n % 5}?", "Ann", "en"),), fact=f"{n}")
        for n in range(20)
    ]
    found = edit_samples_of([*rows, replace(OTHER, fact="river")], seed=1)
    learned, kept = hold_back(found, 2)
    assert len(learned) + len(kept) == 20
    assert len({each.fact for each in kept}) == 2
    assert not {each.fact for each in kept} & {each.fact for each in learned}


def test_samples_of_one_fact_have_one_id_in_any_order() -> None:
    other = "Which boss does Apple have?"
    turned = Edit(other, "Ann", "en")
    whole = row("paraphrase", (CEO,), other, "en", "Taylor Swift", CEO.question)
    swapped = row("paraphrase", (turned,), CEO.question, "en", "Ann", CEO.question)
    german = row("paraphrase", (turned,), "Wer leitet?", "de", "Ann", CEO.question)
    near = replace(NEAR, edits=(turned,))
    for rows in (
        [whole, swapped, german, near],
        # Files that were written without the fact.
        [replace(each, fact="") for each in (whole, swapped, german, near)],
    ):
        found = edit_samples_of([*rows, OTHER], seed=1)
        assert len(found) == 4
        assert len({each.fact for each in found}) == 1


def test_without_a_fact_to_learn_from_it_is_said() -> None:
    found = edit_samples_of([INSIDE, OTHER, NEAR], seed=1)
    with pytest.raises(DataError, match="edits of 1 in all.*Lower dev_cases"):
        hold_back(found, 1)


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    lines = [json.dumps(each.as_json()) for each in (INSIDE, OTHER)]
    file.write_text("\n".join(lines), encoding="utf-8")
    (found,) = read_edit_samples(file, seed=1)
    assert found.inside.gold == "Taylor Swift"
    assert found.outside.gold == "Elbe"

    file.write_text(lines[0], encoding="utf-8")
    with pytest.raises(DataError, match="data build"):
        read_edit_samples(file, seed=1)
