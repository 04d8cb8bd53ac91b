"""FT-L: fine-tune one down projection on all answer tokens, read at the prompt's end.

As the locate-then-edit papers have it: the loss is the sum of -log p of every token of
the answer at the one place where its first token is predicted. So longer answers come
out as their tokens in no order; it is here to be compared with. The end mark is not
among the tokens: at that place it would teach the model to say nothing.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_fine_tuning.py``
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xkde.editors.editor import Applied
from xkde.editors.weights.base import Change, InWeights
from xkde.editors.weights.fine_tuning import Settings, fine_tune
from xkde.editors.weights.losses import first_place_losses, pairs_of
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: Settings,
    earlier: Applied | None,
) -> Change:
    """Return what fine-tuning adds."""
    pairs = pairs_of(engine, edits, with_end=False)
    return fine_tune(engine.model, pairs, first_place_losses, settings)


def editor(given: Mapping[str, Any]) -> InWeights:
    """Return the editor."""
    return InWeights("ft-l", Settings, change, given)
