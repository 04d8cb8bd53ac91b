"""First choices for many given answers; prefixes that prompts share are read once.

The prompts of one edit begin alike. Sorted, they form a tree in which a shared prefix
is one path. A tree is one row of a forward pass (tree attention, as in SpecInfer, Miao
et al. 2023, https://arxiv.org/abs/2305.09781):

    position of a node = its depth
    node i attends to node j  iff  j is i or an ancestor of i
                              iff  j <= i < end of j's descendants

Whether a model reads trees correctly is checked once, on two small ones; others read
plain batches of similar length. Works on token ids alone.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel

from xkde.engines.forward import (
    Pair,
    accepted,
    check_finite,
    logits_at,
    measure,
    pad,
)

LOGITS_AT_ONCE = 100_000_000  # numbers in memory at a time: 400 MB in float32
NODES = 256  # of a tree: a larger one shares more, but its mask grows by the square
TRUNK_FACTOR = 3  # a tree may have this many times the nodes that all its texts share
MASK_AT_ONCE = 16_000_000  # numbers of a mask: 64 MB in float32
SIMILAR = 0.75  # the shortest row of a pass has at least this share of the longest
# Configuration keys that limit how far back a layer attends; two small trees would not
# show the limit.
WINDOWS = ("sliding_window", "window_size", "attention_chunk_size")
CHECKED: WeakKeyDictionary[PreTrainedModel, bool] = WeakKeyDictionary()

Choices = dict[int, tuple[int, ...]]  # index of a pair -> a choice per answer token


def first_choices(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[tuple[int, ...]]:
    """Return the model's first choice at each answer token, given those before it.

    In the order of ``pairs``; every prompt and every answer has a token. A choice does
    not depend on the rest of its batch, except for ties at the model's precision.
    """
    columns = LOGITS_AT_ONCE // model.config.get_text_config().vocab_size
    by_trees = bool(pairs) and takes_trees(model)
    choose = _choices_by_trees if by_trees else _choices_by_length
    chosen: Choices = {}
    for batch in choose(model, pairs, batch_size, columns):
        chosen |= batch
        if on_progress is not None:
            on_progress(len(chosen), len(pairs))
    return [chosen[index] for index in range(len(pairs))]


def _choices_by_trees(
    model: PreTrainedModel, pairs: Sequence[Pair], batch_size: int, columns: int
) -> Iterator[Choices]:
    order = sorted(range(len(pairs)), key=lambda i: (*pairs[i][0], *pairs[i][1]))
    ordered = [pairs[i] for i in order]
    ranges = cut(ordered, batch_size, columns)
    trees = [tree_of(ordered[each.start : each.stop]) for each in ranges]
    for batch in passes(trees, batch_size, columns):
        by_tree = tree_choices(model, [trees[number] for number in batch])
        yield {
            order[place]: ids
            for number, of_tree in zip(batch, by_tree, strict=True)
            for place, ids in zip(ranges[number], of_tree, strict=True)
        }


def _choices_by_length(
    model: PreTrainedModel, pairs: Sequence[Pair], batch_size: int, columns: int
) -> Iterator[Choices]:
    """Read plain batches: prompts of similar length, padded on the left.

    Answers then end in one column, so that few columns are projected.
    """
    for batch in plain_batches(pairs, batch_size, columns):
        measured = measure(model, [pairs[i] for i in batch], "left")
        yield {
            index: tuple(token.best_id for token in tokens)
            for index, tokens in zip(batch, measured, strict=True)
        }


def plain_batches(pairs: Sequence[Pair], most: int, columns: int) -> list[list[int]]:
    """Return the indices in batches of similar length.

    A batch has at most ``most`` pairs and ``columns`` projected positions; one pair may
    have more.
    """
    lengths = [len(prompt) + len(answer) for prompt, answer in pairs]
    batches: list[list[int]] = []
    longest = 0
    for index in sorted(range(len(pairs)), key=lengths.__getitem__):
        longest = max(longest, len(pairs[index][1]))
        last = batches[-1] if batches else []
        if not last or len(last) == most or (len(last) + 1) * longest > columns:
            batches.append([])
            longest = len(pairs[index][1])
        batches[-1].append(index)
    return batches


# Trees


@dataclass(frozen=True)
class PrefixTree:
    """Texts as nodes in depth-first order, one node for each token."""

    ids: tuple[int, ...]
    depths: tuple[int, ...]
    ends: tuple[int, ...]  # the first node after a node's descendants
    predicting: tuple[int, ...]  # the nodes whose next token is wanted
    choices: tuple[tuple[int, ...], ...]  # of each text, indices into ``predicting``


def tree_of(pairs: Sequence[Pair]) -> PrefixTree:
    """Return the tree of sorted pairs. The last token of an answer is not read."""
    ids: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    path: list[int] = []
    text: tuple[int, ...] = ()
    wanted: list[list[int]] = []
    for prompt, answer in pairs:
        previous, text = text, (*prompt, *answer[:-1])
        shared = common_prefix(previous, text)
        for node in path[shared:]:
            ends[node] = len(ids)
        path = [*path[:shared], *range(len(ids), len(ids) + len(text) - shared)]
        ids += text[shared:]
        depths += range(shared, len(text))
        ends += [0] * (len(text) - shared)
        wanted.append(path[len(prompt) - 1 :])
    for node in path:
        ends[node] = len(ids)
    predicting = sorted({node for nodes in wanted for node in nodes})
    index = {node: number for number, node in enumerate(predicting)}
    return PrefixTree(
        tuple(ids),
        tuple(depths),
        tuple(ends),
        tuple(predicting),
        tuple(tuple(index[node] for node in nodes) for nodes in wanted),
    )


def cut(pairs: Sequence[Pair], most: int, columns: int) -> list[range]:
    """Return which neighbours among sorted pairs form a tree.

    A tree has at most ``most`` pairs, ``columns`` predicting nodes, and a number of
    nodes bounded by NODES and TRUNK_FACTOR; a single pair may exceed these limits.
    """
    trees: list[range] = []
    start = nodes = trunk = predicting = 0
    previous: tuple[int, ...] = ()
    for number, (prompt, answer) in enumerate(pairs):
        text = (*prompt, *answer[:-1])
        shared = common_prefix(previous, text)
        nodes += len(text) - shared
        trunk = min(trunk, shared)
        predicting += len(answer)
        if number and (
            number - start == most
            or predicting > columns
            or nodes > max(NODES, TRUNK_FACTOR * trunk)
        ):
            trees.append(range(start, number))
            start, predicting = number, len(answer)
        if number == start:
            nodes = trunk = len(text)
        previous = text
    return [*trees, range(start, len(pairs))] if pairs else []


def passes(trees: Sequence[PrefixTree], most: int, columns: int) -> list[list[int]]:
    """Return which trees one forward pass reads: similar sizes, the largest first."""
    order = sorted(range(len(trees)), key=lambda i: -len(trees[i].ids))
    batches: list[list[int]] = []
    pairs = width = 0
    for index in order:
        tree = trees[index]
        pairs += len(tree.choices)
        width = max(width, len(tree.predicting))
        longest = len(trees[batches[-1][0]].ids) if batches else 0
        rows = len(batches[-1]) + 1 if batches else 0
        if (
            not batches
            or pairs > most
            or rows * width > columns
            or rows * longest**2 > MASK_AT_ONCE
            or len(tree.ids) < SIMILAR * longest
        ):
            batches.append([])
            pairs, width = len(tree.choices), len(tree.predicting)
        batches[-1].append(index)
    return batches


def tree_choices(
    model: PreTrainedModel, trees: Sequence[PrefixTree]
) -> list[list[tuple[int, ...]]]:
    """Return the first choices for each text of each tree, in one forward pass."""
    logits = _tree_logits(model, trees)
    best = logits.max(dim=-1)
    width = logits.shape[1]
    begins = torch.tensor([width - len(tree.predicting) for tree in trees])
    predicts = torch.arange(width) >= begins[:, None]  # (trees, width)
    check_finite(best.values[predicts.to(best.values.device)])
    return [
        [
            tuple(row[index - len(tree.predicting)] for index in of_text)
            for of_text in tree.choices
        ]
        for row, tree in zip(best.indices.tolist(), trees, strict=True)
    ]


@torch.inference_mode()
def _tree_logits(model: PreTrainedModel, trees: Sequence[PrefixTree]) -> Tensor:
    """Return logits (trees, width, vocabulary): the last ones of each row predict."""
    size = max(len(tree.ids) for tree in trees)
    width = max(len(tree.predicting) for tree in trees)
    rows = [_row(tree, size) for tree in trees]
    ids, depths, numbers, ends = torch.tensor(rows, device=model.device).unbind(dim=1)
    # (trees, attending node, attended node)
    attends = (numbers[:, None, :] <= numbers[:, :, None]) & (
        numbers[:, :, None] < ends[:, None, :]
    )
    mask = torch.zeros(attends.shape, dtype=model.dtype, device=model.device)
    mask.masked_fill_(~attends, torch.finfo(model.dtype).min)
    columns = torch.arange(size - width, size, device=model.device)
    return logits_at(model, ids, mask[:, None], columns, depths, use_cache=False)


def _row(tree: PrefixTree, size: int) -> list[list[int]]:
    """Return ids, depths, node numbers and ends, ``size`` of each.

    Predicting nodes stand last, so that the same columns predict in every row. A
    padding node is a tree of its own before this one: it attends to itself alone.
    """
    predicting = set(tree.predicting)
    first = [node for node in range(len(tree.ids)) if node not in predicting]
    numbers = [*first, *tree.predicting]
    empty = size - len(numbers)
    padding = list(range(-empty, 0))
    return [
        [0] * empty + [tree.ids[node] for node in numbers],
        [0] * empty + [tree.depths[node] for node in numbers],
        padding + numbers,
        [number + 1 for number in padding] + [tree.ends[node] for node in numbers],
    ]


def common_prefix(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two sequences share from their beginning."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))


# Which models take trees


def takes_trees(model: PreTrainedModel) -> bool:
    """Return whether a model reads a tree as it reads plain texts; checked once."""
    if not _may_take_trees(model):
        return False
    if model not in CHECKED:
        CHECKED[model] = _reads_trees(model)
    return CHECKED[model]


def _may_take_trees(model: PreTrainedModel) -> bool:
    """Return whether, by its configuration, every layer follows mask and positions."""
    config = model.config.get_text_config()
    windowed = any(getattr(config, name, None) for name in WINDOWS)
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    return (
        "position_ids" in accepted(model)
        and set(layers) == {"full_attention"}
        and (not windowed or getattr(config, "use_sliding_window", None) is False)
        and config._attn_implementation in ("sdpa", "eager")
    )


def _reads_trees(model: PreTrainedModel) -> bool:
    """Return whether two small trees give the logits of plain passes.

    The error is compared with the change that another context makes to the logits.
    """
    a, b, c, d, e, f, last = (
        place * model.config.get_text_config().vocab_size // 8 for place in range(1, 8)
    )
    texts = [(a, b, c, last), (a, d, e, last), (f, d, b, last), (f, last)]
    pairs = [(text[:-1], (last, last)) for text in texts]
    try:
        trees = [tree_of(pairs[:3]), tree_of(pairs[3:])]
        by_trees = _tree_logits(model, trees).float()
    except (RuntimeError, TypeError, ValueError):
        return False  # it needs a mask of two dimensions
    ids, mask = pad(texts, "right", model.device)
    columns = torch.arange(ids.shape[1], device=model.device)
    with torch.inference_mode():
        plain = logits_at(model, ids, mask, columns, use_cache=False).float()
    actual = torch.cat([by_trees[0], by_trees[1, -2:]])
    expected = torch.cat([plain[:3, -2:].flatten(0, 1), plain[3, :2]])
    context = (plain[0, -1] - plain[1, -1]).abs().max()
    error = (actual - expected).abs().max()
    return bool(error < math.sqrt(torch.finfo(model.dtype).eps) * context)
