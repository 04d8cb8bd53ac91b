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

What no δ reaches is read once (``cached_prompts``), and with it the module's inputs and
outputs at the subjects: ROME's keys and v.
"""

from collections import Counter
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from xkde.editors.weights.cached_prompts import (
    CachedPrompts,
    Predicted,
    PromptBatch,
    cached_prompts,
)
from xkde.editors.weights.contexts import EditPrompt, essence_prompts, question_prompts
from xkde.editors.weights.deltas import only_these_learn
from xkde.editors.weights.low_rank import AppliedUpdates
from xkde.engines.forward import check_finite
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

EDITS_AT_ONCE = 32  # optimised side by side


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
    """One δ for each edit, how its optimisation ended, and what was there before."""

    delta: Tensor  # (edits, width), float32
    before: Tensor  # v, (edits, width): what the module gave for the bare question
    losses: tuple[float, ...]
    steps: tuple[int, ...]
    questions: tuple[EditPrompt, ...]  # each edit's bare one, and behind openings
    inputs: Tensor  # what the module was given at their subjects, (questions, …)
    outputs: Tensor  # and what it gave, (questions, width)

    @property
    def target(self) -> Tensor:
        """Return v* = v + δ, (edits, width)."""
        return self.before + self.delta


@dataclass(frozen=True)
class Ended:
    """Where the optimisation of one edit ended."""

    delta: Tensor  # (width,)
    loss: float
    steps: int


def optimise(
    engine: TransformersEngine,
    module: nn.Module,
    edits: Sequence[Edit],
    settings: ValueSettings,
    applied: AppliedUpdates,
) -> OptimisedValues:
    """Return each edit's δ to add to what ``module`` gives."""
    questions = question_prompts(engine.tokenizer, edits, settings.openings)
    essences = essence_prompts(engine.tokenizer, edits) if settings.kl else []
    prompts = [*questions, *essences]
    bare = {p.edit: i for i, p in reversed(list(enumerate(questions)))}
    inputs: dict[int, Tensor] = {}
    outputs: dict[int, Tensor] = {}
    ended: dict[int, Ended] = {}
    with only_these_learn(engine.model):
        for start in range(0, len(edits), EDITS_AT_ONCE):
            group = range(start, min(start + EDITS_AT_ONCE, len(edits)))
            own = [i for i, prompt in enumerate(prompts) if prompt.edit in group]
            own.sort(key=lambda i: _length(prompts[i]))
            chosen = [prompts[i] for i in own]
            cached = cached_prompts(engine.model, module, chosen, applied)
            inputs |= zip(own, cached.inputs, strict=True)
            outputs |= zip(own, cached.outputs, strict=True)
            v = torch.stack([outputs[bare[edit]] for edit in group])
            ended |= _descend(cached, chosen, settings, v, group)
    numbers = range(len(edits))
    return OptimisedValues(
        delta=torch.stack([ended[edit].delta for edit in numbers]),
        before=torch.stack([outputs[bare[edit]] for edit in numbers]),
        losses=tuple(ended[edit].loss for edit in numbers),
        steps=tuple(ended[edit].steps for edit in numbers),
        questions=tuple(questions),
        inputs=torch.stack([inputs[i] for i in range(len(questions))]),
        outputs=torch.stack([outputs[i] for i in range(len(questions))]),
    )


def _length(prompt: EditPrompt) -> tuple[int, int]:
    """Return how much of a prompt every step reads, and how much it predicts."""
    return len(prompt.read) - prompt.subject_end, len(prompt.answer)


def _descend(
    cached: CachedPrompts,
    prompts: Sequence[EditPrompt],
    settings: ValueSettings,
    v: Tensor,
    edits: Sequence[int],
) -> dict[int, Ended]:
    """Return where each of the edits ends, by their numbers; ``v`` are theirs."""
    active = list(edits)
    parts = loss_parts(cached, prompts, active)
    log_probs_before: dict[int, Tensor] = {}
    v_norm = v.norm(dim=-1)
    delta = torch.zeros_like(v)
    adam = Adam(torch.zeros_like(v), torch.zeros_like(v))
    ended: dict[int, Ended] = {}
    for step in range(settings.steps + 1):
        delta.requires_grad_()
        nll_loss, kl_loss = losses(parts, delta, log_probs_before)
        weight_decay = delta.norm(dim=-1) / v_norm**2
        loss = nll_loss + settings.kl * kl_loss + settings.decay * weight_decay
        check_finite(loss.detach())
        reached = loss.tolist()
        for i, edit in enumerate(active):
            if reached[i] < settings.stop or step == settings.steps:
                ended[edit] = Ended(delta.detach()[i], reached[i], step)
        going = [i for i, edit in enumerate(active) if edit not in ended]
        if not going:
            break
        [gradient] = torch.autograd.grad(loss.sum(), delta)
        change, adam = adam.step(gradient, settings.learning_rate)
        delta = delta.detach() + change
        longest = settings.clamp * v_norm
        delta = delta * (longest / delta.norm(dim=-1)).clamp(max=1)[:, None]
        if len(going) < len(active):
            active = [active[i] for i in going]
            v_norm, delta, adam = v_norm[going], delta[going], adam.of(going)
            parts = loss_parts(cached, prompts, active)
    return ended


