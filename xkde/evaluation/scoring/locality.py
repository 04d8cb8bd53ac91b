"""Locality: whether an answer that an edit must not change is unchanged.

The paper's locality compares two answers of one model to the same query, without the
edit and with it (Wang et al. 2024, https://arxiv.org/abs/2312.13040). Teacher-forced it
is the share of the gold answer's tokens where both first choices are equal,

    locality = 1/T · Σ_t [argmax p(· | x, y_<t) = argmax p_edited(· | x, y_<t)],

generated it is whether both texts are the same after normalisation. The same functions
compare the edited model with its base. ``evaluation/run/rows.py`` records both, beside
exact match without and with the edit.
"""

from collections.abc import Sequence

from xkde.text import same


def unchanged_tokens(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the share of places at which two first choices are equal, 0 to 1.

    Raises ValueError for sequences of different length.
    """
    equal = [a == b for a, b in zip(before, after, strict=True)]
    return sum(equal) / len(equal)


def is_unchanged(before: str, after: str) -> bool:
    """Tell whether two answers are the same after normalisation."""
    return same(before, after)
