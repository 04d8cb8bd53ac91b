"""What else than a translation model measures an answer: chrF, and embeddings.

Both come from packages that X-KDE does not need otherwise, so they are imported only
when they are asked for. Knows no sample and no file.

Run its tests: ``python -m pytest tests/xkde/training/preference/test_alignment.py``
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from xkde.errors import SettingsError

ChrF = Callable[[str, Sequence[str]], float]  # an answer and its golds -> 0 to 100
Encode = Callable[[list[str]], Any]  # texts -> their embeddings, each of length one


def chrf() -> ChrF | None:
    """Return sacreBLEU's chrF of an answer to its golds, 0 to 100; None without it."""
    if find_spec("sacrebleu") is None:
        return None
    metric = import_module("sacrebleu.metrics").CHRF()
    return lambda text, golds: float(metric.sentence_score(text, list(golds)).score)


def chrf_version() -> str:
    """Return the version of sacreBLEU, or nothing where it is not installed."""
    return version("sacrebleu") if find_spec("sacrebleu") else ""


def load_encoder(folder_or_id: str) -> Encode:
    """Load a model of sentence-transformers, its weights from safetensors only."""
    if find_spec("sentence_transformers") is None:
        raise SettingsError(
            "An --encoder needs sentence-transformers. Install it: "
            "pip install sentence-transformers"
        )
    load = import_module("sentence_transformers").SentenceTransformer
    try:
        encoder = load(folder_or_id, model_kwargs={"use_safetensors": True})
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"“{folder_or_id}” could not be loaded as an encoder. Give a folder or a "
            "Hub id of a sentence-transformers model with safetensors weights."
        ) from error
    return lambda texts: encoder.encode(
        texts, normalize_embeddings=True, show_progress_bar=False
    )
