"""First choices for many answers at once; what their prompts share is read once.

Prompts about one edit begin alike, and those of one language more so. Where the model
takes trees, they are read as such (``trees``); elsewhere in three levels (what all
share, what neighbours share, the rest) over the model's cache. Works on token ids
alone, like ``forward`` and ``scoring``; a choice does not depend on what else is in its
batch, but for ties at the model's precision.

Run its tests: ``python -m pytest tests/xkde/engines/test_prefixes.py``
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from xkde.engines.forward import check_finite, logits_at, pad
from xkde.engines.trees import (
    Pair,
    choices,
    common,
    cut,
    passes,
    takes_trees,
    tree_of,
)

Chosen = dict[int, tuple[int, ...]]  # by a pair's index
LOGITS_AT_ONCE = 100_000_000  # numbers held at a time: 400 MB in float32


def first_choices(
    model: PreTrainedModel,
    pairs: Sequence[Pair],
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[tuple[int, ...]]:
    """Return the model's first choice at each answer token, given those before it.

    In the given order. Every prompt has a token, and so has every answer.
    """
    places = LOGITS_AT_ONCE // model.config.get_text_config().vocab_size
    way = _by_trees if pairs and takes_trees(model) else _by_levels
    found: Chosen = {}
    for chosen in way(model, pairs, batch_size, places):
        found |= chosen
        if on_progress is not None:
            on_progress(len(found), len(pairs))
    return [found[i] for i in range(len(pairs))]


def _by_trees(
    model: PreTrainedModel, pairs: Sequence[Pair], batch_size: int, places: int
) -> Iterator[Chosen]:
    order = sorted(range(len(pairs)), key=lambda i: (*pairs[i][0], *pairs[i][1]))
    ordered = [pairs[i] for i in order]
    cuts = cut(ordered, batch_size, places)
    trees = [tree_of(ordered[each.start : each.stop]) for each in cuts]
    for batch in passes(trees, batch_size, places):
        told = choices(model, [trees[number] for number in batch])
        yield {
            order[place]: one
            for number, of in zip(batch, told, strict=True)
            for place, one in zip(cuts[number], of, strict=True)
        }


def _by_levels(
    model: PreTrainedModel, pairs: Sequence[Pair], batch_size: int, places: int
) -> Iterator[Chosen]:
    for batch in _batches(pairs, batch_size, places):
        chosen = _choices(model, [pairs[i] for i in batch])
        yield dict(zip(batch, chosen, strict=True))


def _batches(
    pairs: Sequence[Pair], batch_size: int, places_at_once: int
) -> list[list[int]]:
    """Return the indices in batches whose prompts begin alike."""
    order = sorted(range(len(pairs)), key=lambda i: tuple(pairs[i][0]))
    batches: list[list[int]] = []
    longest = 0
    for index in order:
        longest = max(longest, len(pairs[index][1]))
        last = batches[-1] if batches else []
        if not last or len(last) == batch_size or (len(last) + 1) * longest > (
            places_at_once
        ):  # fmt: skip
            batches.append([])
            longest = len(pairs[index][1])
        batches[-1].append(index)
    return batches


@torch.inference_mode()
def _choices(model: PreTrainedModel, pairs: Sequence[Pair]) -> list[tuple[int, ...]]:
    # The last prompt token is the first that predicts, the last answer token none.
    prompts = [tuple(prompt)[:-1] for prompt, _ in pairs]
    inputs = [(*prompt, *answer[:-1]) for prompt, answer in pairs]
    trunk = common(prompts[0], prompts[-1])  # they are sorted
    groups = grouped([prompt[trunk:] for prompt in prompts])
    stems = [
        trunk + common(prompts[g.start][trunk:], prompts[g.stop - 1][trunk:])
        for g in groups
    ]
    levels: list[tuple[list[int], list[Sequence[int]]]] = [
        ([0], [prompts[0][:trunk]]),
        (
            [0] * len(groups),
            [
                prompts[group.start][trunk:stem]
                for group, stem in zip(groups, stems, strict=True)
            ],
        ),
        (
            [number for number, group in enumerate(groups) for _ in group],
            [
                inputs[i][stem:]
                for group, stem in zip(groups, stems, strict=True)
                for i in group
            ],
        ),
    ]
    width = max(len(answer) for _, answer in pairs)
    logits = _read(model, levels, width)
    best = logits.max(dim=-1)
    check_finite(best.values[:, -1])
    ids = best.indices.tolist()
    return [
        tuple(row[width - len(answer) :])
        for row, (_, answer) in zip(ids, pairs, strict=True)
    ]


def _read(
    model: PreTrainedModel,
    levels: Sequence[tuple[list[int], list[Sequence[int]]]],
    width: int,
) -> Tensor:
    """Read level after level, each piece after its parent; return the last logits."""
    cache = DynamicCache(config=model.config)
    mask = torch.zeros(1, 0, dtype=torch.long, device=model.device)
    for number, (parents, pieces) in enumerate(levels):
        last = number == len(levels) - 1
        index = torch.tensor(parents, device=model.device)
        mask = mask[index]
        cache.batch_select_indices(index)
        if not any(pieces):
            continue
        ids, own = pad(pieces, "left", model.device)
        mask = torch.cat([mask, own], dim=1)
        wanted = width if last else 1
        columns = torch.arange(-wanted, 0, device=ids.device) + ids.shape[1]
        logits = logits_at(
            model, ids, mask, columns, past_key_values=cache, use_cache=True
        )
    return logits


def grouped(prompts: Sequence[Sequence[int]]) -> list[range]:
    """Return which sorted neighbours to read together, so that most is shared."""
    count = len(prompts)
    shared = [common(a, b) for a, b in zip(prompts, prompts[1:], strict=False)]
    saved = [0] * (count + 1)
    begin = [0] * (count + 1)
    for end in range(1, count + 1):
        least = 0
        saved[end], begin[end] = saved[end - 1], end - 1
        for start in range(end - 2, -1, -1):
            least = shared[start] if start == end - 2 else min(least, shared[start])
            gain = saved[start] + (end - start - 1) * least
            if gain > saved[end]:
                saved[end], begin[end] = gain, start
    groups: list[range] = []
    end = count
    while end:
        groups.append(range(begin[end], end))
        end = begin[end]
    return groups[::-1]
