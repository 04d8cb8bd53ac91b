"""Causal trace: which states carry the fact from the subject to the answer?

Meng et al., 2022 (https://arxiv.org/abs/2202.05262), section 2. Three kinds of run:

    clean      p(answer), the model's own first token at the prompt's end
    corrupted  noise of ``NOISE`` standard deviations of embeddings on the subject's
               tokens, everywhere they stand: p*(answer)
    restored   corrupted, but the state after one layer at one place is the clean one:
               p*(answer; clean h). Its indirect effect is that less p*(answer)

The noise is drawn ``draws`` times from a seed, the same for every restored state. What
lies below the restored layer is the corrupted run's own and not run again. A long
prompt's places are restored in groups of neighbours: a restored group's effect is not
the sum of its places'.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from xkde.editors.weights.keys import hidden_of
from xkde.editors.weights.modules import hooked
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.inside.layers import (
    ResidualStream,
    decoder_layers,
    last_logits,
    read_stream,
    resumed,
)
from xkde.inside.parts import ReadPrompt

NOISE = 3.0  # standard deviations of the embeddings, as in the paper
LONGEST_TRACE = 160  # tokens
GROUPS = 24  # restored in one trace at most; longer prompts are taken in groups
ROWS = 64  # in one pass
SAMPLED = 1_000  # tokens whose embeddings tell the standard deviation

Role = Literal[
    "subject_first", "subject_middle", "subject_last", "next", "further", "last"
]
ROLES: tuple[Role, ...] = (
    "subject_first", "subject_middle", "subject_last", "next", "further", "last",
)  # fmt: skip
Progress = Callable[[int, int], None]
Places = tuple[int, ...]


@dataclass(frozen=True)
class CausalTrace:
    """Probabilities of the model's own answer; ``restored[layer][group]``."""

    answer: str
    clean: float
    corrupted: float
    groups: tuple[Places, ...]  # of neighbouring places, in their order
    texts: tuple[str, ...]  # of each group
    restored: tuple[tuple[float, ...], ...]

    @property
    def effects(self) -> tuple[tuple[float, ...], ...]:
        """The indirect effect of each layer and group."""
        return tuple(
            tuple(value - self.corrupted for value in layer) for layer in self.restored
        )


@dataclass(frozen=True)
class CorruptedRun:
    """A clean and a corrupted run of one prompt, from which states are restored."""

    model: PreTrainedModel
    layers: tuple[nn.Module, ...]
    ids: Tensor  # (1, time)
    token_id: int  # of the answer
    clean: ResidualStream
    states: tuple[Tensor, ...]  # under noise, after each layer: (draws, time, hidden)
    probability: float  # p*(answer)


def trace(
    engine: TransformersEngine,
    prompt: ReadPrompt,
    draws: int = 3,
    seed: int = 0,
    on_progress: Progress | None = None,
    groups: Sequence[Places] = (),
) -> CausalTrace:
    """Trace the model's own answer to a prompt.

    Raises InputError for a prompt that is too long or does not name its subject; what
    ``on_progress`` (layers done, of how many) raises ends it.
    """
    check_traceable(prompt)
    run = corrupt(engine.model, prompt, draws, seed)
    chosen = tuple(groups) or grouped(prompt, GROUPS)
    restored = []
    for layer in range(len(run.layers)):
        restored.append(tuple(restore(run, layer, chosen)))
        if on_progress is not None:
            on_progress(layer + 1, len(run.layers))
    return CausalTrace(
        str(engine.tokenizer.decode([run.token_id])),
        float(run.clean.logits.softmax(dim=-1)[run.token_id]),
        run.probability,
        chosen,
        tuple("".join(prompt.tokens[i].text for i in group) for group in chosen),
        tuple(restored),
    )


def check_traceable(prompt: ReadPrompt) -> None:
    """Raise InputError for a prompt that cannot be traced."""
    if len(prompt.ids) > LONGEST_TRACE:
        raise InputError(
            "The prompt has {n} tokens; a trace takes at most {most}. Shorten the edit "
            "or the question.",
            n=len(prompt.ids),
            most=LONGEST_TRACE,
        )
    if not prompt.subject:
        raise InputError(
            "The subject is not in the question, so there is nothing to put noise on. "
            "Write it as the question has it."
        )


