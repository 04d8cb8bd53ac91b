"""The value v* = v + δ that makes a model give a new answer (ROME, MEMIT, AlphaEdit).

ROME, equation 4: https://arxiv.org/abs/2202.05262. For each edit, a vector δ is added
to what a module gives at the subject's last token and optimised with Adam:

    δ = argmin  nll_loss + λ_kl · kl_loss + λ_decay · weight_decay

    nll_loss      mean over the prompts of −log p(new answer | prompt; v + δ) per token
    kl_loss       KL(p(· | "{subject} is a"; v + δ) ‖ p(· | "{subject} is a"; v))
    weight_decay  ‖δ‖ / ‖v‖²

After each step ‖δ‖ ≤ clamp · ‖v‖. As in the paper the prompts are the question alone
and behind openings. The KL is read at the end of the essence prompt; the released code
reads it at the subject. Edits are optimised side by side, each for itself, and leave
the batch when they are done. No weight is touched.

What comes before the subject's end is read once and kept as a cache. What the layers
below the module make of the rest is the same at every step: it is kept, too, and those
layers are left out from then on.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from copy import copy
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache, PreTrainedModel

from xkde.editors.weights.contexts import EditPrompt, essence_prompts, question_prompts
from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.keys import hidden_of, inputs_and_outputs
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.editors.weights.modules import hooked, layers_of
from xkde.engines.forward import check_finite, logits_at, longest_window, pad
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

EDITS_AT_ONCE = 32  # optimised side by side
PROMPTS_AT_ONCE = 48  # read in one pass, of like length: less is padding


@dataclass(frozen=True)
class ValueSettings:
    """How values are optimised: a part of the settings of ROME, MEMIT and AlphaEdit."""

    learning_rate: float = 0.5
    steps: int = 25
    stop: float = 0.05  # the loss at which a value is good enough
    clamp: float = 4.0  # the longest δ, in lengths of v
    kl: float = 0.0625  # λ_kl
    decay: float = 1e-3  # λ_decay
    openings: int = 4  # prompts beside the bare question
    text: str = "atlas"  # whose second moments: "atlas" or a file
    tokens: int | None = None  # how much of it; none: 20 times a key's width


@dataclass(frozen=True)
class OptimisedValues:
    """One δ for each edit, and how its optimisation ended."""

    delta: Tensor  # (edits, width), float32
    before: Tensor  # v, (edits, width): what the module gave for the bare question
    losses: tuple[float, ...]
    steps: tuple[int, ...]

    @property
    def target(self) -> Tensor:
        """Return v* = v + δ, (edits, width)."""
        return self.before + self.delta


def optimise(
    engine: TransformersEngine,
    module: nn.Module,
    edits: Sequence[Edit],
    settings: ValueSettings,
    applied: AppliedUpdates,
) -> OptimisedValues:
    """Return each edit's δ to add to what ``module`` gives."""
    prompts = question_prompts(engine.tokenizer, edits, settings.openings)
    if settings.kl:
        prompts += essence_prompts(engine.tokenizer, edits)
    bare = [next(p for p in prompts if p.edit == e) for e in range(len(edits))]
    [(_, v)] = inputs_and_outputs(engine, [module], bare, applied)
    delta = torch.zeros_like(v)
    losses, steps = [0.0] * len(edits), [0] * len(edits)
    with only_these_learn(engine.model):
        for start in range(0, len(edits), EDITS_AT_ONCE):
            group = range(start, min(start + EDITS_AT_ONCE, len(edits)))
            own = [prompt for prompt in prompts if prompt.edit in group]
            own.sort(key=lambda p: (len(p.read) - p.subject_end, len(p.answer)))
            cached = cached_prompts(engine.model, module, own, applied)
            for edit, ended in _descend(cached, settings, v, group).items():
                delta[edit], losses[edit], steps[edit] = ended
    return OptimisedValues(delta, v, tuple(losses), tuple(steps))


