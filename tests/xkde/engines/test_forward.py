"""Losses of given answers: hand arithmetic, and the engine's own scores."""

from pathlib import Path

import pytest
import torch

from xkde.engines.forward import (
    AnswerLogits,
    answer_logits,
    kl_losses,
    nll_losses,
)
from xkde.engines.loading import load
from xkde.prompts import answered

# Two answers, of two tokens and of one, over a vocabulary of two.
TOLD = AnswerLogits(
    torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]]).log(),
    torch.tensor([0, 1, 1]),
    torch.tensor([0, 0, 1]),
    2,
)


def test_losses_by_hand() -> None:
    # -(log 0.5 + log 0.1) / 2 and -log 0.8
    assert nll_losses(TOLD).tolist() == pytest.approx([1.497866, 0.223144], abs=1e-5)


def test_divergences_by_hand() -> None:
    even = torch.full((3, 2), 0.5).log()
    # KL(even ‖ told): 0 and 0.5 log(0.25 / 0.09), halved; then 0.5 log(0.25 / 0.16)
    expected = [0.255413, 0.223144]
    found = kl_losses(even, TOLD.logits, TOLD)
    assert found.tolist() == pytest.approx(expected, abs=1e-5)
    assert kl_losses(even, even, TOLD).tolist() == [0.0, 0.0]


def test_losses_are_the_engines_scores(atlas_folder: Path) -> None:
    engine = load(atlas_folder, device="cpu")
    told = [
        engine.encode(answered("Which city is the capital of Japan?", "Osaka")),
        engine.encode(answered("日本的首都？", "大阪 und Osaka")),
    ]
    pairs = [(each.prompt_ids, each.answer_ids) for each in told]
    losses = nll_losses(answer_logits(engine.model, pairs)).tolist()
    scores = engine.score(pairs)
    expected = [-each.log_probability / len(each.tokens) for each in scores]
    assert losses == pytest.approx(expected, abs=1e-4)
