"""Keys: the same on either side of the padding, and what the matrix is fed."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS
from xkde.editors.weights.contexts import EditPrompt, question_prompts
from xkde.editors.weights.keys import inputs_and_outputs, mean_by_edit
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.editors.weights.modules import projection
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine

NONE = AppliedUpdates()


@pytest.fixture
def engine(checkpoint_folder: Path) -> TransformersEngine:
    return load(checkpoint_folder, device="cpu")


def test_keys_are_the_same_whichever_side_is_padded(
    engine: TransformersEngine,
) -> None:
    rows = question_prompts(engine.tokenizer, EDITS, 1)
    modules = [projection(engine.model, n).module for n in (0, 1)]
    right = inputs_and_outputs(engine, modules, rows, NONE, "right")
    left = inputs_and_outputs(engine, modules, rows, NONE, "left")
    alone = [inputs_and_outputs(engine, modules, [row], NONE) for row in rows]
    for m in range(2):
        for part in range(2):
            one_by_one = torch.cat([each[m][part] for each in alone])
            assert torch.allclose(right[m][part], left[m][part], atol=1e-3)
            assert torch.allclose(right[m][part], one_by_one, atol=1e-3)


def test_a_key_gives_what_the_matrix_makes_of_it(engine: TransformersEngine) -> None:
    place = projection(engine.model, 1)
    rows = question_prompts(engine.tokenizer, EDITS, 0)
    [(inputs, outputs)] = inputs_and_outputs(engine, [place.module], rows, NONE)
    assert torch.allclose(inputs @ place.matrix.T, outputs, atol=1e-4)


def test_means_are_by_edit() -> None:
    rows = [EditPrompt(0, (1,), 0), EditPrompt(1, (1,), 0), EditPrompt(0, (1,), 0)]
    means = mean_by_edit(torch.tensor([[1.0], [5.0], [3.0]]), rows, 2)
    assert means.tolist() == [[2.0], [5.0]]
