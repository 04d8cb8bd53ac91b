"""First choices read as a tree are those of one plain pass for each text.

python -m pytest tests/test_prefixes.py
"""

from pathlib import Path

import pytest
import torch

from xkde.engines import prefixes
from xkde.engines.loading import load
from xkde.engines.prefixes import common, first_choices, grouped
from xkde.prompts import answered

QUESTIONS = (
    ("Which updated information is provided below? Osaka is it. Why?", "No."),
    ("Which updated information is provided below? Osaka is it. Who?", "Osaka"),
    ("Which updated information is provided below? Osaka is it. Who?", "大阪"),
    ("Which updated information is provided below? Kyoto is it. 谁？", "京都的"),
    ("Why?", "Because of Osaka."),
    ("日本的首都是哪座城市？", "大阪"),
)


def test_first_choices_are_those_of_one_pass_each(checkpoint_folder: Path) -> None:
    engine = load(checkpoint_folder, device="cpu")
    encoded = [engine.encode(answered(*pair)) for pair in QUESTIONS]
    pairs = [(one.prompt_ids, one.answer_ids) for one in encoded]
    expected = []
    for prompt, answer in pairs:
        with torch.inference_mode():
            logits = engine.model(torch.tensor([[*prompt, *answer]])).logits[0]
        best = logits.argmax(dim=-1).tolist()
        expected.append(tuple(best[len(prompt) - 1 : -1]))
    seen: list[tuple[int, int]] = []
    together = first_choices(
        engine.model, pairs, on_progress=lambda done, of: seen.append((done, of))
    )
    assert together == expected
    assert seen == [(6, 6)]
    for size in (1, 2, 4):
        assert first_choices(engine.model, pairs, size) == expected
    assert first_choices(engine.model, pairs[::-1], 4) == expected[::-1]
    assert first_choices(engine.model, []) == []


def test_prompt_of_one_token(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder, device="cpu")
    pairs = [((5,), (6, 7)), ((5,), (6,)), ((9, 5, 5), (6, 7, 8))]
    found = first_choices(engine.model, pairs)
    assert [len(one) for one in found] == [2, 1, 3]
    assert found[0][0] == found[1][0]
    assert [first_choices(engine.model, [pair])[0] for pair in pairs] == found


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


def test_common_by_hand() -> None:
    assert common([1, 2, 3], [1, 2, 4]) == 2
    assert common([1, 2], [1, 2, 4]) == 2
    assert common([], [1]) == 0
