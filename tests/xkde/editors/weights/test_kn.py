"""KN: attributions add up, neurons are chosen as the paper says, the way back."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, GIVEN
from xkde.editors.editor import applied, is_reverted, score
from xkde.editors.registry import make
from xkde.editors.weights.contexts import question_prompts
from xkde.editors.weights.kn import KnSettings, attributions, each_edit, neurons
from xkde.editors.weights.modules import Projection, down_projections, hooked
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.types import Query


@pytest.fixture
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


def probability(
    engine: TransformersEngine, place: Projection, ids: tuple[int, ...], gold: int,
    scale: float,
) -> float:  # fmt: skip
    """Return p(gold) with one layer's neurons scaled at the prompt's last token."""

    def shrink(_: object, arguments: tuple[torch.Tensor, ...]) -> torch.Tensor:
        keys = arguments[0].clone()
        keys[:, -1] *= scale
        return keys

    with torch.no_grad(), hooked(place.module, shrink, before=True):
        logits = engine.model(torch.tensor([ids])).logits[0, -1]
    return float(logits.softmax(dim=-1)[gold])


def test_attributions_of_a_layer_add_up(engine: TransformersEngine) -> None:
    rows = question_prompts(engine.tokenizer, EDITS[:2], 1, old_answer=True)
    places = down_projections(engine.model)
    found, keys = attributions(engine, places, rows, 100)
    assert found.shape == keys.shape == (2, 4, 64)
    for index, place in enumerate(places):
        for number, row in enumerate(rows):
            told = [
                probability(engine, place, row.ids, row.answer[0], scale)
                for scale in (0.0, 1.0)
            ]
            total = float(found[index, number].sum())
            assert total == pytest.approx(told[1] - told[0], rel=0.1, abs=2e-4)


def test_neurons_by_hand() -> None:
    # One layer, three prompts, four neurons; the largest is 1 in each prompt.
    found = torch.tensor(
        [[[1.0, 0.3, 0.1, -2.0], [1.0, 0.1, 0.1, 0.0], [0.2, 1.0, 0.1, 0.0]]]
    )
    chosen = neurons(found, KnSettings())
    # 0: above 0.2 in two of three (0.2 itself is not above); 1: in two; 2 and 3: none.
    assert chosen.tolist() == [[True, True, False, False]]
    assert neurons(found, KnSettings(share=0.7)).any().item() is False
    assert not neurons(torch.zeros(1, 2, 3), KnSettings()).any()


def test_columns_of_neurons_lose_the_old_token_and_gain_the_new(
    engine: TransformersEngine,
) -> None:
    settings = KnSettings(gradients=2, openings=0, erase=1.0, write=3.0)
    [(updates, _)] = each_edit(engine, EDITS[:1], settings)
    told = [
        question_prompts(engine.tokenizer, EDITS[:1], 0, old_answer=old)[0].answer[0]
        for old in (False, True)
    ]
    rows = engine.model.get_output_embeddings().weight.detach()
    shift = 3 * rows[told[0]] - rows[told[1]]
    assert updates
    for update in updates.values():
        for column in update.matrix.T:
            turned = column * (column @ shift).sign()
            assert not column.any() or torch.allclose(turned, shift, atol=1e-5)


def test_the_new_token_becomes_likelier_and_all_is_taken_back(
    engine: TransformersEngine,
) -> None:
    edit = EDITS[0]
    query = Query(edit.question, edit.language)
    with applied(make("none"), engine, [edit]) as base:
        [before] = score(base, [query], [edit.answer])
    with applied(make("kn", GIVEN["kn"]), engine, [edit]) as at_work:
        [after] = score(at_work, [query], [edit.answer])
        assert any("Neurons turned" in note for note in at_work.notes)
    assert after.tokens[0].probability > before.tokens[0].probability
    assert is_reverted(engine, at_work)


def test_without_an_old_answer_the_models_own_is_taken(
    engine: TransformersEngine,
) -> None:
    with applied(
        make("kn", GIVEN["kn"]), engine, [replace(EDITS[0], old_answer="")]
    ) as at_work:
        assert at_work.delta
