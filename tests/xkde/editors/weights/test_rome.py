"""ROME: hand arithmetic, p(answer) rises, and the way back is exact."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, GIVEN
from xkde import paths
from xkde.editors.editor import applied, is_reverted, score
from xkde.editors.registry import make
from xkde.editors.weights.contexts import question_prompts
from xkde.editors.weights.keys import inputs_and_outputs, mean_by_edit
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.editors.weights.modules import projection
from xkde.editors.weights.rome import RomeSettings, rank_one, updates_of
from xkde.editors.weights.solving import solver_of
from xkde.editors.weights.values import optimise
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.types import Edit, Query

NONE = AppliedUpdates()


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return load(atlas_folder, device="cpu")


def settings(**more: object) -> RomeSettings:
    return RomeSettings(**{**GIVEN["rome"], **more})  # type: ignore[arg-type]


def query(edit: Edit) -> Query:
    return Query(edit.question, edit.language)


def test_rank_one_by_hand() -> None:
    # u·k = 1·3 + 2·1 = 5, so the key gains just what is missing.
    direction, key = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0])
    update = rank_one(direction, key, torch.tensor([10.0, -5.0]))
    assert torch.allclose(update.matrix, torch.tensor([[2.0, 4.0], [-1.0, -2.0]]))
    assert torch.allclose(update.matrix @ key, torch.tensor([10.0, -5.0]))
    # Nothing changes for a key that is orthogonal to the direction.
    assert torch.allclose(update.matrix @ torch.tensor([2.0, -1.0]), torch.zeros(2))


@pytest.mark.parametrize("key", ["corrected", "original"])
@pytest.mark.parametrize("covariance", [True, False])
def test_the_key_gives_the_value_afterwards(
    engine: TransformersEngine, key: str, covariance: bool
) -> None:
    asked = settings(key=key, covariance=covariance)
    solver = solver_of(engine, [0], "atlas", 400) if covariance else None
    place, edit = projection(engine.model, 0), EDITS[0]
    [updates] = updates_of(engine, [[edit]], asked, solver)
    values = optimise(engine, place.module, [edit], asked, NONE)
    rows = question_prompts(engine.tokenizer, [edit], asked.openings)
    [(inputs, outputs)] = inputs_and_outputs(engine, [place.module], rows, NONE)
    mean = mean_by_edit(inputs, rows, 1)[0]
    if key == "corrected":
        at, now = mean, outputs.mean(dim=0)
    else:
        at, now = inputs[0], outputs[0]
    target = values.target[0]
    assert torch.allclose(now + updates[0].matrix @ at, target, atol=1e-3)
    # The direction is C⁻¹ of the mean key, or the mean key itself.
    direction = solver.solve(0, mean[None])[0] if solver else mean
    cosine = torch.cosine_similarity(updates[0].keys[:, 0], direction, dim=0)
    assert abs(float(cosine)) == pytest.approx(1, abs=1e-4)


def test_the_answer_becomes_likelier_and_all_is_taken_back(
    checkpoint_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    engine = load(checkpoint_folder, device="cpu")
    editor = make("rome", GIVEN["rome"])
    weights = {n: p.detach().clone() for n, p in engine.model.named_parameters()}
    with applied(make("none"), engine, EDITS[:1]) as base:
        [before] = score(base, [query(EDITS[0])], [EDITS[0].answer])
    with applied(editor, engine, EDITS[:1]) as at_work:
        [after] = score(at_work, [query(EDITS[0])], [EDITS[0].answer])
        assert list(at_work.delta) == [projection(engine.model, 0).weight_name]
        rank = torch.linalg.matrix_rank(next(iter(at_work.delta.values())))
        assert int(rank) == 1
    assert after.probability > before.probability
    assert is_reverted(engine, at_work)
    for name, parameter in engine.model.named_parameters():
        assert torch.equal(parameter, weights[name])


def test_together_is_one_after_another(engine: TransformersEngine) -> None:
    editor = make("rome", {**GIVEN["rome"], "steps": 5})
    with applied(editor, engine, EDITS[:2]) as at_once:
        together = dict(at_once.delta)
    with applied(editor, engine, EDITS[:2], at_once=1) as in_turn:
        for name, added in in_turn.delta.items():
            assert torch.allclose(added, together[name], atol=1e-2)
    assert is_reverted(engine, in_turn)


def test_without_covariance_no_moments_are_computed(
    engine: TransformersEngine,
) -> None:
    editor = make("rome", {**GIVEN["rome"], "covariance": False, "steps": 2})
    with applied(editor, engine, EDITS[:1]) as at_work:
        assert not at_work.state
    assert not paths.moments().exists()


def test_a_subject_that_is_missing_is_said(engine: TransformersEngine) -> None:
    editor = make("rome", {**GIVEN["rome"], "steps": 2})
    with pytest.raises(InputError, match="no subject"):
        editor.apply(engine, [Edit("Who is it?", "Kyoto", "en")])
    stranger = Edit("Who is it?", "Kyoto", "en", "Japan")
    with applied(editor, engine, [stranger]) as at_work:
        assert any("end of the question" in note for note in at_work.notes)
