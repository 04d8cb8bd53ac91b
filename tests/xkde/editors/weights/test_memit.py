"""MEMIT: the normal equations, several edits at once, the way back."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, GIVEN, deep_engine
from xkde.editors.editor import applied, is_reverted, score
from xkde.editors.registry import make
from xkde.editors.weights.memit import (
    MemitSettings,
    least_squares,
    solver_for,
    updates_of,
)
from xkde.editors.weights.modules import editable_projections
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.types import Query


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return deep_engine(atlas_folder)


def test_updates_solve_the_normal_equations() -> None:
    torch.manual_seed(0)
    keys, residual = torch.randn(3, 6), torch.randn(3, 4)
    mixed = torch.randn(6, 6)
    covariance, weight = mixed @ mixed.T + torch.eye(6), 2.0
    solved = torch.linalg.solve(weight * covariance, keys.T).T
    delta = residual.T @ least_squares(keys, solved)
    normal = weight * covariance + keys.T @ keys
    assert torch.allclose(delta @ normal, residual.T @ keys, atol=1e-4)


def test_least_squares_by_hand() -> None:
    # A = 1, k = 2: (1 + 4)⁻¹ 2 = 0.4.
    key = torch.tensor([[2.0]])
    assert float(least_squares(key, key)) == pytest.approx(0.4)


def test_layers_are_taken_once_and_in_order(engine: TransformersEngine) -> None:
    assert [p.layer for p in editable_projections(engine.model, (1, 0.0, -3))] == [0, 1]


def test_the_last_layer_is_refused(engine: TransformersEngine) -> None:
    with pytest.raises(SettingsError, match="earlier layer"):
        editable_projections(engine.model, (0, -1))


def test_all_answers_become_likelier_and_all_is_taken_back(
    engine: TransformersEngine,
) -> None:
    queries = [Query(edit.question, edit.language) for edit in EDITS]
    answers = [edit.answer for edit in EDITS]
    with applied(make("none"), engine, EDITS) as base:
        before = score(base, queries, answers)
    with applied(make("memit", GIVEN["memit"]), engine, EDITS) as at_work:
        after = score(at_work, queries, answers)
        assert len(at_work.delta) == 2
        assert set(at_work.state) == {"moments.0", "moments.1"}
    for one, other in zip(before, after, strict=True):
        assert other.probability > one.probability
    assert is_reverted(engine, at_work)


def test_a_group_is_as_among_many_groups(engine: TransformersEngine) -> None:
    settings = MemitSettings(**GIVEN["memit"])  # type: ignore[arg-type]
    solver = solver_for(engine, settings)
    groups = [[EDITS[0]], [EDITS[1], EDITS[2]]]
    together = updates_of(engine, groups, settings, solver)
    for group, updates in zip(groups, together, strict=True):
        [alone] = updates_of(engine, [group], settings, solver)
        for layer, update in alone.items():
            size = update.matrix.norm()
            assert (update.matrix - updates[layer].matrix).norm() < 0.05 * size


def test_in_turn_uses_the_moments_of_the_unedited_weights(
    engine: TransformersEngine,
) -> None:
    editor = make("memit", {**GIVEN["memit"], "steps": 3})
    first = editor.apply(engine, EDITS[:1])
    second = editor.apply(engine, EDITS[1:], first)
    for name, moments in first.state.items():
        assert torch.equal(second.state[name], moments)
    assert second.originals.keys() == first.originals.keys()
    for name, value in first.originals.items():
        assert torch.equal(second.originals[name], value)
