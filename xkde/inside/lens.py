"""Logit lens: what every layer would answer, if it were the last one.

nostalgebraist, 2020 (https://www.lesswrong.com/posts/AcKRB8wDpdaN6v6ru): the residual
stream h at the prompt's end is read after each layer through the model's own last norm
and head,

    p_layer(token) = softmax(head(norm(h_layer)))[token]

Followed are the first tokens of the new and the old answer, in the query's language and
in the edit's: at which layer each comes among the first choices, and from which layer
on the model's first choice stays. An early layer that says nothing readable may know
the answer nonetheless: it is only not written in the head's own terms yet.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from xkde.engines.transformers import TransformersEngine
from xkde.inside.layers import check_lens, decode_states, read_stream
from xkde.inside.parts import ReadPrompt
from xkde.prompts import answered

AT_ONCE = 64  # places decoded in one go: each has logits for the whole vocabulary
APPEARS = 10  # a token has appeared where its rank is below this
Which = Literal["new", "old"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class LensWord:
    """The first token of an answer; ``is_shared`` where another's is the same."""

    which: Which
    language: str
    text: str
    token_id: int
    token: str
    is_shared: bool = False


@dataclass(frozen=True)
class LensLayer:
    """What one layer would answer; by word its probability and rank (0: first)."""

    best_id: int
    best: str
    best_probability: float
    probabilities: tuple[float, ...]
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Lens:
    """One prompt through the layers; ``layers[0]`` is before the first."""

    words: tuple[LensWord, ...]
    layers: tuple[LensLayer, ...]

    @property
    def decides(self) -> int:
        """The layer from which on the first choice is the model's own answer."""
        final = self.layers[-1].best_id
        last_other = max(
            (n for n, layer in enumerate(self.layers) if layer.best_id != final),
            default=-1,
        )
        return last_other + 1

    def appears(self, word: int, below: int = APPEARS) -> int | None:
        """Return the first layer where a word's rank is below a number, or None."""
        layers = enumerate(self.layers)
        return next((n for n, each in layers if each.ranks[word] < below), None)

    @property
    def first(self) -> LensWord | None:
        """The word that appears before all others; of several the likelier one."""
        found = [
            (at, -self.layers[at].probabilities[n], n)
            for n in range(len(self.words))
            if (at := self.appears(n)) is not None
        ]
        return self.words[min(found)[2]] if found else None


@dataclass(frozen=True)
class LensMap:
    """One token's probability at every layer and place of a prompt."""

    probabilities: tuple[tuple[float, ...], ...]  # (layers + 1, time)
    best: tuple[tuple[str, ...], ...]  # the first choices there
    texts: tuple[str, ...]  # of the places


def lens_words(
    engine: TransformersEngine,
    prompt: ReadPrompt,
    answers: Sequence[tuple[Which, str, str]],
) -> tuple[LensWord, ...]:
    """Return the first tokens of answers (which, language, text) to a prompt.

    The same text is followed once; what is empty is left out.
    """
    found: dict[tuple[Which, str], LensWord] = {}
    for which, code, text in answers:
        if not text.strip() or (which, text) in found:
            continue
        turns = answered(prompt.user_turn, text, prompt.query.language)
        first = engine.encode(turns).answer_ids[0]
        token = str(engine.tokenizer.decode([first]))
        found[which, text] = LensWord(which, code, text, first, token)
    ids = [word.token_id for word in found.values()]
    return tuple(
        LensWord(w.which, w.language, w.text, w.token_id, w.token, True)
        if ids.count(w.token_id) > 1
        else w
        for w in found.values()
    )


def read_lens(
    engine: TransformersEngine, prompt: ReadPrompt, words: Sequence[LensWord]
) -> Lens:
    """Read the prompt's end through all layers.

    Raises CheckpointError for a model without layers that can be read, InputError for a
    prompt that is too long.
    """
    stream = read_stream(engine.model, prompt.ids)
    check_lens(engine.model, stream)
    logits = decode_states(engine.model, stream.states[:, -1])
    ids = [word.token_id for word in words]
    return Lens(tuple(words), tuple(_layer(engine, each, ids) for each in logits))


def read_map(
    engine: TransformersEngine,
    prompt: ReadPrompt,
    token_id: int,
    on_progress: Progress | None = None,
) -> LensMap:
    """Read every place of a prompt through all layers, a few places at a time."""
    stream = read_stream(engine.model, prompt.ids)
    check_lens(engine.model, stream)
    probabilities, best = [], []
    for layer, states in enumerate(stream.states):
        chosen: list[float] = []
        firsts: list[int] = []
        for part in states.split(AT_ONCE):
            logits = decode_states(engine.model, part)
            chosen += (logits[:, token_id] - logits.logsumexp(dim=-1)).exp().tolist()
            firsts += logits.argmax(dim=-1).tolist()
        probabilities.append(tuple(chosen))
        best.append(tuple(str(engine.tokenizer.decode([i])) for i in firsts))
        if on_progress is not None:
            on_progress(layer + 1, len(stream.states))
    texts = tuple(token.text for token in prompt.tokens)
    return LensMap(tuple(probabilities), tuple(best), texts)


def _layer(engine: TransformersEngine, logits: Tensor, ids: Sequence[int]) -> LensLayer:
    probabilities = logits.softmax(dim=-1)
    chosen = torch.tensor(ids, dtype=torch.long, device=logits.device)
    best = int(logits.argmax())
    return LensLayer(
        best,
        str(engine.tokenizer.decode([best])),
        float(probabilities[best]),
        tuple(probabilities[chosen].tolist()),
        tuple((logits > logits[chosen, None]).sum(dim=-1).tolist()),
    )
