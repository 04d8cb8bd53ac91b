"""Prompts that are read again and again while only one vector in them changes.

``values`` adds a vector δ to what a module gives at a subject's last token, reads the
prompts, and does so at every step of its optimisation. What δ cannot reach is read
once and kept here: the beginnings up to the subject, as a cache of keys and values, and
of the rest what the layers below the module make of it. In that one pass the module's
own input (the key) and output (v) at the subject are recorded, too.

    cached = cached_prompts(model, module, prompts, applied)
    [batch] = cached.batches(range(len(prompts)))
    batch.logits(vectors)  # at every step
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from xkde.editors.weights.contexts import EditPrompt
from xkde.editors.weights.keys import hidden_of
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.editors.weights.modules import ending_after, hooked, layers_of
from xkde.engines.forward import common_beginning, logits_at, longest_window, pad

PROMPTS_AT_ONCE = 48  # read in one pass, of like length: less is padding
WORTH_A_PASS = 256  # tokens: fewer are read again sooner than in a pass of their own


@dataclass(frozen=True)
class Beginnings:
    """Prompts and what has been read of them: all that stands before the subjects."""

    model: PreTrainedModel
    module: nn.Module  # at which δ is added
    prompts: Sequence[EditPrompt]
    applied: AppliedUpdates
    starts: tuple[int, ...]  # where in each prompt reading goes on
    cache: DynamicCache
    mask: Tensor  # (prompts, longest start)

    def batch(
        self, chosen: Sequence[int], settled: Sequence["Settled"] = ()
    ) -> "PromptBatch":
        """Return some of the prompts, padded to one length."""
        rows = torch.tensor(chosen, device=self.model.device)
        prompts = [self.prompts[i] for i in chosen]
        rest = [self.prompts[i].read[self.starts[i] :] for i in chosen]
        ids, own = pad(rest, "left", self.model.device)
        # The same column whatever has been read before.
        columns = [ids.shape[1] - len(p.read) + p.subject_end for p in prompts]
        return PromptBatch(
            self,
            tuple(chosen),
            ids,
            torch.cat([self.mask[rows], own], dim=1),
            _rows_of(self.cache, rows),
            torch.tensor(columns, device=ids.device),
            predicted_of(prompts, ids.shape[1], ids.device),
            [(each.modules, each.output(chosen)) for each in settled],
        )


@dataclass(frozen=True)
class CachedPrompts:
    """Prompts of which all is read that no δ reaches."""

    beginnings: Beginnings
    inputs: Tensor  # the module's at the subjects, (prompts, width), float32
    outputs: Tensor
    settled: Sequence["Settled"]

    def batches(self, chosen: Sequence[int]) -> list["PromptBatch"]:
        """Return some of the prompts, by their numbers, as they are read together."""
        return [
            self.beginnings.batch(chosen[start : start + PROMPTS_AT_ONCE], self.settled)
            for start in range(0, len(chosen), PROMPTS_AT_ONCE)
        ]


@dataclass(frozen=True)
class Predicted:
    """Where the head predicts in a batch: every answer token, then the essences."""

    rows: Tensor  # (predictions,)
    columns: Tensor
    targets: Tensor  # (answer tokens,): the token to come
    weights: Tensor  # (answer tokens,): 1 / the answer's tokens
    essences: tuple[int, ...]  # the rows of prompts without an answer


Given = tuple[Sequence[nn.Module], object]  # modules, and what each of them gives


@dataclass(frozen=True)
class PromptBatch:
    """Some prompts, padded on the left, ready to be read at every step."""

    beginnings: Beginnings
    chosen: tuple[int, ...]  # the numbers of its prompts
    ids: Tensor  # (rows, time)
    mask: Tensor  # (rows, time that is cached + time)
    cache: DynamicCache
    columns: Tensor  # (rows,): of the subjects
    predicted: Predicted
    settled: Sequence["Given"]  # what modules give that no δ reaches

    @property
    def prompts(self) -> list[EditPrompt]:
        """Its prompts, row by row."""
        return [self.beginnings.prompts[i] for i in self.chosen]

    @property
    def device(self) -> torch.device:
        """Where it is read."""
        return self.ids.device

    def logits(self, vectors: Tensor) -> Tensor:
        """Return float32 logits (predictions, vocabulary) under each row's vector.

        ``vectors`` are (rows, width).
        """
        head: nn.Module = self.beginnings.model.get_output_embeddings()
        at = self.predicted
        with (
            self._obeying(),
            _giving(self.settled),
            hooked(self.beginnings.module, _adding(vectors, self.columns)),
            hooked(head, _only(at.rows, at.columns), before=True),
        ):
            return self._read(slice(None))[0].float()

    @torch.no_grad()
    def at_subjects(self) -> tuple[Tensor, Tensor, list["Settled"]]:
        """Read up to the module; return its inputs and outputs at the subjects.

        With them what the modules gave that were done before it.
        """
        rows = torch.arange(len(self.ids), device=self.device)
        seen: list[Tensor] = []
        settled: dict[nn.Module, Settled] = {}
        own = dict(zip(self.chosen, self._own(), strict=True))

        def record(_: nn.Module, arguments: tuple[object, ...], output: object) -> None:
            for states in (arguments[0], output):
                seen.append(hidden_of(states)[rows, self.columns].float())

        def keep(module: nn.Module, _: object, output: object) -> None:
            if module not in settled and _is_states(output, self.ids.shape):
                settled[module] = Settled.of((module,), output, own)

        below, inner = _before(self.beginnings)
        with ExitStack() as stack:
            for module in (*below[-1:], *inner):
                stack.enter_context(hooked(module, keep))  # before what is applied
            stack.enter_context(self._obeying())
            stack.enter_context(hooked(self.beginnings.module, record))
            stack.enter_context(ending_after(self.beginnings.module))
            self._read(torch.tensor([-1], device=self.device))
        [inputs, outputs] = seen
        found = _outermost(settled)
        return inputs, outputs, [_of_all(each, below) for each in found]

    def _own(self) -> list[int]:
        """Return how many tokens of each row are no padding."""
        starts = self.beginnings.starts
        return [len(self.beginnings.prompts[i].read) - starts[i] for i in self.chosen]

    def _read(self, columns: Tensor | slice) -> Tensor:
        return logits_at(
            self.beginnings.model,
            self.ids,
            self.mask,
            columns,  # type: ignore[arg-type]  # all: the head is given few
            past_key_values=_again(self.cache),
            use_cache=True,
        )

    def _obeying(self) -> AbstractContextManager[None]:
        """Return the context in which each row obeys what is applied for its edit.

        Hooks that are to see it must be put on after.
        """
        edits = [prompt.edit for prompt in self.prompts]
        return self.beginnings.applied.over(edits)


@dataclass(frozen=True)
class Settled:
    """A module that gives the same at every step, since no δ reaches it."""

    modules: tuple[nn.Module, ...]  # or several, of which the last's output counts
    states: Mapping[int, Tensor]  # by prompt, (time, width), without padding
    nones: int | None  # that it gives beside them, as a tuple

    @classmethod
    def of(
        cls, modules: tuple[nn.Module, ...], output: object, own: Mapping[int, int]
    ) -> "Settled":
        """Keep an output for prompts, by number, with so many tokens of their own."""
        states = hidden_of(output)
        kept = {
            i: each[-length:].clone()
            for (i, length), each in zip(own.items(), states, strict=True)
        }
        nones = len(output) - 1 if isinstance(output, tuple) else None
        return cls(modules, kept, nones)

    def joined(self, other: "Settled") -> "Settled":
        """Return the same modules' outputs for the prompts of both."""
        return replace(self, states={**self.states, **other.states})

    def output(self, chosen: Sequence[int]) -> object:
        """Return what the module gives for a batch of prompts."""
        states = pad_sequence(
            [self.states[i] for i in chosen], batch_first=True, padding_side="left"
        )
        return states if self.nones is None else (states, *(None,) * self.nones)


