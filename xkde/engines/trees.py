"""Texts that begin alike as one tree: every token that they share is read once.

A tree's tokens stand in one row; a mask lets each see its ancestors only, its depth is
its position. Several trees are the rows of one forward pass. Works on token ids alone;
knows no model's name: whether a model takes trees is told by its configuration, and
tried out once.

Run its tests: ``python -m pytest tests/xkde/engines/test_trees.py``
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel

from xkde.engines.forward import accepted, check_finite, logits_at, pad

Pair = tuple[Sequence[int], Sequence[int]]  # the ids of a prompt, of its answer
NODES = 256  # of a tree; more are shared in a larger one, but each pair of them costs
TRUNK_TIMES = 3  # a tree may have that many times the nodes that all its texts share
MASKED_AT_ONCE = 16_000_000  # numbers of a mask: 64 MB in float32
ALIKE = 0.75  # which share of the longest row the shortest one of a pass has at least
# What configurations call how far back a layer sees; a small trial does not show it.
WINDOWS = ("sliding_window", "window_size", "attention_chunk_size")
TAKING: WeakKeyDictionary[PreTrainedModel, bool] = WeakKeyDictionary()


@dataclass(frozen=True)
class Tree:
    """Texts as nodes, each after its parent and before the node's next sibling."""

    ids: tuple[int, ...]
    depths: tuple[int, ...]
    ends: tuple[int, ...]  # the first node after a node's descendants
    predicting: tuple[int, ...]  # the nodes whose next token is wanted, in their order
    choices: tuple[tuple[int, ...], ...]  # of each text, places in ``predicting``


def tree_of(pairs: Sequence[Pair]) -> Tree:
    """Return the tree of sorted pairs. No answer's last token is read."""
    ids: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    path: list[int] = []
    text: tuple[int, ...] = ()
    wanted: list[list[int]] = []
    for prompt, answer in pairs:
        previous, text = text, (*prompt, *answer[:-1])
        shared = common(previous, text)
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
    place = {node: number for number, node in enumerate(predicting)}
    return Tree(
        tuple(ids),
        tuple(depths),
        tuple(ends),
        tuple(predicting),
        tuple(tuple(place[node] for node in nodes) for nodes in wanted),
    )


def cut(pairs: Sequence[Pair], most: int, places: int) -> list[range]:
    """Return which sorted neighbours make a tree: no more than ``most`` pairs.

    Nor more places that predict, nor too many nodes; one pair may have more.
    """
    trees: list[range] = []
    start = nodes = trunk = predicting = 0
    previous: tuple[int, ...] = ()
    for number, (prompt, answer) in enumerate(pairs):
        text = (*prompt, *answer[:-1])
        shared = common(previous, text)
        nodes += len(text) - shared
        trunk = min(trunk, shared)
        predicting += len(answer)
        if number and (
            number - start == most
            or predicting > places
            or nodes > max(NODES, TRUNK_TIMES * trunk)
        ):
            trees.append(range(start, number))
            start, predicting = number, len(answer)
        if number == start:
            nodes = trunk = len(text)
        previous = text
    return [*trees, range(start, len(pairs))] if pairs else []


def passes(trees: Sequence[Tree], most: int, places: int) -> list[list[int]]:
    """Return which trees to read at once: those of like size, the largest first."""
    order = sorted(range(len(trees)), key=lambda i: -len(trees[i].ids))
    found: list[list[int]] = []
    pairs = width = 0
    for index in order:
        tree = trees[index]
        pairs += len(tree.choices)
        width = max(width, len(tree.predicting))
        longest = len(trees[found[-1][0]].ids) if found else 0
        rows = len(found[-1]) + 1 if found else 0
        if (
            not found
            or pairs > most
            or rows * width > places
            or rows * longest**2 > MASKED_AT_ONCE
            or len(tree.ids) < ALIKE * longest
        ):
            found.append([])
            pairs, width = len(tree.choices), len(tree.predicting)
        found[-1].append(index)
    return found


