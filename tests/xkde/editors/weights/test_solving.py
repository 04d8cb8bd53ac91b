"""Solving: it undoes the moments, and costs a model's width cubed once."""

from pathlib import Path

import pytest
import torch

from xkde import paths
from xkde.editors.editor import Applied, bare
from xkde.editors.weights.second_moments import files_of, second_moments
from xkde.editors.weights.solving import (
    cholesky_factor,
    eigenvectors_of,
    solver_of,
)
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return load(atlas_folder, device="cpu")


def test_solving_undoes_the_moments(engine: TransformersEngine) -> None:
    solver = solver_of(engine, [1], "atlas", 400)
    keys = torch.randn(3, 64)
    [matrix] = solver.moments.values()
    back = solver.solve(1, keys @ matrix)
    assert torch.allclose(back @ matrix, keys @ matrix, rtol=1e-2, atol=1e-2)


def test_solving_by_hand() -> None:
    factor = cholesky_factor(
        torch.tensor([[4.0, 0.0], [0.0, 1.0]]), torch.device("cpu")
    )
    solved = torch.cholesky_solve(torch.tensor([[8.0], [3.0]]).double(), factor)
    assert solved[:, 0].tolist() == pytest.approx([2.0, 3.0], rel=1e-4)


def test_later_edits_use_the_moments_of_the_first(engine: TransformersEngine) -> None:
    matrix = torch.eye(64) * 2
    earlier = Applied("rome", (), bare(engine), state={"moments.1": matrix})
    solver = solver_of(engine, [1], "atlas", 400, earlier)
    assert torch.equal(solver.moments[1], matrix)
    assert not paths.moments().exists()


def test_a_second_edit_finds_factors_and_eigenvectors_as_they_were(
    engine: TransformersEngine,
) -> None:
    first, second = (solver_of(engine, [1], "atlas", 400) for _ in range(2))
    assert first.factors[1] is second.factors[1]
    one, two = (eigenvectors_of(engine, [1], "atlas", 400) for _ in range(2))
    assert one[1] is two[1]
    with torch.no_grad():
        engine.model.get_output_embeddings().weight[0] += 1
    assert solver_of(engine, [1], "atlas", 400).factors[1] is not first.factors[1]


def test_eigenvectors_are_kept_in_a_file(engine: TransformersEngine) -> None:
    matrix = second_moments(engine, [1], "atlas", 400)[1]
    found = eigenvectors_of(engine, [1], "atlas", 400)[1]
    again = found.vectors.double() @ found.values.diag() @ found.vectors.T.double()
    assert torch.allclose(again.float(), matrix, rtol=1e-3, atol=1e-4)
    files = files_of(engine, "atlas", 400)
    file = files.eigen(1)
    file.write_bytes(b"torn")
    files.file(1).touch()  # so that nothing in memory counts
    anew = eigenvectors_of(engine, [1], "atlas", 400)[1]
    assert torch.equal(anew.values, found.values)
    assert file.stat().st_size > 64 * 64 * 4
