"""One question in many languages: how near its hidden states are, layer by layer.

Of each prompt the state at its end is taken after every layer. The mean cosine between
languages is read beside another question's, since all states of one layer share a
direction; the map shows one layer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from torch import Tensor

from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.inside.geometry import PlaneMap, state_map, vector_cosine
from xkde.inside.layers import read_stream
from xkde.inside.parts import ReadPrompt

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LanguageStates:
    """The ends of prompts in several languages: states (layers + 1, languages, width).

    Index 0 is before the first layer, where all prompts that end alike are the same.
    """

    languages: tuple[str, ...]
    states: Tensor

    def map_of(self, layer: int) -> PlaneMap:
        """Return the languages as points at one layer."""
        return state_map(self.states[layer])


def read_states(
    engine: TransformersEngine,
    prompts: Sequence[ReadPrompt],
    on_progress: Progress | None = None,
) -> LanguageStates:
    """Read the end of each prompt through all layers."""
    if len(prompts) < 3:
        raise InputError(
            "States are compared in three languages or more, and this question is only "
            "known as typed. Word it as the examples do."
        )
    ends = []
    for done, prompt in enumerate(prompts, 1):
        ends.append(read_stream(engine.model, prompt.ids).states[:, -1].float().cpu())
        if on_progress is not None:
            on_progress(done, len(prompts))
    languages = tuple(prompt.query.language for prompt in prompts)
    return LanguageStates(languages, torch.stack(ends, dim=1))


def mean_cosines(states: Tensor) -> list[float]:
    """Return by layer the mean cosine of all pairs; states (layers, many, width)."""
    found = []
    for layer in states:
        pairs = [vector_cosine(a, b) for a, b in combinations(layer, 2)]
        found.append(sum(pairs) / len(pairs))
    return found