def choices(
    model: PreTrainedModel, trees: Sequence[Tree]
) -> list[list[tuple[int, ...]]]:
    """Return the model's first choices for each text of each tree, in one pass."""
    logits = _read(model, trees)
    best = logits.max(dim=-1)
    width = logits.shape[1]
    own = torch.tensor([width - len(tree.predicting) for tree in trees])
    told = torch.arange(width) >= own[:, None]  # (rows, width)
    check_finite(best.values[told.to(best.values.device)])
    return [
        [
            tuple(row[place - len(tree.predicting)] for place in of)
            for of in tree.choices
        ]
        for row, tree in zip(best.indices.tolist(), trees, strict=True)
    ]


@torch.inference_mode()
def _read(model: PreTrainedModel, trees: Sequence[Tree]) -> Tensor:
    """Return logits (rows, width, vocabulary): each row's last ones predict."""
    size = max(len(tree.ids) for tree in trees)
    width = max(len(tree.predicting) for tree in trees)
    rows = [_row(tree, size) for tree in trees]
    ids, depths, numbers, ends = torch.tensor(rows, device=model.device).unbind(dim=1)
    # Before a node and its descendants' end is who sees it: (rows, seeing, seen).
    sees = (numbers[:, None, :] <= numbers[:, :, None]) & (
        numbers[:, :, None] < ends[:, None, :]
    )
    mask = torch.zeros(sees.shape, dtype=model.dtype, device=model.device)
    mask.masked_fill_(~sees, torch.finfo(model.dtype).min)
    columns = torch.arange(size - width, size, device=model.device)
    return logits_at(model, ids, mask[:, None], columns, depths, use_cache=False)


def _row(tree: Tree, size: int) -> list[list[int]]:
    """Return ids, depths, numbers and ends, ``size`` of each.

    What predicts stands last, so that the same columns predict in every row. What fills
    a row sees itself and is not seen: each is a tree of its own, before this one.
    """
    predicting = set(tree.predicting)
    first = [node for node in range(len(tree.ids)) if node not in predicting]
    numbers = [*first, *tree.predicting]
    empty = size - len(numbers)
    filling = list(range(-empty, 0))
    return [
        [0] * empty + [tree.ids[node] for node in numbers],
        [0] * empty + [tree.depths[node] for node in numbers],
        filling + numbers,
        [number + 1 for number in filling] + [tree.ends[node] for node in numbers],
    ]


def takes_trees(model: PreTrainedModel) -> bool:
    """Return whether a model reads a tree as it reads its texts; tried out once."""
    if not _may_take(model):
        return False
    if model not in TAKING:
        TAKING[model] = _agrees(model)
    return TAKING[model]


def _may_take(model: PreTrainedModel) -> bool:
    """Return whether every layer sees what it is told to, at the position told."""
    config = model.config.get_text_config()
    windowed = any(getattr(config, name, None) for name in WINDOWS)
    layers = getattr(config, "layer_types", None) or ["full_attention"]
    return (
        "position_ids" in accepted(model)
        and set(layers) == {"full_attention"}
        and (not windowed or getattr(config, "use_sliding_window", None) is False)
        and config._attn_implementation in ("sdpa", "eager")
    )


def _agrees(model: PreTrainedModel) -> bool:
    """Return whether two small trees give the logits of plain passes.

    The measure is how much the context of a last token changes its logits.
    """
    a, b, c, d, e, f, last = (
        place * model.config.get_text_config().vocab_size // 8 for place in range(1, 8)
    )
    texts = [(a, b, c, last), (a, d, e, last), (f, d, b, last), (f, last)]
    pairs = [(text[:-1], (last, last)) for text in texts]
    try:
        found = _read(model, [tree_of(pairs[:3]), tree_of(pairs[3:])]).float()
    except (RuntimeError, TypeError, ValueError):
        return False  # it makes what it needs of a mask with two dimensions
    ids, mask = pad(texts, "right", model.device)
    columns = torch.arange(ids.shape[1], device=model.device)
    with torch.inference_mode():
        plain = logits_at(model, ids, mask, columns, use_cache=False).float()
    told = torch.cat([found[0], found[1, -2:]])
    wanted = torch.cat([plain[:3, -2:].flatten(0, 1), plain[3, :2]])
    context = (plain[0, -1] - plain[1, -1]).abs().max()
    error = (told - wanted).abs().max()
    return bool(error < math.sqrt(torch.finfo(model.dtype).eps) * context)


def common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return how many tokens two sequences begin with alike."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))
