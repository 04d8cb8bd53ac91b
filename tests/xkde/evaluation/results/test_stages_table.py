"""Tests of the stages table: marks by hand, paired differences, its JSON."""

from types import SimpleNamespace
from typing import Any

import pytest

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.evaluation.results.atlas_table import items
from xkde.evaluation.results.stages_table import MEASURES, compare, marks, stages_table
from xkde.types import Generation

TARGETS = ("en", "zh", "ru")


class Told:
    """An engine that answers as a dictionary of prompts says; else "?"."""

    def __init__(self, told: dict[str, str]) -> None:
        self.told, self.prompts = told, list(told)

    def encode(self, messages: Any) -> Any:
        text = messages[0].content
        if text not in self.prompts:
            self.prompts.append(text)
        return SimpleNamespace(ids=(self.prompts.index(text),))

    def generate(self, prompts: Any, *_: Any, **__: Any) -> list[Generation]:
        texts = [self.prompts[ids[0]] for ids in prompts]
        return [Generation(self.told.get(t, "?"), (), 0, 0.0, "stop") for t in texts]


def test_marks_by_hand() -> None:
    cases = atlas_cases(atlas(), "test", 4)
    asked = list(items(cases, "en", TARGETS, edited=True))
    right = {item.prompt: item.gold for item in asked}
    everything = marks(Told(right), cases, "en", TARGETS)
    assert all(all(everything[measure]) for measure in MEASURES[:-1])
    assert not any(everything["wrong_language"])
    assert len(everything["reliability"]) == len(cases) * len(TARGETS)

    def english(item: Any) -> str:
        case = next(case for case in cases if case.id == item.case)
        return case.probes[item.measure]["en"].answer

    copied = marks(
        Told({item.prompt: english(item) for item in asked}), cases, "en", TARGETS
    )
    for item, wrong in zip(asked, copied["wrong_language"], strict=True):
        assert wrong == (item.target != "en" and not item.gold.isascii())


def test_a_paired_difference_by_hand() -> None:
    first = dict.fromkeys(MEASURES, (True, True, True, False))
    second = dict.fromkeys(MEASURES, (True, False, False, False))
    for each in compare(first, second):
        assert each.difference == pytest.approx(0.5)
        assert (each.only_first, each.only_second) == (2, 0)
        assert each.low <= each.difference <= each.high
        assert each.p == 1.0  # two pairs show nothing
    (row,) = [
        row
        for row in stages_table({"a": {"en": first}, "b": {"en": second}}, "b")
        if row["checkpoint"] == "a"
    ]
    assert row["measures"]["locality"]["share"] == 0.75
    assert row["reference"] == "b"
    assert [each["measure"] for each in row["comparisons"]] == list(MEASURES)


def test_twelve_of_twelve_better_is_told() -> None:
    first, second = (dict.fromkeys(MEASURES, (good,) * 12) for good in (True, False))
    assert all(
        each.p == pytest.approx(5 * 2 / 2**12) for each in compare(first, second)
    )


def test_what_was_not_asked_is_not_measured() -> None:
    found = dict.fromkeys(MEASURES, (True,)) | {"portability": ()}
    row = stages_table({"a": {"en": found}, "b": {"en": found}}, "b")[0]
    assert row["measures"]["portability"] == {
        "hits": 0, "n": 0, "share": None, "low": None, "high": None,
    }  # fmt: skip
    assert "portability" not in {each["measure"] for each in row["comparisons"]}