def _descend(
    cached: "CachedPrompts",
    settings: ValueSettings,
    values: Tensor,
    edits: Sequence[int],
) -> dict[int, tuple[Tensor, float, int]]:
    """Return δ, last loss and number of steps of each of the edits, by their numbers.

    ``values`` are v of all edits, (edits, width).
    """
    first = edits[0]
    v = values[first : first + len(edits)]
    v_norm = v.norm(dim=-1, keepdim=True)
    delta = torch.zeros_like(v, requires_grad=True)
    optimizer = torch.optim.Adam([delta], lr=settings.learning_rate)
    log_probs_before = _essence_log_probs(cached, delta.detach(), first)
    ended: dict[int, tuple[Tensor, float, int]] = {}
    for step in range(settings.steps + 1):
        active = [edit for edit in edits if edit not in ended]
        at = torch.tensor([edit - first for edit in active], device=delta.device)
        nll_loss, kl_loss = _losses(cached, delta, first, active, log_probs_before)
        weight_decay = delta[at].norm(dim=-1) / v_norm[at, 0] ** 2
        loss = nll_loss + settings.kl * kl_loss + settings.decay * weight_decay
        for edit, reached in zip(active, loss.tolist(), strict=True):
            if reached < settings.stop or step == settings.steps:
                ended[edit] = (delta.detach()[edit - first].clone(), reached, step)
        if len(ended) == len(edits):
            break
        optimizer.zero_grad()
        loss.sum().backward()
        optimizer.step()
        with torch.no_grad():
            longest = settings.clamp * v_norm
            delta *= (longest / delta.norm(dim=-1, keepdim=True)).clamp(max=1)
    return ended


