"""ROME, MEMIT and AlphaEdit in the order of computation of the released code.

EasyEdit, https://github.com/zjunlp/EasyEdit, after https://github.com/kmeng01/rome and
memit. Only formulas and order are taken over: every step reads an edit's whole prompts
through the whole model and puts all of their tokens through the head, edits are
optimised one after another, MEMIT and AlphaEdit solve in the keys' width at each edit.
C⁻¹ and P are computed once for a model, as there.

Prompts, tokens, end marks, updates and the KL's place are ours, so that both ways give
the same change (``tests/xkde/editors/weights/test_released.py``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import kl_div

from xkde.editors.editor import applied
from xkde.editors.registry import make, settings_for
from xkde.editors.weights import deltas
from xkde.editors.weights.alphaedit import AlphaEditSettings, null_space
from xkde.editors.weights.contexts import EditPrompt, essence_prompts, question_prompts
from xkde.editors.weights.keys import hidden_of, mean_by_edit
from xkde.editors.weights.memit import MemitSettings
from xkde.editors.weights.modules import (
    Projection,
    editable_projections,
    hooked,
    layers_of,
)
from xkde.editors.weights.rome import RomeSettings
from xkde.editors.weights.second_moments import (
    default_size,
    files_of,
    second_moments,
)
from xkde.editors.weights.solving import RIDGE
from xkde.editors.weights.values import ValueSettings
from xkde.engines.forward import pad
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit

READ_AT_ONCE = 512  # prompts whose keys are read in one pass
NO_TARGET = -100

# (layer, keys (width, edits), residuals (hidden, edits)) -> a layer's change
SolveLayer = Callable[[int, Tensor, Tensor], Tensor]
Change = Callable[[Sequence[Edit]], Mapping[str, Tensor]]


def our_change(
    engine: TransformersEngine, name: str, given: Mapping[str, object]
) -> Change:
    """Return our editor as a function: it adds its change and takes it out again."""
    editor = make(name, given)

    def change(edits: Sequence[Edit]) -> Mapping[str, Tensor]:
        with applied(editor, engine, edits) as edited:
            return edited.delta

    return change


def released_change(
    engine: TransformersEngine, name: str, given: Mapping[str, object]
) -> Change:
    """Return the released way as a function, with all that it computes once."""
    return WAYS[name](engine, given)


def _rome_way(engine: TransformersEngine, given: Mapping[str, object]) -> Change:
    settings = settings_for(RomeSettings, "rome", engine.model, given)
    [place] = editable_projections(engine.model, [settings.layer])
    c = _moments(engine, [place], settings)[place.layer]
    inverse = torch.linalg.inv(c.double()).float()

    def change(edits: Sequence[Edit]) -> Mapping[str, Tensor]:
        [edit] = edits
        return rome(engine, place, edit, settings, inverse)

    return change


def _memit_way(engine: TransformersEngine, given: Mapping[str, object]) -> Change:
    settings = settings_for(MemitSettings, "memit", engine.model, given)
    places = editable_projections(engine.model, settings.layers)
    moments = _moments(engine, places, settings)
    return lambda edits: memit(
        engine, places, edits, settings, moments, settings.weight
    )


def _alphaedit_way(engine: TransformersEngine, given: Mapping[str, object]) -> Change:
    settings = settings_for(AlphaEditSettings, "alphaedit", engine.model, given)
    places = editable_projections(engine.model, settings.layers)
    bases = null_space(engine, settings).bases
    projectors = {layer: basis @ basis.T for layer, basis in bases.items()}
    return lambda edits: alphaedit(
        engine, places, edits, settings, projectors, settings.penalty
    )


WAYS: dict[str, Callable[[TransformersEngine, Mapping[str, object]], Change]] = {
    "rome": _rome_way,
    "memit": _memit_way,
    "alphaedit": _alphaedit_way,
}


def _moments(
    engine: TransformersEngine, places: Sequence[Projection], settings: ValueSettings
) -> dict[int, Tensor]:
    """Return C of the layers, with the small ridge that our factors have."""
    layers = [place.layer for place in places]
    known = second_moments(engine, layers, settings.text, settings.tokens)
    return {
        layer: c + RIDGE * c.diagonal().mean() * torch.eye(len(c))
        for layer, c in known.items()
    }


def rome(
    engine: TransformersEngine,
    place: Projection,
    edit: Edit,
    settings: ValueSettings,
    inverse: Tensor,
) -> dict[str, Tensor]:
    """Return the change of one edit; ``inverse`` is C⁻¹, (width, width)."""
    prompts = question_prompts(engine.tokenizer, [edit], settings.openings)
    keys, _ = read_subjects(engine, place.module, prompts)
    u = inverse @ mean_by_edit(keys, prompts, 1)[0]
    u = u / u.norm()
    v_star = value(engine, place.module, edit, settings)
    [key], [output] = read_subjects(engine, place.module, prompts[:1])
    residual = (v_star - output) / (key @ u)
    update = residual[:, None] @ u[None]
    return {place.weight_name: place.as_stored(update)}


def memit(
    engine: TransformersEngine,
    places: Sequence[Projection],
    edits: Sequence[Edit],
    settings: ValueSettings,
    moments: Mapping[int, Tensor],
    weight: float,
) -> dict[str, Tensor]:
    """Return the change of edits at once, solved in double precision by layer."""

    def solve(layer: int, keys: Tensor, residual: Tensor) -> Tensor:
        keys = keys.double()
        matrix = weight * moments[layer].double() + keys @ keys.T
        adjusted: Tensor = torch.linalg.solve(matrix, keys)
        return (residual.double() @ adjusted.T).float()

    return spread(engine, places, edits, settings, solve)


def alphaedit(
    engine: TransformersEngine,
    places: Sequence[Projection],
    edits: Sequence[Edit],
    settings: ValueSettings,
    projectors: Mapping[int, Tensor],
    penalty: float,
) -> dict[str, Tensor]:
    """Return the change of a first batch of edits; ``projectors`` are P by layer.

    Afterwards the keys are read anew for the batches to come, as there.
    """

    def solve(layer: int, keys: Tensor, residual: Tensor) -> Tensor:
        p = projectors[layer]
        matrix = p @ (keys @ keys.T + torch.zeros_like(p))  # no earlier batch
        matrix = matrix + penalty * torch.eye(len(p), dtype=p.dtype)
        solved: Tensor = torch.linalg.solve(matrix, p @ keys @ residual.T)
        return solved.T

    return spread(engine, places, edits, settings, solve, keeps_keys=True)


def spread(
    engine: TransformersEngine,
    places: Sequence[Projection],
    edits: Sequence[Edit],
    settings: ValueSettings,
    solve: SolveLayer,
    *,
    keeps_keys: bool = False,
) -> dict[str, Tensor]:
    """Return the change of all layers; each is in the weights before the next."""
    last = layers_of(engine.model)[1][places[-1].layer]
    prompts = question_prompts(engine.tokenizer, edits, settings.openings)
    bare = question_prompts(engine.tokenizer, edits, 0)
    z = torch.stack([value(engine, last, edit, settings) for edit in edits])
    change: dict[str, Tensor] = {}
    originals = deltas.originals_of(engine.model, [p.weight_name for p in places])
    try:
        for number, place in enumerate(places):
            inputs, _ = read_subjects(engine, place.module, prompts)
            keys = mean_by_edit(inputs, prompts, len(edits)).T
            _, h = read_subjects(engine, last, bare)
            residual = (z - h).T / (len(places) - number)
            update = place.as_stored(solve(place.layer, keys, residual))
            with torch.no_grad():
                place.weight.add_(update)
            change[place.weight_name] = update
        for place in places if keeps_keys else ():
            inputs, _ = read_subjects(engine, place.module, prompts)
            keys = mean_by_edit(inputs, prompts, len(edits))
            torch.mm(keys.T, keys)  # added to M there
    finally:
        deltas.restore(engine.model, originals)
    return change


@torch.no_grad()
def read_subjects(
    engine: TransformersEngine, module: nn.Module, prompts: Sequence[EditPrompt]
) -> tuple[Tensor, Tensor]:
    """Return a module's inputs and outputs at the prompts' subjects, (prompts, …).

    The whole prompts go through the whole model.
    """
    parts: list[tuple[Tensor, Tensor]] = []
    for start in range(0, len(prompts), READ_AT_ONCE):
        batch = prompts[start : start + READ_AT_ONCE]
        ids, mask = pad([prompt.ids for prompt in batch], "right", engine.device)
        rows = torch.arange(len(batch), device=ids.device)
        ends = torch.tensor([p.subject_end for p in batch], device=ids.device)
        with _recorded(module, rows, ends) as seen:
            engine.model(input_ids=ids, attention_mask=mask)
        parts.append(seen[0])
    return torch.cat([p[0] for p in parts]), torch.cat([p[1] for p in parts])


@contextmanager
def _recorded(
    module: nn.Module, rows: Tensor, columns: Tensor
) -> Iterator[list[tuple[Tensor, Tensor]]]:
    seen: list[tuple[Tensor, Tensor]] = []

    def record(_: nn.Module, arguments: tuple[object, ...], output: object) -> None:
        given = hidden_of(arguments[0])[rows, columns].float()
        seen.append((given, hidden_of(output)[rows, columns].float()))

    with hooked(module, record):
        yield seen


def value(
    engine: TransformersEngine, module: nn.Module, edit: Edit, settings: ValueSettings
) -> Tensor:
    """Return v* of one edit, (width,): what the module should give at its subject."""
    prompts = question_prompts(engine.tokenizer, [edit], settings.openings)
    essences = essence_prompts(engine.tokenizer, [edit]) if settings.kl else []
    every = [*prompts, *essences]
    ids, mask = pad([prompt.read for prompt in every], "right", engine.device)
    targets = _targets(prompts, ids.shape[1], ids.device)
    adding = _Adding(every, engine.model.config.get_text_config().hidden_size, ids)
    delta = adding.delta
    optimizer = torch.optim.Adam([delta], lr=settings.learning_rate)
    ends = torch.tensor([len(p.ids) - 1 for p in essences], device=ids.device)
    before: Tensor | None = None
    with deltas.only_these_learn(engine.model), hooked(module, adding.add):
        for step in range(settings.steps + 1):
            logits = engine.model(input_ids=ids, attention_mask=mask).logits
            v = adding.before
            loss = nll_loss(logits[: len(prompts)].float(), targets)
            if essences:
                rows = torch.arange(len(prompts), len(every), device=ids.device)
                log_probs = logits[rows, ends].float().log_softmax(dim=1)
                before = log_probs.detach().clone() if before is None else before
                kl_loss = kl_div(
                    before, log_probs, log_target=True, reduction="batchmean"
                )
                loss = loss + settings.kl * kl_loss
            loss = loss + settings.decay * (delta.norm() / v.norm() ** 2)
            if loss < settings.stop or step == settings.steps:
                break
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            longest = settings.clamp * v.norm()
            if delta.norm() > longest:
                with torch.no_grad():
                    delta.copy_(delta * longest / delta.norm())
    return (v + delta).detach()


def nll_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean over prompts of −log p(answer) per token, of all positions.

    ``logits`` are (prompts, time, vocabulary), ``targets`` (prompts, time).
    """
    log_probs = logits.log_softmax(dim=2)
    is_target = targets != NO_TARGET
    chosen = targets.where(is_target, 0)[:, :, None]
    at_targets = log_probs.gather(2, chosen)[:, :, 0] * is_target
    return -(at_targets.sum(dim=1) / is_target.sum(dim=1)).mean()


