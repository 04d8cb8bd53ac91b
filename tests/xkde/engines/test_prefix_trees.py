"""First choices by prefix trees: those of one plain pass each; the trees by hand."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import (
    FalconConfig,
    FalconForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
)

from xkde.engines import prefix_trees
from xkde.engines.forward import Pair
from xkde.engines.loading import load
from xkde.engines.prefix_trees import (
    common_prefix,
    cut,
    first_choices,
    passes,
    plain_batches,
    takes_trees,
    tree_of,
)
from xkde.errors import CheckpointError
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


@pytest.fixture(params=["by trees", "by length"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each way of reading in turn; the first is only used where trees are taken."""
    if request.param == "by length":
        monkeypatch.setattr(prefix_trees, "takes_trees", lambda model: False)
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
    monkeypatch.setattr(prefix_trees, "LOGITS_AT_ONCE", 7 * model.config.vocab_size)
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


def test_long_answers_make_small_plain_batches() -> None:
    pairs = [((1, n), (0,) * length) for n, length in enumerate((2, 2, 9, 2, 2))]
    assert plain_batches(pairs, 64, 18) == [[0, 1, 3, 4], [2]]
    assert plain_batches(pairs, 2, 10**6) == [[0, 1], [3, 4], [2]]
    assert plain_batches(pairs, 64, 1) == [[0], [1], [3], [4], [2]]
    assert plain_batches([], 64, 1) == []


# Trees

SIZES: dict[str, Any] = {
    "vocab_size": 97,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "pad_token_id": None,
}
# 1 ── 2 ── 3 ── 4        the last tokens (9) are not read
#      └─── 5
# 6
PAIRS = [((1,), (2, 3, 4, 9)), ((1, 2), (5, 9)), ((6,), (9,))]


def llama(**more: Any) -> PreTrainedModel:
    """Return a tiny random model."""
    torch.manual_seed(0)
    attention = more.pop("attention", "sdpa")
    config = LlamaConfig(**SIZES, **more)
    return LlamaForCausalLM._from_config(config, attn_implementation=attention).eval()


def test_tree_by_hand() -> None:
    tree = tree_of(PAIRS)
    assert tree.ids == (1, 2, 3, 4, 5, 6)
    assert tree.depths == (0, 1, 2, 3, 2, 0)
    assert tree.ends == (5, 5, 4, 4, 5, 6)
    assert tree.predicting == (0, 1, 2, 3, 4, 5)
    assert tree.choices == ((0, 1, 2, 3), (1, 4), (5,))


def test_what_predicts_stands_last() -> None:
    tree = tree_of([((1, 2), (3, 9)), ((1, 4), (9,))])
    assert tree.ids == (1, 2, 3, 4)
    assert tree.predicting == (1, 2, 3)
    ids, depths, numbers, ends = prefix_trees._row(tree, 6)
    assert ids == [0, 0, 1, 2, 3, 4]
    assert depths == [0, 0, 0, 1, 2, 1]
    assert numbers == [-2, -1, 0, 1, 2, 3]
    assert ends == [-1, 0, 4, 3, 3, 4]
    # So a token may stand before one that it follows.
    tree = tree_of([((1,), (2, 9)), ((1, 5, 6), (9,))])
    assert prefix_trees._row(tree, 4)[0] == [5, 1, 2, 6]


