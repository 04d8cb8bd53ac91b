"""Slices: which part of a run's questions is answered worse than the rest.

A slice is what questions have in common: a language, a script, a relation, a probe, how
long a name is, or two of these (``attributes``). Of every slice with enough edits,
inside and outside:

    difference  d = m_in − m_out, the mean score inside minus that of the rest
    deviation   u_e = (s_e − m_in n_e) / N_in − (s'_e − m_out n'_e) / N_out
    variance    E / (E − 1) Σ_e u_e²

over edits e with n_e answers inside that add up to s_e, and n'_e outside: the edit is
the unit (linearised variance of a difference of ratios, Cochran, Sampling Techniques,
ch. 6; https://archive.org/details/samplingtechniqu0000coch). Of two runs, the values
are differences of the same questions, and a slice is tested against none. p is
two-sided normal, corrected by Holm for all slices tested; intervals redraw edits, as
everywhere (``statistics``). A pair of attributes is named only where it is worse (or
better) than each of the two alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from xkde.errors import InputError
from xkde.evaluation.analysis.attributes import NONE, Attribute, Codes, attributes_of
from xkde.evaluation.results.rows import Mask, Values
from xkde.evaluation.results.statistics import difference_interval, holm

FEWEST = 15  # edits inside and outside a slice
SURE = 0.05  # Holm's p below which a slice is named
NAMED = 40  # slices at most
BETWEEN, AND = ":", "~"  # "target:th~probe:portability" names a slice
Parts = tuple[tuple[str, str], ...]  # attributes and their values


@dataclass(frozen=True)
class Slice:
    """A part of a run's questions against the rest, or of two runs' in common.

    ``mean`` and ``rest`` are mean scores; of two runs, the first's and the second's.
    """

    parts: Parts
    mean: float
    rest: float
    low: float  # of the difference, 95 % over edits
    high: float
    edits: int
    answers: int
    p: float  # by Holm, over all slices tested

    @property
    def difference(self) -> float:
        """How much better the slice is; negative where it is worse."""
        return self.mean - self.rest

    @property
    def key(self) -> str:
        """The slice's name, as addresses have it."""
        return AND.join(BETWEEN.join(part) for part in self.parts)


@dataclass(frozen=True)
class SlicesFound:
    """The slices that surely differ, the worst first, and how many were tested."""

    slices: tuple[Slice, ...]
    tested: int
    edits: int


@dataclass(frozen=True)
class _Tested:
    parts: Parts
    mean: float
    rest: float
    edits: int
    answers: int
    p: float


@dataclass(frozen=True)
class _Asked:
    """The rows that count: the edit of each, its value, and the other run's value."""

    edits: Codes
    count: int
    value: Values
    other: Values | None


def worst_slices(rows: pd.DataFrame, value: Values) -> SlicesFound:
    """Return the slices whose mean of ``value`` (rows,) differs from the rest's.

    NaN marks rows that do not count. Raises InputError where too few edits are left.
    """
    return _search(rows, value, None)


def slices_of_two(rows: pd.DataFrame, first: Values, second: Values) -> SlicesFound:
    """Return the slices in which two runs' values of the same questions (rows,) differ.

    Those where the first loses most come first. Raises InputError for too few edits.
    """
    return _search(rows, np.where(np.isnan(second), np.nan, first), second)


def slice_mask(rows: pd.DataFrame, key: str) -> Mask:
    """Return which rows are in the slice of a name; none where it is no slice."""
    known = {its.name: its for its in attributes_of(rows)}
    mask: Mask = np.ones(len(rows), dtype=bool)
    for name, value in parts_of(key):
        if name not in known or value not in known[name].values:
            return np.zeros(len(rows), dtype=bool)
        mask &= known[name].codes == known[name].values.index(value)
    return mask


def parts_of(key: str) -> Parts:
    """Return the attributes and values of a slice's name."""
    parts = [part.partition(BETWEEN) for part in key.split(AND)]
    return tuple((name, value) for name, _, value in parts)


def _search(rows: pd.DataFrame, value: Values, other: Values | None) -> SlicesFound:
    known = np.flatnonzero(~np.isnan(value))
    cases, edits = np.unique(
        rows["case"].cat.codes.to_numpy()[known], return_inverse=True
    )
    if len(cases) < 2 * FEWEST:
        raise InputError(
            "Slices need at least {n} edits; here are {count}. Choose a larger run.",
            n=2 * FEWEST,
            count=len(cases),
        )
    asked = _Asked(
        edits, len(cases), value[known], None if other is None else other[known]
    )
    attributes = [
        Attribute(its.name, its.codes[known], its.values) for its in attributes_of(rows)
    ]
    tested: dict[Parts, tuple[_Tested, Mask]] = {}
    for size in (1, 2):
        for group in combinations(attributes, size):
            tested |= _tested(asked, group)
    corrected = holm([its.p for its, _ in tested.values()])
    sure = [
        (its, mask, p)
        for (its, mask), p in zip(tested.values(), corrected, strict=True)
        if p < SURE and _adds(its, tested)
    ]
    # Thai is written by Thai alone: two names of one slice.
    sure = list({(its.mean, its.answers): (its, mask, p) for its, mask, p in sure[::-1]}
                .values())  # fmt: skip
    sure.sort(key=lambda found: found[0].mean - found[0].rest)
    half = NAMED // 2
    named = sure if len(sure) <= NAMED else sure[:half] + sure[-half:]
    slices = tuple(_with_interval(asked, *each) for each in named)
    return SlicesFound(slices, len(tested), len(cases))