def _is_states(output: object, shape: torch.Size) -> bool:
    """Tell whether a module gave states (rows, time, width), and nothing beside."""
    if isinstance(output, tuple):
        return all(each is None for each in output[1:]) and _is_states(output[0], shape)
    return isinstance(output, Tensor) and output.ndim == 3 and output.shape[:2] == shape


def predicted_of(
    prompts: Sequence[EditPrompt], width: int, device: torch.device
) -> Predicted:
    """Return where the head predicts in prompts that are padded on the left.

    Of a prompt with an answer where each of its tokens is predicted; of another, an
    essence, at its end. All answers end in the last column.
    """
    answers = [(row, p.answer) for row, p in enumerate(prompts) if p.answer]
    essences = [row for row, p in enumerate(prompts) if not p.answer]
    at = [
        (row, width - len(answer) + n)
        for row, answer in answers
        for n in range(len(answer))
    ]
    at += [(row, width - 1) for row in essences]
    rows, columns = torch.tensor(at, device=device).T
    targets = [token for _, answer in answers for token in answer]
    weights = [1 / len(answer) for _, answer in answers for _ in answer]
    return Predicted(
        rows,
        columns,
        torch.tensor(targets, dtype=torch.long, device=device),
        torch.tensor(weights, device=device),
        tuple(essences),
    )


@torch.no_grad()
def cached_prompts(
    model: PreTrainedModel,
    module: nn.Module,
    prompts: Sequence[EditPrompt],
    applied: AppliedUpdates,
) -> CachedPrompts:
    """Read what all steps have in common, once; no δ is added yet."""
    began = _beginnings(model, module, prompts, applied)
    inputs, outputs = [], []
    settled: dict[tuple[nn.Module, ...], Settled] = {}
    for start in range(0, len(prompts), PROMPTS_AT_ONCE):
        chosen = range(len(prompts))[start : start + PROMPTS_AT_ONCE]
        given, gave, parts = began.batch(chosen).at_subjects()
        inputs.append(given)
        outputs.append(gave)
        for part in parts:
            known = settled.get(part.modules)
            settled[part.modules] = known.joined(part) if known else part
    return CachedPrompts(
        began, torch.cat(inputs), torch.cat(outputs), list(settled.values())
    )