def _losses(
    cached: "CachedPrompts",
    delta: Tensor,
    first: int,
    active: Sequence[int],
    log_probs_before: Mapping[int, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return nll_loss and kl_loss of every active edit, both (active,).

    ``delta`` holds the vectors of the edits from ``first`` on.
    """
    number = {edit: n for n, edit in enumerate(active)}
    rows = [i for i, prompt in enumerate(cached.prompts) if prompt.edit in number]
    answers = Counter(p.edit for p in cached.prompts if p.answer)
    nll_loss, kl_loss = delta.new_zeros(2, len(active))
    for start in range(0, len(rows), PROMPTS_AT_ONCE):
        chosen = rows[start : start + PROMPTS_AT_ONCE]
        prompts = [cached.prompts[i] for i in chosen]
        log_probs = cached.logits(delta, chosen, first).log_softmax(dim=-1)
        nll, kl = prompt_losses(log_probs, prompts, log_probs_before)
        owner = torch.tensor([number[p.edit] for p in prompts], device=nll.device)
        share = torch.tensor([1 / answers[p.edit] for p in prompts], device=nll.device)
        nll_loss = nll_loss.index_add(0, owner, nll * share)
        kl_loss = kl_loss.index_add(0, owner, kl)
    return nll_loss, kl_loss


def prompt_losses(
    log_probs: Tensor,
    prompts: Sequence[EditPrompt],
    log_probs_before: Mapping[int, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the answers' mean NLL per token and the essences' KL, both (prompts,).

    ``log_probs`` are (tokens, vocabulary), prompt after prompt: of one with an answer
    at each of its tokens, of an essence at its end. What a prompt has not is 0.
    """
    device = log_probs.device
    counts = torch.tensor([max(1, len(p.answer)) for p in prompts], device=device)
    ends = counts.cumsum(dim=0) - 1
    prompt_of = torch.arange(len(prompts), device=device).repeat_interleave(counts)
    targets = [token for p in prompts for token in p.answer or (0,)]
    at_targets = torch.tensor(targets, device=device)[:, None]
    token_nll = -log_probs.gather(-1, at_targets)[:, 0]
    has_answer = torch.tensor([bool(p.answer) for p in prompts], device=device)
    nll = log_probs.new_zeros(len(prompts)).index_add(0, prompt_of, token_nll)
    nll = (nll / counts).where(has_answer, 0.0)
    kl = log_probs.new_zeros(len(prompts))
    essences = [i for i, p in enumerate(prompts) if not p.answer]
    if essences:
        before = torch.stack([log_probs_before[prompts[i].edit] for i in essences])
        at = torch.tensor(essences, device=device)
        kl = kl.index_add(0, at, kl_divergence(log_probs[ends[at]], before))
    return nll, kl


def kl_divergence(log_probs: Tensor, log_probs_before: Tensor) -> Tensor:
    """Return KL(now ‖ before) = Σ p (log p − log p₀) of each row, (rows,).

    ROME's direction: what the model holds likely now must have been likely before. Both
    arguments are log-probabilities (rows, vocabulary).
    """
    return (log_probs.exp() * (log_probs - log_probs_before)).sum(dim=-1)


@torch.no_grad()
def _essence_log_probs(
    cached: "CachedPrompts", delta: Tensor, first: int
) -> dict[int, Tensor]:
    """Return log p₀(· | "{subject} is a") of each edit before it is made."""
    essences = [i for i, prompt in enumerate(cached.prompts) if not prompt.answer]
    if not essences:
        return {}
    log_probs = cached.logits(delta, essences, first).log_softmax(dim=-1)
    owners = [cached.prompts[i].edit for i in essences]
    return dict(zip(owners, log_probs, strict=True))


@dataclass(frozen=True)
class CachedPrompts:
    """Prompts read up to their subjects' ends, to which no δ reaches back."""

    model: PreTrainedModel
    module: nn.Module  # at which δ is added
    prompts: Sequence[EditPrompt]
    applied: AppliedUpdates
    starts: tuple[int, ...]  # where in each prompt reading goes on
    cache: DynamicCache
    mask: Tensor  # (prompts, longest start)
    # What the last layer that no δ reaches gave for a prompt, (time, width).
    below: dict[int, Tensor] = field(default_factory=dict)

    def logits(self, delta: Tensor, chosen: Sequence[int], first: int) -> Tensor:
        """Return float32 logits (tokens, vocabulary) of some prompts under their δ.

        Of a prompt with an answer where each of its tokens is predicted; of another at
        its end. ``delta`` holds the vectors of the edits from ``first`` on.
        """
        prompts = [self.prompts[i] for i in chosen]
        rows = torch.tensor(chosen, device=self.model.device)
        rest = [self.prompts[i].read[self.starts[i] :] for i in chosen]
        ids, own = pad(rest, "left", self.model.device)
        width = ids.shape[1]
        # The same column whatever has been read before.
        columns = [width - len(p.read) + p.subject_end for p in prompts]
        adding = _adding(delta, [p.edit - first for p in prompts], columns)
        head: nn.Module = self.model.get_output_embeddings()
        with (
            self.applied.over([p.edit for p in prompts]),
            self._skipping_below(chosen, [len(each) for each in rest]),
            hooked(self.module, adding),
            hooked(head, _at_answers(prompts, width, ids.device), before=True),
        ):
            logits = logits_at(
                self.model,
                ids,
                torch.cat([self.mask[rows], own], dim=1),
                slice(None),  # type: ignore[arg-type]  # all: the head is given few
                past_key_values=_rows_of(self.cache, rows),
                use_cache=True,
            )
        logits = logits[0].float()
        check_finite(logits.detach().amax(dim=-1))
        return logits

    def _skipping_below(
        self, chosen: Sequence[int], lengths: Sequence[int]
    ) -> AbstractContextManager[None]:
        """Return the context in which layers that no δ reaches are left out.

        They run when a prompt is read for the first time.
        """
        layers = _unreached(self.model, self.module, self.cache)
        if not layers:
            return nullcontext()
        if all(i in self.below for i in chosen):
            known = [self.below[i] for i in chosen]
            return _giving(
                layers, pad_sequence(known, batch_first=True, padding_side="left")
            )

        def keep(_: nn.Module, __: object, output: object) -> None:
            if isinstance(output, Tensor):  # a layer that gives more is always run
                for i, states, length in zip(chosen, output, lengths, strict=True):
                    self.below[i] = states[-length:].detach().clone()

        return hooked(layers[-1], keep)


@torch.no_grad()
def cached_prompts(
    model: PreTrainedModel,
    module: nn.Module,
    prompts: Sequence[EditPrompt],
    applied: AppliedUpdates,
) -> CachedPrompts:
    """Read what all steps have in common, once."""
    cache = DynamicCache(config=model.config)
    starts = tuple(prompt.subject_end for prompt in prompts)
    rest = max(len(p.read) - p.subject_end for p in prompts)
    # Padding between cache and rest must not push a token out of a sliding window.
    if min(starts) == 0 or max(starts) + rest > longest_window(model):
        mask = torch.zeros(len(prompts), 0, dtype=torch.long, device=model.device)
        none = (0,) * len(prompts)
        return CachedPrompts(model, module, prompts, applied, none, cache, mask)
    ids, mask = pad([p.ids[: p.subject_end] for p in prompts], "left", model.device)
    last = torch.tensor([-1], device=ids.device)
    with applied.over([prompt.edit for prompt in prompts]):
        logits_at(model, ids, mask, last, past_key_values=cache, use_cache=True)
    return CachedPrompts(model, module, prompts, applied, starts, cache, mask)


def _unreached(
    model: PreTrainedModel, module: nn.Module, cache: DynamicCache
) -> list[nn.Module]:
    """Return the layers whose output is the same whatever a module then gains.

    None where later layers look into the caches of earlier ones, which must then run.
    """
    layers = list(layers_of(model)[1])
    if len(cache.layers) != len(layers):
        return []
    place = next(i for i, one in enumerate(layers) if module in set(one.modules()))
    return layers[: place + (module is layers[place])]


@contextmanager
def _giving(layers: Sequence[nn.Module], states: Tensor) -> Iterator[None]:
    """Let layers give these states without running, inside the block."""
    with ExitStack() as undo:
        for layer in layers:
            own = vars(layer).get("forward")  # where something else has put one
            vars(layer)["forward"] = lambda *_, **__: states
            if own is None:
                undo.callback(vars(layer).pop, "forward")
            else:
                undo.callback(vars(layer).update, forward=own)
        yield


def _rows_of(cache: DynamicCache, rows: Tensor) -> DynamicCache:
    """Return some rows of a cache, which stays as it is."""
    selected = copy(cache)
    selected.layers = [copy(layer) for layer in cache.layers]
    selected.batch_select_indices(rows)
    return selected


def _at_answers(
    prompts: Sequence[EditPrompt], width: int, device: torch.device
) -> Callable[..., tuple[Tensor, ...]]:
    """Return a hook that gives the head only the states from which it is to predict.

    Rows are padded on the left, so all answers end in the last column.
    """
    counts = [max(1, len(prompt.answer)) for prompt in prompts]
    at = [
        (row, width - count + n)
        for row, count in enumerate(counts)
        for n in range(count)
    ]
    rows, columns = torch.tensor(at, device=device).T

    def hook(_: nn.Module, arguments: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (arguments[0][rows, columns][None], *arguments[1:])

    return hook


def _adding(
    delta: Tensor, which: Sequence[int], columns: Sequence[int]
) -> Callable[..., object]:
    """Return a forward hook that adds the rows' vectors in their columns."""
    rows = torch.arange(len(columns), device=delta.device)
    at = torch.tensor(columns, device=delta.device)
    chosen = torch.tensor(which, device=delta.device)

    def hook(_: nn.Module, __: object, output: Any) -> object:
        states = hidden_of(output)
        states = states.index_put(
            (rows, at), delta[chosen].to(states.dtype), accumulate=True
        )
        return states if isinstance(output, Tensor) else (states, *output[1:])

    return hook
