"""SERAC's three losses by hand arithmetic."""

import math
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.helpers import tiny_parts
from xkde.data.atlas.edit_samples import edit_samples
from xkde.data.atlas.world import atlas
from xkde.engines.forward import answer_logits, nll_losses
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.training.editors.serac import (
    SeracParts,
    SeracRow,
    locality_loss,
    scope_loss,
    serac_losses,
    serac_rows,
)

ROW = SeracRow("a:capital", "a", "b", ([], [], []), ([], []), ([], []), ([], []))
OTHER = replace(ROW, fact="c:capital", subject="c", outside_subject="d")


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    found = load(atlas_folder, device="cpu")
    found.model.requires_grad_(False)
    return found


@pytest.fixture(scope="module")
def rows(engine: TransformersEngine, atlas_folder: Path) -> list[SeracRow]:
    scope = tiny_parts.scope(atlas_folder)
    drawn = islice(edit_samples(atlas(), seed=1), 4)
    return serac_rows(scope, engine.tokenizer, engine.tokenizer, drawn)


def wrong(logit: float) -> float:
    """The cross-entropy of a logit that should be low."""
    return math.log1p(math.exp(logit))


def test_scope_by_hand() -> None:
    inside = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    outside = torch.tensor([[-2.0, 0.0], [1.0, -3.0]])
    own = (wrong(-2) + wrong(-3)) / 2 + (wrong(-2) + wrong(-3)) / 2
    others = wrong(-1) + wrong(0.5) + wrong(0) + wrong(1)
    found = scope_loss(inside, outside, [ROW, OTHER])
    assert found.item() == pytest.approx(own / 2 + others / 4, abs=1e-5)


def test_another_edit_of_the_same_fact_has_the_query_in_its_scope() -> None:
    inside = torch.tensor([[2.0, 4.0], [5.0, 3.0]])
    outside = torch.zeros(2, 2)
    found = scope_loss(inside, outside, [ROW, replace(ROW)])
    own = (wrong(-2) + wrong(-3)) / 2 + wrong(0)
    others = wrong(-4) + wrong(-5) + 2 * wrong(0)
    assert found.item() == pytest.approx(own / 2 + others / 4, abs=1e-5)


def test_what_another_asks_about_the_same_subject_is_not_judged() -> None:
    near = replace(OTHER, outside_subject="a")
    inside = torch.zeros(2, 2)
    outside = torch.tensor([[0.0, 9.0], [0.0, 0.0]])
    found = scope_loss(inside, outside, [ROW, near])
    assert found.item() == pytest.approx(2 * wrong(0), abs=1e-5)


def test_one_sample_alone() -> None:
    found = scope_loss(torch.tensor([[2.0]]), torch.tensor([[-1.0]]), [ROW])
    assert found.item() == pytest.approx((wrong(-2) + wrong(-1)) / 2, abs=1e-5)


def test_locality_is_nothing_outside_the_scope(
    engine: TransformersEngine, rows: list[SeracRow]
) -> None:
    never = torch.full((len(rows),), -40.0)
    found = locality_loss(engine.model, engine.model, never, rows)
    assert found.item() == pytest.approx(0.0, abs=1e-5)


def test_locality_of_a_mixture_by_hand(
    engine: TransformersEngine, rows: list[SeracRow]
) -> None:
    row = rows[0]
    before = answer_logits(engine.model, [row.bare]).logits.softmax(dim=-1)
    other = answer_logits(engine.model, [row.outside]).logits.softmax(dim=-1)
    mixed = 0.25 * other + 0.75 * before
    expected = (before * (before / mixed).log()).sum(dim=-1).mean()
    within = torch.tensor([math.log(0.25 / 0.75)])
    found = locality_loss(engine.model, engine.model, within, [row])
    assert found.item() == pytest.approx(expected.item(), abs=1e-4)
    assert found.item() > 1e-3


def test_the_three_losses_of_a_batch(
    engine: TransformersEngine, rows: list[SeracRow], atlas_folder: Path
) -> None:
    parts = SeracParts(tiny_parts.scope(atlas_folder).encoder, engine.model)
    found = serac_losses(parts, engine.model, rows)
    assert list(found) == ["scope", "edit", "locality"]
    told = nll_losses(answer_logits(engine.model, [r.inside for r in rows]))
    assert found["edit"].item() == pytest.approx(told.mean().item(), abs=1e-4)
    assert all(loss.isfinite() and loss >= -1e-6 for loss in found.values())


def test_rows_hold_the_prompts(
    engine: TransformersEngine, rows: list[SeracRow]
) -> None:
    assert len(rows) == 4
    for row, sample in zip(rows, edit_samples(atlas(), seed=1), strict=False):
        read = engine.tokenizer.decode(row.inside[0])
        assert sample.edit.answer in read
        assert sample.inside.text in read
        assert engine.tokenizer.decode(row.bare[0]).endswith(
            f"{sample.outside.text}<|assistant|>"
        )
        assert row.outside[1] == row.bare[1]
        assert engine.tokenizer.decode(row.questions[0]) == sample.edit.question


def test_tied_weights_can_be_saved(
    engine: TransformersEngine, atlas_folder: Path, tmp_path: Path
) -> None:
    parts = SeracParts(tiny_parts.scope(atlas_folder).encoder, engine.model)
    save_file(parts.state_dict(), tmp_path / "parts.safetensors")
