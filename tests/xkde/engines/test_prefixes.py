"""First choices read together are those of one plain pass for each text.

python -m pytest tests/xkde/engines/test_prefixes.py
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

from xkde.engines import prefixes
from xkde.engines.loading import load
from xkde.engines.prefixes import first_choices, grouped
from xkde.engines.trees import Pair, takes_trees
from xkde.prompts import answered

QUESTIONS = (
    ("Which updated information is provided below? Osaka is it. Why?", "No."),
    ("Which updated information is provided below? Osaka is it. Who?", "Osaka"),
    ("Which updated information is provided below? Osaka is it. Who?", "大阪"),
    ("Which updated information is provided below? Kyoto is it. 谁？", "京都的"),
    ("Why?", "Because of Osaka."),
    ("日本的首都是哪座城市？", "大阪"),
)


def plain(model: PreTrainedModel, pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    """Return the first choices of one pass for each text."""
    found = []
    for prompt, answer in pairs:
        with torch.inference_mode():
            logits = model(torch.tensor([[*prompt, *answer]])).logits[0]
        best = logits.argmax(dim=-1).tolist()
        found.append(tuple(best[len(prompt) - 1 : -1]))
    return found


@pytest.fixture(params=["by trees", "by levels"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of reading in turn; the first is only used where trees are taken."""
    if request.param == "by levels":
        monkeypatch.setattr(prefixes, "takes_trees", lambda model: False)
    return str(request.param)


def test_first_choices_are_those_of_one_pass_each(
    checkpoint_folder: Path, way: str
) -> None:
    engine = load(checkpoint_folder, device="cpu")
    encoded = [engine.encode(answered(*pair)) for pair in QUESTIONS]
    pairs = [(one.prompt_ids, one.answer_ids) for one in encoded]
    expected = plain(engine.model, pairs)
    seen: list[tuple[int, int]] = []
    together = first_choices(
        engine.model, pairs, on_progress=lambda done, of: seen.append((done, of))
    )
    assert together == expected
    assert seen == sorted(set(seen)) and seen[-1] == (6, 6)
    for size in (1, 2, 4):
        seen.clear()
        assert expected == first_choices(
            engine.model, pairs, size, lambda done, of: seen.append((done, of))
        )
        steps = [0, *(done for done, _ in seen)]
        assert max(b - a for a, b in pairwise(steps)) <= size
    assert first_choices(engine.model, pairs[::-1], 4) == expected[::-1]
    assert first_choices(engine.model, []) == []


def test_prompt_of_one_token(qwen2_folder: Path, way: str) -> None:
    model = load(qwen2_folder, device="cpu").model
    pairs = [((5,), (6, 7)), ((5,), (6,)), ((9, 5, 5), (6, 7, 8)), ((5,), (6, 7))]
    expected = plain(model, pairs)
    assert first_choices(model, pairs) == expected
    assert [first_choices(model, [pair])[0] for pair in pairs] == expected


def test_few_logits_at_once(
    qwen2_folder: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load(qwen2_folder, device="cpu").model
    pairs = [((1, n), (2, n, 3)) for n in range(5, 15)]
    expected = first_choices(model, pairs)
    held = []
    model.register_forward_hook(
        lambda _, __, output: held.append(output.logits.numel())
    )
    monkeypatch.setattr(prefixes, "LOGITS_AT_ONCE", 7 * model.config.vocab_size)
    assert first_choices(model, pairs) == expected
    assert max(held) <= 7 * model.config.vocab_size


def test_long_prompts(qwen2_folder: Path, way: str) -> None:
    model = load(qwen2_folder, device="cpu").model
    model.config.max_position_embeddings = 4096
    ids = torch.randint(5, 60, (2000,), generator=torch.Generator().manual_seed(0))
    long = tuple(ids.tolist())
    pairs = [(long, (5, 6)), ((9,), (6, 7)), ((*long[:1500], 7), (6,)), (long, (5, 8))]
    assert first_choices(model, pairs) == plain(model, pairs)


def test_model_with_a_window_takes_no_trees() -> None:
    torch.manual_seed(0)
    config = MistralConfig(
        vocab_size=97,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=8,
    )
    model = MistralForCausalLM(config).eval()
    assert not takes_trees(model)
    pairs = [((*range(5, 15), n), (6, 7, n)) for n in range(20, 26)]
    assert first_choices(model, pairs, 4) == plain(model, pairs)


class OwnPositions(LlamaForCausalLM):
    """A model whose forward pass is not told positions: it makes them itself."""

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        use_cache: bool | None = None,
    ) -> Any:
        """Read as any Llama does."""
        positions = None
        if attention_mask is not None:
            positions = attention_mask.cumsum(dim=-1) - 1
            positions = positions[:, -input_ids.shape[1] :].clamp(min=0)
        return super().forward(
            input_ids,
            attention_mask=attention_mask,
            position_ids=positions,
            past_key_values=past_key_values,
            use_cache=use_cache,
        )


def test_model_that_is_not_told_positions_takes_no_trees() -> None:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2
    )
    model = OwnPositions(config).eval()
    assert not takes_trees(model)
    pairs = [((*range(5, 15), n), (6, 7, n)) for n in range(20, 26)] + [((5,), (6, 7))]
    assert first_choices(model, pairs, 4) == plain(model, pairs)


def test_long_answers_make_small_batches() -> None:
    pairs = [((1, n), (0,) * length) for n, length in enumerate((2, 2, 9, 2, 2))]
    batches = prefixes._batches(pairs, 64, 18)
    assert batches == [[0, 1], [2, 3], [4]]
    assert prefixes._batches(pairs, 2, 10**6) == [[0, 1], [2, 3], [4]]
    assert prefixes._batches(pairs, 64, 1) == [[0], [1], [2], [3], [4]]


@pytest.mark.parametrize(
    ("prompts", "groups"),
    [
        # The first shares one token with the rest, the rest three with each other.
        (["abx", "acdey", "acdez", "acdew"], [range(1), range(1, 4)]),
        # 2 × 1 token for all three, or 1 × 3 for the last two.
        (["abx", "acde", "acdf"], [range(1), range(1, 3)]),
        (["abx", "abcd"], [range(2)]),
        (["a", "b"], [range(1), range(1, 2)]),
        (["aaaa", "aaab", "baaa", "baab"], [range(2), range(2, 4)]),
        (["a"], [range(1)]),
    ],
)
def test_neighbours_that_share_most_are_read_together(
    prompts: list[str], groups: list[range]
) -> None:
    assert grouped([[ord(c) for c in prompt] for prompt in prompts]) == groups