def _beginnings(
    model: PreTrainedModel,
    module: nn.Module,
    prompts: Sequence[EditPrompt],
    applied: AppliedUpdates,
) -> Beginnings:
    cache = DynamicCache(config=model.config)
    starts = tuple(prompt.subject_end for prompt in prompts)
    rest = max(len(p.read) - p.subject_end for p in prompts)
    mask = torch.ones(len(prompts), 0, dtype=torch.long, device=model.device)
    # Padding between cache and rest must not push a token out of a sliding window.
    if min(starts) == 0 or max(starts) + rest > longest_window(model):
        none = (0,) * len(prompts)
        return Beginnings(model, module, prompts, applied, none, cache, mask)
    last = torch.tensor([-1], device=model.device)
    beginnings = [prompt.ids[: prompt.subject_end] for prompt in prompts]
    shared = _shared_beginning(beginnings, applied)
    if shared:
        ids, alone = pad([shared], "left", model.device)
        logits_at(model, ids, alone, last, past_key_values=cache, use_cache=True)
        cache.batch_repeat_interleave(len(prompts))
        mask = alone.repeat(len(prompts), 1)
        beginnings = [each[len(shared) :] for each in beginnings]
    if any(beginnings):
        ids, own = pad(beginnings, "left", model.device)
        mask = torch.cat([mask, own], dim=1)
        with applied.over([prompt.edit for prompt in prompts]):
            logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    return Beginnings(model, module, prompts, applied, starts, cache, mask)


def _shared_beginning(
    beginnings: Sequence[Sequence[int]], applied: AppliedUpdates
) -> list[int]:
    """Return what all begin with, if reading it once saves enough.

    A chat template's examples are long. Where each edit has its own updates in force,
    the same tokens give other states.
    """
    shared = [] if any(applied.sets) else common_beginning(beginnings)
    saved = len(shared) * (len(beginnings) - 1)
    return shared if saved >= WORTH_A_PASS else []


def _before(began: Beginnings) -> tuple[list[nn.Module], list[nn.Module]]:
    """Return the layers below δ's module, itself included, and the modules beside it.

    None where later layers look into the caches of earlier ones, which must then run.
    """
    layers = list(layers_of(began.model)[1])
    module = began.module
    if len(began.cache.layers) != len(layers):
        return [], []
    place = next(i for i, one in enumerate(layers) if module in set(one.modules()))
    if module is layers[place]:
        return layers[: place + 1], []
    return layers[:place], list(layers[place].modules())


def _of_all(settled: Settled, layers: Sequence[nn.Module]) -> Settled:
    """Return the last layer's output as that of all of the layers."""
    if layers and settled.modules == (layers[-1],):
        return replace(settled, modules=tuple(layers))
    return settled


def _outermost(settled: Mapping[nn.Module, Settled]) -> list[Settled]:
    """Return those that are not within another."""
    within = {
        inner for module in settled for inner in module.modules() if inner is not module
    }
    return [each for module, each in settled.items() if module not in within]


@contextmanager
def _giving(outputs: Sequence[Given]) -> Iterator[None]:
    """Let modules give these outputs without running, in one pass inside the block.

    When one is called again in it, after δ has been added, it runs.
    """
    with ExitStack() as undo:
        for module, output in ((m, output) for ms, output in outputs for m in ms):
            own = vars(module).get("forward")  # where something else has put one
            vars(module)["forward"] = _first(output, module.forward)
            if own is None:
                undo.callback(vars(module).pop, "forward")
            else:
                undo.callback(vars(module).update, forward=own)
        yield


def _first(output: object, forward: Callable[..., object]) -> Callable[..., object]:
    """Return a function that gives an output when first called, then runs another."""
    given = iter([output])

    def call(*arguments: object, **options: object) -> object:
        for known in given:
            return known
        return forward(*arguments, **options)

    return call


def _again(cache: DynamicCache) -> DynamicCache:
    """Return a cache to be read from and added to, while the given one stays as is."""
    again = copy(cache)
    again.layers = [copy(layer) for layer in cache.layers]
    return again


def _rows_of(cache: DynamicCache, rows: Tensor) -> DynamicCache:
    """Return some rows of a cache."""
    selected = _again(cache)
    selected.batch_select_indices(rows)
    return selected


def _only(rows: Tensor, columns: Tensor) -> Callable[..., tuple[Tensor, ...]]:
    """Return a hook that gives a module only these states, as one row."""

    def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (arguments[0][rows, columns][None], *arguments[1:])

    return hook


def _adding(vectors: Tensor, columns: Tensor) -> Callable[..., object]:
    """Return a forward hook that adds each row's vector in its column."""
    rows = torch.arange(len(columns), device=columns.device)

    def hook(_: nn.Module, __: object, output: object) -> object:
        states = hidden_of(output)
        states = states.index_put(
            (rows, columns), vectors.to(states.dtype), accumulate=True
        )
        return (states, *output[1:]) if isinstance(output, tuple) else states

    return hook