def _tested(
    asked: _Asked, group: Sequence[Attribute]
) -> dict[Parts, tuple[_Tested, Mask]]:
    """Test all slices of one attribute, or of two."""
    codes, sizes = np.zeros(len(asked.edits), dtype=np.int64), []
    for its in group:
        codes = np.where((codes < 0) | (its.codes < 0), NONE,
                         codes * len(its.values) + its.codes)  # fmt: skip
        sizes.append(len(its.values))
    n = math.prod(sizes)
    inside = _by_edit(asked, codes, n, asked.value)
    counts = _by_edit(asked, codes, n, np.ones(len(codes)))
    enough = (counts > 0).sum(axis=1) >= FEWEST
    if asked.other is None:
        every = np.zeros(len(codes), dtype=np.int64)
        outside = _by_edit(asked, every, 1, asked.value) - inside
        others = _by_edit(asked, every, 1, np.ones(len(codes))) - counts
        enough &= (others > 0).sum(axis=1) >= FEWEST
    else:
        outside, others = _by_edit(asked, codes, n, asked.other), counts
    kept = np.flatnonzero(enough)
    mean, rest, p = _against(
        inside[kept], counts[kept], outside[kept], others[kept], asked.other is not None
    )
    found = {}
    for place, code in enumerate(kept.tolist()):
        values = np.unravel_index(code, sizes)
        parts = tuple(
            (its.name, its.values[v]) for its, v in zip(group, values, strict=True)
        )
        one = _Tested(
            parts,
            float(mean[place]),
            float(rest[place]),
            int((counts[code] > 0).sum()),
            int(counts[code].sum()),
            float(p[place]),
        )
        found[parts] = (one, codes == code)
    return found


def _by_edit(asked: _Asked, codes: Codes, n: int, weights: Values) -> Values:
    """Return what rows add up to by code and edit: (n, edits)."""
    there = codes >= 0
    places = codes[there] * asked.count + asked.edits[there]
    sums = np.bincount(places, weights[there], minlength=n * asked.count)
    return sums.astype(np.float64).reshape(n, asked.count)


def _against(
    sums: Values, counts: Values, others: Values, other_counts: Values, paired: bool
) -> tuple[Values, Values, Values]:
    """Return the means inside and outside and the p of each slice.

    All four are (slices, edits); ``paired``: the same questions of two runs.
    """
    size, other_size = counts.sum(axis=1), other_counts.sum(axis=1)
    mean, rest = sums.sum(axis=1) / size, others.sum(axis=1) / other_size
    mine = (sums - mean[:, None] * counts) / size[:, None]
    theirs = (others - rest[:, None] * other_counts) / other_size[:, None]
    edits = counts.shape[1]
    variance = edits / max(1, edits - 1) * ((mine - theirs) ** 2).sum(axis=1)
    if not paired:
        variance += _of_equal(mean, counts) + _of_equal(rest, other_counts)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.abs(mean - rest) / np.sqrt(variance)
    p = [math.erfc(each / math.sqrt(2)) for each in np.nan_to_num(z, posinf=0.0)]
    return mean, rest, np.array(p)


def _of_equal(mean: Values, counts: Values) -> Values:
    """Return the variance of answers that are all right or all wrong.

    They show none; two right and two wrong edits are added (Agresti and Coull).
    """
    n = (counts > 0).sum(axis=1)
    share = (mean * n + 2) / (n + 4)
    equal = (mean <= 0) | (mean >= 1)
    return np.where(equal, share * (1 - share) / (n + 4), 0.0)


def _adds(its: _Tested, tested: dict[Parts, tuple[_Tested, Mask]]) -> bool:
    """Tell whether a pair says more than each of its two attributes alone."""
    if len(its.parts) == 1:
        return True
    difference = its.mean - its.rest
    for part in its.parts:
        alone = tested.get((part,))
        if alone is None:
            continue
        its_own = alone[0].mean - alone[0].rest
        if alone[0].answers == its.answers or (
            its_own <= difference if difference < 0 else its_own >= difference
        ):
            return False
    return True


def _with_interval(asked: _Asked, its: _Tested, mask: Mask, p: float) -> Slice:
    def by_edit(rows: Mask, values: Values) -> Values:
        sums = np.bincount(asked.edits[rows], values[rows], asked.count)
        return sums.astype(np.float64)

    ones = np.ones(len(mask))
    outside = ~mask if asked.other is None else mask
    values = asked.value if asked.other is None else asked.other
    low, high = difference_interval(
        by_edit(mask, asked.value),
        by_edit(mask, ones),
        by_edit(outside, values),
        by_edit(outside, ones),
    )
    return Slice(its.parts, its.mean, its.rest, low, high, its.edits, its.answers, p)