def _targets(prompts: Sequence[EditPrompt], width: int, device: torch.device) -> Tensor:
    """Return (prompts, time): the token to predict, NO_TARGET outside of answers."""
    targets = torch.full((len(prompts), width), NO_TARGET)
    for row, prompt in enumerate(prompts):
        first = len(prompt.ids) - 1
        targets[row, first : first + len(prompt.answer)] = torch.tensor(prompt.answer)
    return targets.to(device)


class _Adding:
    """A hook that adds δ at the subjects, and keeps v, what stood there at first."""

    def __init__(self, prompts: Sequence[EditPrompt], width: int, ids: Tensor) -> None:
        self.columns = [prompt.subject_end for prompt in prompts]
        self.delta = torch.zeros(width, device=ids.device, requires_grad=True)
        self.before = torch.empty(0)

    def add(self, _: nn.Module, __: object, output: object) -> object:
        states = hidden_of(output)
        if not len(self.before):  # of the bare question, which is the first row
            self.before = states[0, self.columns[0]].detach().float().clone()
        states = states.clone()
        for row, column in enumerate(self.columns):
            states[row, column] += self.delta.to(states.dtype)
        return (states, *output[1:]) if isinstance(output, tuple) else states


def write_moments(engine: TransformersEngine, given: Mapping[str, object]) -> None:
    """Write moments for ROME on a random model, which cost as much as any to use."""
    settings = settings_for(RomeSettings, "rome", engine.model, given)
    [place] = editable_projections(engine.model, [settings.layer])
    width = place.matrix.shape[1]
    size = settings.tokens or default_size(engine, place.layer)
    generator = torch.Generator().manual_seed(0)
    some = torch.randn(width, 64, generator=generator)
    matrix = some @ some.T / 64 + torch.eye(width)
    file = files_of(engine, settings.text, size).file(place.layer)
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({str(place.layer): matrix}, file, {"tokens": str(size)})


def cosine(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> float:
    """Return the cosine of two changes of the same weights."""
    flat = [torch.cat([c[n].flatten() for n in sorted(c)]) for c in (one, other)]
    return float(torch.cosine_similarity(flat[0], flat[1], dim=0))