def grouped(prompt: ReadPrompt, most: int) -> tuple[Places, ...]:
    """Return the places from the subject on, in at most about ``most`` groups.

    The subject's tokens and the last one stay by themselves. What stands before the
    subject is the same in both runs.
    """
    first, end = prompt.subject[0], len(prompt.ids)
    single = {*prompt.subject, end - 1}
    others = end - first - len(single)
    size = max(1, -(-others // max(1, most - len(single))))
    groups: list[Places] = []
    for place in range(first, end):
        last = groups[-1] if groups else ()
        fits = last and last[-1] not in single and len(last) < size
        if place in single or not fits:
            groups.append((place,))
        else:
            groups[-1] = (*last, place)
    return tuple(groups)


def roles(prompt: ReadPrompt) -> dict[Role, Places]:
    """Return the paper's classes of places; the first subject that stands there."""
    run = [prompt.subject[0]]
    for place in prompt.subject[1:]:
        if place == run[-1] + 1:
            run.append(place)
    last = len(prompt.ids) - 1
    after = list(range(run[-1] + 1, last))
    found: dict[Role, Places] = {
        "subject_first": tuple(run[:1]) if len(run) > 1 else (),
        "subject_middle": tuple(run[1:-1]),
        "subject_last": (run[-1],),
        "next": tuple(after[:1]),
        "further": tuple(after[1:]),
        "last": (last,),
    }
    return {role: places for role, places in found.items() if places}


def draw_noise(model: PreTrainedModel, draws: int, places: int, seed: int) -> Tensor:
    """Return noise (draws, places, hidden) of ``NOISE`` standard deviations."""
    embed = model.get_input_embeddings()
    count = model.config.get_text_config().vocab_size
    some = torch.arange(0, count, max(1, count // SAMPLED), device=model.device)
    embedded: Tensor = embed(some[None])[0].float()
    random = torch.Generator().manual_seed(seed)
    noise = torch.randn(draws, places, embedded.shape[-1], generator=random)
    return noise.to(model.device) * (NOISE * float(embedded.std()))


@torch.no_grad()
def corrupt(
    model: PreTrainedModel, prompt: ReadPrompt, draws: int, seed: int
) -> CorruptedRun:
    """Run a prompt clean, then with noise on its subject, and keep all states."""
    layers = decoder_layers(model)
    clean = read_stream(model, prompt.ids)
    token_id = int(clean.logits.argmax())
    noise = draw_noise(model, draws, len(prompt.subject), seed)
    ids = torch.tensor([prompt.ids], device=model.device)
    states: list[Tensor] = []

    def disturb(_: nn.Module, __: object, output: Tensor) -> Tensor:
        noisy = output.clone()
        noisy[:, list(prompt.subject)] += noise.to(output.dtype)
        return noisy

    def keep(_: nn.Module, __: object, output: object) -> None:
        states.append(hidden_of(output))

    with ExitStack() as hooks:
        hooks.enter_context(hooked(model.get_input_embeddings(), disturb))
        for layer in layers:
            hooks.enter_context(hooked(layer, keep))
        logits = last_logits(model, ids.expand(draws, -1))
    probability = float(logits.softmax(dim=-1)[:, token_id].mean())
    return CorruptedRun(
        model, tuple(layers), ids, token_id, clean, tuple(states), probability
    )


@torch.no_grad()
def restore(run: CorruptedRun, layer: int, groups: Sequence[Places]) -> list[float]:
    """Return p(answer) with each group restored after one layer, mean over draws."""
    truth, noisy = run.clean.states[layer + 1], run.states[layer]
    draws = len(noisy)
    values: list[float] = []
    step = max(1, ROWS // draws)
    for start in range(0, len(groups), step):
        part = groups[start : start + step]
        states = noisy.repeat(len(part), 1, 1)
        for n, group in enumerate(part):
            places = list(group)
            states[n * draws : (n + 1) * draws, places] = truth[places]
        rows = run.ids.expand(len(states), -1)
        with resumed(run.layers, layer, states, is_plain=run.clean.is_plain):
            logits = last_logits(run.model, rows)
        chosen = logits.softmax(dim=-1)[:, run.token_id]
        values += chosen.reshape(len(part), draws).mean(dim=1).tolist()
    return values
