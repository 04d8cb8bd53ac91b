"""AlphaEdit: nothing changes for keys of other text; earlier edits are kept."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, GIVEN, deep_engine
from xkde.editors.editor import applied, is_reverted, score
from xkde.editors.registry import make
from xkde.editors.weights.alphaedit import free_directions, projected
from xkde.editors.weights.modules import projection
from xkde.editors.weights.second_moments import second_moments
from xkde.editors.weights.solving import eigenvectors
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.types import Query


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return deep_engine(atlas_folder)


@pytest.mark.parametrize("earlier", [0, 2, 6])
def test_updates_solve_the_papers_equation(earlier: int) -> None:
    torch.manual_seed(0)
    keys, before = torch.randn(2, 6), torch.randn(earlier, 6)
    basis = torch.linalg.qr(torch.randn(6, 4))[0]
    p = basis @ basis.T
    solved = projected(keys, before, basis, 0.5)
    squares = keys.T @ keys + before.T @ before
    left = p @ squares + 0.5 * torch.eye(6)
    assert torch.allclose(left @ solved.T, p @ keys.T, atol=1e-4)


def test_updates_vanish_for_keys_of_other_text() -> None:
    # Other text uses the first two directions only.
    matrix = torch.diag(torch.tensor([5.0, 3.0, 1e-3, 0.0]))
    basis = free_directions(eigenvectors(matrix), 2e-2)
    assert basis.shape == (4, 2)
    solved = projected(torch.ones(1, 4), torch.zeros(0, 4), basis, 1.0)
    delta = torch.tensor([[2.0]]) @ solved
    assert torch.allclose(delta @ torch.tensor([7.0, -4.0, 0.0, 0.0]), torch.zeros(1))
    # (kᵀ P k + L2)⁻¹ = 1 / 3 in the free directions.
    assert torch.allclose(solved[0], torch.tensor([0.0, 0.0, 1 / 3, 1 / 3]), atol=1e-5)


def test_a_threshold_below_all_is_said() -> None:
    with pytest.raises(SettingsError, match="higher threshold"):
        free_directions(eigenvectors(torch.eye(3)), 0.5)


def test_answers_become_likelier_and_the_rank_is_shown(
    engine: TransformersEngine,
) -> None:
    queries = [Query(edit.question, edit.language) for edit in EDITS]
    answers = [edit.answer for edit in EDITS]
    with applied(make("none"), engine, EDITS) as base:
        before = score(base, queries, answers)
    with applied(make("alphaedit", GIVEN["alphaedit"]), engine, EDITS) as at_work:
        after = score(at_work, queries, answers)
        assert any("of 64 in layer 0" in note for note in at_work.notes)
    # Together: a random model leaves some edits hardly any free direction.
    likelier = [
        other.log_probability - one.log_probability
        for one, other in zip(before, after, strict=True)
    ]
    assert sum(likelier) > 1
    assert is_reverted(engine, at_work)


def test_the_weights_gain_nothing_in_directions_of_other_text(
    engine: TransformersEngine,
) -> None:
    given = {**GIVEN["alphaedit"], "steps": 3}
    used = second_moments(engine, [0, 1], "atlas", 400)
    with applied(make("alphaedit", given), engine, EDITS[:1]) as at_work:
        for layer in (0, 1):
            delta = at_work.delta[projection(engine.model, layer).weight_name]
            values, vectors = torch.linalg.eigh(used[layer].double())
            taken = vectors[:, values >= 0.5].float()
            assert (delta @ taken).norm() < 1e-4 * delta.norm()


def test_edits_in_turn_keep_the_earlier_keys(engine: TransformersEngine) -> None:
    editor = make("alphaedit", {**GIVEN["alphaedit"], "steps": 3})
    first = editor.apply(engine, EDITS[:1])
    second = editor.apply(engine, EDITS[1:], first)
    for layer in (0, 1):
        kept = second.state[f"keys.{layer}"]
        assert kept.shape == (3, 64)
        assert torch.equal(kept[:1], first.state[f"keys.{layer}"])
        assert torch.equal(second.state[f"free.{layer}"], first.state[f"free.{layer}"])


def test_earlier_keys_hold_against_later_ones() -> None:
    torch.manual_seed(0)
    key, basis = torch.randn(1, 8), torch.eye(8)
    near = key + 0.1 * torch.randn(1, 8)
    without = projected(key, key[:0], basis, 0.1) @ near.T
    beside = projected(key, near, basis, 0.1) @ near.T
    assert abs(float(beside)) < 0.6 * abs(float(without))