def test_trees_are_cut_by_nodes_pairs_and_places(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    alike = [((1, n), (0, 0)) for n in range(6)]  # 1 + 2 nodes, then 2 more each
    assert cut(alike, 64, 99) == [range(6)]
    assert cut(alike, 4, 99) == [range(4), range(4, 6)]
    assert cut(alike, 64, 6) == [range(3), range(3, 6)]
    assert cut(alike, 64, 1) == [range(n, n + 1) for n in range(6)]
    monkeypatch.setattr(prefix_trees, "NODES", 5)
    assert cut(alike, 64, 99) == [range(2), range(2, 4), range(4, 6)]
    # What all share may be long: 100 nodes, then 2 more each.
    long = [((*range(1, 100), 1, n), (0, 0)) for n in range(6)]
    assert cut(long, 64, 99) == [range(6)]
    assert cut([*long, *alike], 64, 99)[0] == range(6)
    assert cut([], 64, 99) == []


def test_passes_hold_trees_of_like_size() -> None:
    sizes = (4, 40, 5, 38)
    grown = [tree_of([((n,) * size, (0, 0))]) for n, size in enumerate(sizes)]
    assert passes(grown, 64, 99) == [[1, 3], [2, 0]]
    assert passes(grown, 1, 99) == [[1], [3], [2], [0]]
    assert passes(grown, 64, 3) == [[1], [3], [2], [0]]  # two places a tree
    assert passes([], 64, 99) == []


def test_every_node_reads_as_its_own_text_does() -> None:
    model = llama()
    found = prefix_trees._tree_logits(
        model, [tree_of(PAIRS), tree_of([((7, 8), (9,))])]
    )
    assert found.shape == (2, 6, 97)
    texts = [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [1, 2, 5], [6]]
    for row, column, text in [(0, n, one) for n, one in enumerate(texts)] + [
        (1, 5, [7, 8])
    ]:
        with torch.inference_mode():
            plain = model(torch.tensor([text])).logits[0, -1]
        torch.testing.assert_close(found[row, column], plain)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_llama_takes_trees(attention: str, dtype: torch.dtype) -> None:
    assert takes_trees(llama(attention=attention).to(dtype))


def test_checkpoints_take_trees(checkpoint_folder: Path) -> None:
    assert takes_trees(load(checkpoint_folder, device="cpu").model)


def test_who_takes_no_trees() -> None:
    windowed = MistralForCausalLM(MistralConfig(**SIZES, sliding_window=8)).eval()
    assert not takes_trees(windowed)
    assert takes_trees(MistralForCausalLM(MistralConfig(**SIZES, sliding_window=None)))
    elsewhere = llama()
    elsewhere.config._attn_implementation = "flash_attention_2"
    assert not takes_trees(elsewhere)
    mixed = llama()
    mixed.config.layer_types = ["full_attention", "linear_attention"]
    assert not takes_trees(mixed)
    # A model's own positions: it counts the columns, whatever it is told.
    own = llama()
    own.model.rotary_emb.register_forward_pre_hook(
        lambda _, given, named: (
            given,
            {"position_ids": torch.arange(given[0].shape[1])[None]},
        ),
        with_kwargs=True,
    )
    assert prefix_trees._may_take_trees(own) and not takes_trees(own)


def test_models_of_other_kinds() -> None:
    sizes = {"vocab_size": 97, "hidden_size": 32, "num_attention_heads": 4}
    # It needs a mask with two dimensions to weigh what is far.
    weighing = FalconForCausalLM(
        FalconConfig(**sizes, num_hidden_layers=2, alibi=True)
    ).eval()
    assert prefix_trees._may_take_trees(weighing) and not takes_trees(weighing)
    local = GPTNeoForCausalLM(
        GPTNeoConfig(
            vocab_size=97,
            hidden_size=32,
            num_heads=4,
            num_layers=2,
            attention_types=[[["global", "local"], 1]],
        )
    )
    assert not takes_trees(local.eval())
    learned = GPT2LMHeadModel(GPT2Config(vocab_size=97, n_embd=32, n_layer=2, n_head=4))
    assert takes_trees(learned.eval())


def test_it_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = llama()
    assert takes_trees(model)
    monkeypatch.setattr(prefix_trees, "_reads_trees", lambda model: 1 / 0)
    assert takes_trees(model)
    with pytest.raises(ZeroDivisionError):
        takes_trees(llama())


def test_damaged_weights_are_told() -> None:
    model = llama()
    assert takes_trees(model)
    with torch.no_grad():
        model.lm_head.weight.fill_(torch.nan)
    with pytest.raises(CheckpointError):
        prefix_trees.tree_choices(model, [tree_of(PAIRS)])


def test_common_prefix_by_hand() -> None:
    assert common_prefix([1, 2, 3], [1, 2, 4]) == 2
    assert common_prefix([1, 2], [1, 2, 4]) == 2
    assert common_prefix([], [1]) == 0
