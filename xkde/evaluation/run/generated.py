"""Protocol ``generated``: greedy answers of any engine, scored as texts.

Knows no benchmark and no file; what an answer is worth is ``answers.score``.

Run its tests: ``python -m pytest tests/xkde/evaluation/run/test_generated.py``
"""

import sys
from collections.abc import Callable, Sequence

from xkde.engines.engine import Engine
from xkde.prompts import Wrapper, ask
from xkde.text import normalise
from xkde.types import Generation, Sampling

MAX_NEW_TOKENS = 48
Ids = Sequence[int]
Generate = Callable[[list[int], list[Ids]], Sequence[Generation]]


def generations(
    engine: Engine,
    prompts: Sequence[str],
    wrapper: Wrapper = "hf_template",
    max_new_tokens: int = MAX_NEW_TOKENS,
    batch_size: int = 64,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Generation | None]:
    """Return the greedy answer to each prompt; equal prompts are asked once.

    None where a prompt leaves the model no room for an answer of full length.
    """
    unique = list(dict.fromkeys(prompts))

    def generate(_: list[int], ids: list[Ids]) -> list[Generation]:
        return engine.generate(
            ids,
            Sampling(max_new_tokens),
            batch_size=batch_size,
            on_progress=on_progress,
        )

    told = generations_by(engine, unique, wrapper, max_new_tokens, generate)
    found = dict(zip(unique, told, strict=True))
    return [found[text] for text in prompts]


def generations_by(
    engine: Engine,
    prompts: Sequence[str],
    wrapper: Wrapper,
    max_new_tokens: int,
    generate: Generate,
) -> list[Generation | None]:
    """Return the answers that ``generate`` gives; see ``generations``.

    It is given the places of the prompts that leave room, and their token ids.
    """
    room = (engine.max_length or sys.maxsize) - max_new_tokens
    ids = [engine.encode(ask(text), wrapper).ids for text in prompts]
    kept = [place for place, its in enumerate(ids) if len(its) <= room]
    told = generate(kept, [ids[place] for place in kept])
    found = dict(zip(kept, told, strict=True))
    return [found.get(place) for place in range(len(prompts))]


def same(first: str, second: str) -> bool:
    """Tell whether two answers are the same after normalisation."""
    return normalise(first) == normalise(second)
