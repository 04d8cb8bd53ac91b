"""The check of an aligner: contrasts are fair, and wins are counted as they are."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import permutations

import pytest

from tests.helpers import tiny_aligner
from xkde.data.atlas.world import atlas
from xkde.engines.aligner import Translation
from xkde.evaluation.run.alignment_check import (
    CONTRASTS,
    KINDS,
    REWARDS,
    Progress,
    check,
    contrasts,
)
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.text import normalise


class Known:
    """A scorer whose rewards are told by a rule, to count by hand."""

    def __init__(self, rule: Callable[[Translation], tuple[float, float]]) -> None:
        self.rule = rule

    def check_languages(self, codes: Iterable[str]) -> None:
        """Any language will do."""

    def mean_log_probabilities(
        self,
        translations: Sequence[Translation],
        *,
        language_token: bool = True,
        batch_size: int = 128,
        on_progress: Progress | None = None,
    ) -> list[float]:
        """The second half is the way back of the first."""
        there, back = (
            translations[: len(translations) // 2],
            translations[len(translations) // 2 :],
        )
        return [
            *(self.rule(each)[0] for each in there),
            *(self.rule(each.reversed)[1] for each in back),
        ]


def golds() -> set[Translation]:
    names = atlas().names
    return {
        Translation(name[a], a, name[b], b)
        for entity, name in names.items()
        if entity.split("/")[0] in KINDS
        for a, b in permutations(ATLAS_LANGUAGES, 2)
    }


def test_contrasts_are_fair() -> None:
    found = list(contrasts(atlas(), 6, seed=1))
    assert {c.direction for c in found} == set(permutations(ATLAS_LANGUAGES, 2))
    assert {c.kind for c in found} == set(CONTRASTS)
    for contrast in found:
        gold, wrong = contrast.gold, contrast.wrong
        name = atlas().names[contrast.entity]
        assert gold.target == name[gold.target_language]
        assert gold.source == wrong.source == name[gold.source_language]
        assert contrast.direction == (wrong.source_language, wrong.target_language)
        assert normalise(gold.target) != normalise(wrong.target)
        if contrast.kind != "wrong_entity":
            assert wrong.target in name.values()
        if contrast.kind == "copy":
            scripts = {LANGUAGES[c].script for c in ATLAS_LANGUAGES
                       if name[c] == wrong.target}  # fmt: skip
            assert scripts - {LANGUAGES[gold.target_language].script}
    assert found == list(contrasts(atlas(), 6, seed=1))
    assert found != list(contrasts(atlas(), 6, seed=2))


def test_copies_are_between_scripts_only() -> None:
    copies = [c.direction for c in contrasts(atlas(), 3, 1) if c.kind == "copy"]
    assert ("en", "de") not in copies
    assert {("en", "zh"), ("zh", "en"), ("th", "ru")} <= set(copies)


def test_who_knows_the_gold_always_wins() -> None:
    right = golds()
    known = Known(lambda t: (-0.1, -0.2) if t in right else (-5.0, -6.0))
    found = check(known, atlas(), limit=3)
    for reward in REWARDS:
        table = found["rewards"][reward]
        for count in [*table["overall"], *table["directions"]]:
            # A name that two entities share in the target language is right by rule.
            assert count["wins"] >= count["n"] - 2
            assert count["low"] <= count["share"] <= count["high"] + 1e-9
        assert sum(c["n"] for c in table["directions"]) == sum(
            c["n"] for c in table["overall"]
        )


def test_each_reward_is_counted_for_itself() -> None:
    copying = Known(lambda t: (0.0 if t.source == t.target else -1.0, -1.0))
    found = check(copying, atlas(), limit=2)["rewards"]
    there = {c["contrast"]: c for c in found["source_target"]["overall"]}
    assert there["copy"]["share"] < 0.5
    # All are equal: a tie is no win.
    assert all(c["wins"] == 0 for c in found["target_source"]["overall"])


def test_held_out_entities_are_counted_apart() -> None:
    found = check(
        Known(lambda t: (-1.0, -1.0)),
        atlas(),
        limit=4,
        held_out=lambda entity: entity.startswith("city/"),
    )
    table = found["rewards"]["symmetric"]
    expected = [c for c in contrasts(atlas(), 4, 7) if c.entity.startswith("city/")]
    assert sum(c["n"] for c in table["held_out"]) == len(expected)
    none = check(Known(lambda t: (-1.0, -1.0)), atlas(), limit=1)
    assert none["rewards"]["symmetric"]["held_out"][0]["share"] is None


@pytest.mark.parametrize("language_token", [True, False])
def test_a_real_model_can_be_checked(language_token: bool) -> None:
    tiny = tiny_aligner.aligner()
    three = replace(atlas(), languages=("en", "de", "zh"))
    found = check(tiny, three, limit=4, language_token=language_token)
    overall = found["rewards"]["symmetric"]["overall"]
    assert all(0 < count["n"] <= 6 * 4 for count in overall)
