"""Twelve languages from two models, streamed, against two calls of ``generate``.

One edit of Atlas is asked about in every language, base and edited model, as the app
does: prompts are written, answers are decoded in turn and turned into text after each
token. The rival has the prompts' ids, calls transformers' own ``generate`` for each
model and turns the answers into text once. Both decode greedily and must choose equal
tokens in float32. They take turns; times are of the processor.

Run it: ``python -m xkde bench languages``
"""

import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from xkde.asking.session import Pane, Sent, sent_to, stream_together
from xkde.checkpoints import default_pair, resolve
from xkde.checkpoints.catalogue import PAIRS
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.prompts import ask as conversation
from xkde.types import Query, Sampling

if TYPE_CHECKING:  # torch comes with it
    from xkde.engines.transformers import TransformersEngine

TOKENS = 24
EDITS = 7
GEMMA_EDITS = 4

Engines = Mapping[Pane, "TransformersEngine"]
Answers = dict[Pane, list[tuple[int, ...]]]  # token ids, without what ends them


def measure(edits: int = EDITS, gemma_edits: int = GEMMA_EDITS) -> dict[str, object]:
    """Return seconds of both ways for Atlas's pair, and Gemma's where it is here."""
    found = compared(PAIRS[-1], edits)
    if default_pair() == PAIRS[0]:
        found |= compared(PAIRS[0], gemma_edits)
    return found | {
        "protocol": f"greedy, {TOKENS} tokens at most, medians of processor seconds "
        "over edits, one more to warm up; ratio with its range: generate by ours"
    }


def compared(pair: tuple[str, str], count: int) -> dict[str, object]:
    """Return what both ways take with a pair of models, for so many edits."""
    from xkde.engines.loading import load, source_of

    base, edited = (load(source_of(resolve(name)), device="cpu") for name in pair)
    engines: Engines = {"base": base, "edited": edited}
    times: dict[Callable[..., Answers], list[float]] = {streamed: [], generated: []}
    equal = 0
    for number, case in enumerate(atlas_cases(atlas(), "test", count + 1)):
        queries = [Query(case.edits[code].question, code) for code in ATLAS_LANGUAGES]
        panes = sent_to(engines, case.edits["en"], queries)
        given: list[Answers] = []
        ways = list(times)
        for way in ways if number % 2 else reversed(ways):
            began = time.process_time()
            given.append(way(engines, panes))
            if number:
                times[way].append(time.process_time() - began)
        rows = [zip(given[0][p], given[1][p], strict=True) for p in panes]
        equal += sum(a == b for both in rows for a, b in both) if number else 0
    ours, theirs = times.values()
    ratios = [b / a for a, b in zip(ours, theirs, strict=True)]
    return {
        f"{pair[0]}: our seconds": round(statistics.median(ours), 3),
        f"{pair[0]}: seconds of two generate": round(statistics.median(theirs), 3),
        f"{pair[0]}: ratio": f"{statistics.median(ratios):.2f} "
        f"[{min(ratios):.2f}, {max(ratios):.2f}], n = {count}",
        f"{pair[0]}: equal answers": f"{equal} of {count * 2 * len(ATLAS_LANGUAGES)}",
    }


def streamed(engines: Engines, panes: Mapping[Pane, tuple[Sent, ...]]) -> Answers:
    """Answer as the app does, with a text after each token."""
    sampling = Sampling(max_new_tokens=TOKENS)
    states = stream_together(panes, sampling, threading.Event())
    last = deque(states, maxlen=1).pop()
    return {
        pane: [
            _before_end(each.token_ids, engines[pane].stop_ids)
            for each in answers.generations
        ]
        for pane, answers in last.items()
    }


def generated(engines: Engines, panes: Mapping[Pane, tuple[Sent, ...]]) -> Answers:
    """Answer with one ``generate`` for each model, rows padded on the left."""
    from xkde.engines.forward import pad

    found: Answers = {}
    for pane, sent in panes.items():
        engine = engines[pane]
        prompts = [
            engine.encode(conversation(each.text, each.language)).ids for each in sent
        ]
        ids, mask = pad(prompts, "left", engine.device)
        out = engine.model.generate(  # type: ignore[operator]
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=TOKENS,
            do_sample=False,
            eos_token_id=sorted(engine.stop_ids),
            pad_token_id=engine.tokenizer.pad_token_id,
        )
        rows = [row[ids.shape[1] :].tolist() for row in out]
        found[pane] = [_before_end(row, engine.stop_ids) for row in rows]
        engine.tokenizer.batch_decode(rows, skip_special_tokens=True)
    return found


def _before_end(ids: Sequence[int], ends: frozenset[int]) -> tuple[int, ...]:
    """Return ids up to the first that ends an answer."""
    end = next((i for i, token in enumerate(ids) if token in ends), len(ids))
    return tuple(ids[:end])
