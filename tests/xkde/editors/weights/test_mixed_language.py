"""Edits in several languages: sums of updates, the keys of all languages."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, GIVEN, deep_engine
from xkde.editors.editor import applied, is_reverted, score
from xkde.editors.registry import make
from xkde.editors.weights.base import WeightEditor
from xkde.editors.weights.mixed_language import MixedLanguage, total
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit, Query

BOTH = (EDITS[0], Edit("日本的首都是哪座城市？", "大阪", "zh", "日本", "东京"))


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return deep_engine(atlas_folder)


def memit() -> WeightEditor:
    editor = make("memit", GIVEN["memit"])
    assert isinstance(editor, WeightEditor)
    return editor


def test_sums_are_scaled() -> None:
    one, other = {"a": torch.ones(2)}, {"a": torch.ones(2), "b": torch.ones(3)}
    summed = total([one, other], 0.5)
    assert summed["a"].tolist() == [1, 1]
    assert summed["b"].tolist() == [0.5, 0.5, 0.5]


def test_the_sum_is_of_each_languages_own_update(engine: TransformersEngine) -> None:
    own = []
    for edit in BOTH:
        with applied(memit(), engine, [edit]) as alone:
            own.append(dict(alone.delta))
    expected = total(own, 1.5)
    with applied(MixedLanguage(memit(), 1.5), engine, BOTH) as at_work:
        assert at_work.editor == "memit-sum"
        for name, added in at_work.delta.items():
            assert torch.allclose(added, expected[name], atol=1e-3)
    assert is_reverted(engine, at_work)


def test_the_sum_answers_in_both_languages(engine: TransformersEngine) -> None:
    queries = [Query(edit.question, edit.language) for edit in BOTH]
    answers = [edit.answer for edit in BOTH]
    with applied(make("none"), engine, BOTH) as base:
        before = score(base, queries, answers)
    with applied(MixedLanguage(memit()), engine, BOTH) as at_work:
        after = score(at_work, queries, answers)
    for one, other in zip(before, after, strict=True):
        assert other.probability > one.probability


def test_alphaedit_keeps_the_keys_of_every_language(
    engine: TransformersEngine,
) -> None:
    plain = make("alphaedit", {**GIVEN["alphaedit"], "steps": 2})
    assert isinstance(plain, WeightEditor)
    mixed = MixedLanguage(plain)
    both = mixed.apply(engine, BOTH)
    later = mixed.apply(engine, [EDITS[2]], both)
    again = mixed.apply(engine, BOTH, later)
    for layer in (0, 1):
        name = f"keys.{layer}"
        assert both.state[name].shape == (2, 64)
        assert not torch.allclose(both.state[name][0], both.state[name][1])
        assert torch.equal(later.state[name][:2], both.state[name])
        assert later.state[name].shape == (3, 64)
        assert torch.equal(again.state[name][:3], later.state[name])
        assert again.state[name].shape == (5, 64)
