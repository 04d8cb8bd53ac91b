"""Protocol ``generated``: greedy answers of any engine, scored as texts.

Knows no benchmark and no file; what an answer is worth is ``answers.score``.

Run its tests: ``python -m pytest tests/test_generated.py``
"""

import sys
from collections.abc import Callable, Sequence

from xkde.engines.engine import Engine
from xkde.prompts import Wrapper, ask
from xkde.text import normalise
from xkde.types import Generation, Sampling

MAX_NEW_TOKENS = 48


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
    room = (engine.max_length or sys.maxsize) - max_new_tokens
    ids = {text: engine.encode(ask(text), wrapper).ids for text in prompts}
    kept = [text for text, its in ids.items() if len(its) <= room]
    given = engine.generate(
        [ids[text] for text in kept],
        Sampling(max_new_tokens),
        batch_size=batch_size,
        on_progress=on_progress,
    )
    found = dict(zip(kept, given, strict=True))
    return [found.get(text) for text in prompts]


def same(first: str, second: str) -> bool:
    """Tell whether two answers are the same after normalisation."""
    return normalise(first) == normalise(second)
