"""FT-M: fine-tune one down projection on the answer, every token after the ones before.

The loss is the cross-entropy of the answer's tokens, the prompt masked, its end mark
included so that the model stops where the answer does.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_fine_tuning.py``
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xkde.editors.editor import Applied
from xkde.editors.weights.base import Change, InWeights
from xkde.editors.weights.fine_tuning import Settings, fine_tune
from xkde.editors.weights.losses import answer_losses, pairs_of
from xkde.engines.transformers import TransformersEngine
from xkde.types import Edit


def change(
    engine: TransformersEngine,
    edits: Sequence[Edit],
    settings: Settings,
    earlier: Applied | None,
) -> Change:
    """Return what fine-tuning adds."""
    return fine_tune(engine.model, pairs_of(engine, edits), answer_losses, settings)


def editor(given: Mapping[str, Any]) -> InWeights:
    """Return the editor."""
    return InWeights("ft-m", Settings, change, given)
