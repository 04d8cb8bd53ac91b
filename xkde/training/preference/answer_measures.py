"""chrF of a sampled answer (Popović 2015, https://aclanthology.org/W15-3049/).

Computed by sacreBLEU, which is imported when the first score is computed.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

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
