"""Conflicts: told where texts or Atlas's names can tell, and nowhere else."""

import pytest

from xkde.data.atlas.world import atlas
from xkde.memory.edits import KINDS, EditMemory, add, conflicts
from xkde.types import Edit

CAPITAL = "What is the capital of Japan?"
CAPITAL_ZH = "日本的首都是哪里？"


def found(*edits: Edit, with_atlas: bool = True) -> list[tuple[str, int, int]]:
    entries = add(EditMemory(), edits).entries
    told = conflicts(entries, atlas() if with_atlas else None)
    assert {conflict.kind for conflict in told} <= set(KINDS)
    return [(c.kind, c.first.number, c.second.number) for c in told]


@pytest.mark.parametrize("with_atlas", [True, False])
def test_the_same_question_with_two_answers(with_atlas: bool) -> None:
    one = Edit(CAPITAL, "Osaka", "en", "Japan")
    other = Edit("what is the capital of JAPAN", "Kyoto", "en")
    assert found(one, other, with_atlas=with_atlas) == [("two_answers", 1, 2)]
    again = Edit(CAPITAL, "osaka!", "en")
    assert found(one, again, with_atlas=with_atlas) == [("repeated", 1, 2)]
    alias = Edit(CAPITAL, "Ōsaka-shi", "en", aliases=("Osaka",))
    assert found(one, alias, with_atlas=with_atlas) == [("repeated", 1, 2)]


def test_another_wording_is_the_same_fact_to_atlas() -> None:
    one = Edit(CAPITAL, "Osaka", "en")
    other = Edit("Name the capital of Japan.", "Kyoto", "en")
    assert found(one, other) == [("two_answers", 1, 2)]
    assert found(one, other, with_atlas=False) == []


def test_two_languages_that_disagree() -> None:
    one = Edit(CAPITAL, "Osaka", "en")
    assert found(one, Edit(CAPITAL_ZH, "京都", "zh")) == [("two_languages", 1, 2)]
    assert found(one, Edit(CAPITAL_ZH, "大阪", "zh")) == []  # they agree
    # Of a name that Atlas does not know nobody can tell.
    assert found(one, Edit(CAPITAL_ZH, "左布雷克斯", "zh")) == []
    assert found(one, Edit(CAPITAL_ZH, "京都", "zh"), with_atlas=False) == []


def test_other_facts_do_not_disagree() -> None:
    one = Edit(CAPITAL, "Osaka", "en")
    assert found(one, Edit("What is the currency of Japan?", "Euro", "en")) == []
    assert found(one, Edit("What is the capital of Peru?", "Kyoto", "en")) == []


def test_many_edits_of_one_fact_are_compared_once_for_each_answer() -> None:
    edits = [Edit(CAPITAL, "Osaka" if i % 2 else "Kyoto", "en") for i in range(100)]
    told = found(*edits)
    # Each meets the last of both answers, but for the first two.
    assert len(told) == 1 + 98 * 2
    assert told[-2:] == [("repeated", 98, 100), ("two_answers", 99, 100)]