@dataclass(frozen=True)
class Adam:
    """Adam's state for some vectors, each for itself.

    Kingma & Ba, 2015, algorithm 1, with its defaults: https://arxiv.org/abs/1412.6980.
    """

    mean: Tensor  # m, of the gradients, (vectors, width)
    square: Tensor  # v, of their squares
    steps: int = 0

    def step(self, gradient: Tensor, rate: float) -> tuple[Tensor, "Adam"]:
        """Return what is added to the vectors, and the state after it."""
        t = self.steps + 1
        mean = torch.lerp(self.mean, gradient, 1 - 0.9)
        square = 0.999 * self.square + (1 - 0.999) * gradient**2
        scale = (square / (1 - 0.999**t)).sqrt() + 1e-8
        return mean / scale * (-rate / (1 - 0.9**t)), Adam(mean, square, t)

    def of(self, chosen: Sequence[int]) -> "Adam":
        """Return the state of some of the vectors."""
        return Adam(self.mean[chosen], self.square[chosen], self.steps)


@dataclass(frozen=True)
class LossPart:
    """A batch of prompts, and how its losses go into those of their edits."""

    batch: PromptBatch
    owners: Tensor  # (rows,): the place of each row's edit among the active ones
    shares: Tensor  # (rows,): 1 / the number of the edit's prompts with an answer


def loss_parts(
    cached: CachedPrompts, prompts: Sequence[EditPrompt], active: Sequence[int]
) -> list[LossPart]:
    """Return the prompts of the active edits in batches, ready for every step."""
    place = {edit: i for i, edit in enumerate(active)}
    answers = Counter(prompt.edit for prompt in prompts if prompt.answer)
    chosen = [i for i, prompt in enumerate(prompts) if prompt.edit in place]
    return [
        LossPart(
            batch,
            torch.tensor([place[p.edit] for p in batch.prompts], device=batch.device),
            torch.tensor([1 / answers[p.edit] for p in batch.prompts]).to(batch.device),
        )
        for batch in cached.batches(chosen)
    ]


def losses(
    parts: Sequence[LossPart],
    delta: Tensor,
    log_probs_before: MutableMapping[int, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return nll_loss and kl_loss of every active edit, both (active,).

    ``delta`` is (active, width). It must be 0 the first time: log p₀ of the essences is
    then kept in ``log_probs_before``, by edit.
    """
    nll_loss, kl_loss = delta.new_zeros(2, len(delta))
    for part in parts:
        logits = part.batch.logits(delta[part.owners])
        edits = [prompt.edit for prompt in part.batch.prompts]
        nll, kl = prompt_losses(logits, part.batch.predicted, edits, log_probs_before)
        nll_loss = nll_loss.index_add(0, part.owners, nll * part.shares)
        kl_loss = kl_loss.index_add(0, part.owners, kl)
    return nll_loss, kl_loss


def prompt_losses(
    logits: Tensor,
    predicted: Predicted,
    edits: Sequence[int],
    log_probs_before: MutableMapping[int, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the answers' mean NLL per token and the essences' KL, both (rows,).

    ``logits`` are (predictions, vocabulary), ``edits`` those of the rows. What a row
    has not is 0.
    """
    nll, kl = logits.new_zeros(2, len(edits))
    count = len(predicted.targets)
    # One copy on the way back, where two slices would each fill the whole.
    of_answers, of_essences = logits.split([count, len(logits) - count])
    if count:
        token_nll = cross_entropy(of_answers, predicted.targets, reduction="none")
        nll = nll.index_add(0, predicted.rows[:count], token_nll * predicted.weights)
    if predicted.essences:
        log_probs = of_essences.log_softmax(dim=-1)
        owners = [edits[row] for row in predicted.essences]
        for owner, now in zip(owners, log_probs.detach(), strict=True):
            log_probs_before.setdefault(owner, now.clone())
        before = torch.stack([log_probs_before[owner] for owner in owners])
        kl = kl.index_add(0, predicted.rows[count:], kl_divergence(log_probs, before))
    return nll, kl


def kl_divergence(log_probs: Tensor, log_probs_before: Tensor) -> Tensor:
    """Return KL(now ‖ before) = Σ p (log p − log p₀) of each row, (rows,).

    ROME's direction: what the model holds likely now must have been likely before. Both
    arguments are log-probabilities (rows, vocabulary).
    """
    return (log_probs.exp() * (log_probs - log_probs_before)).sum(dim=-1)
