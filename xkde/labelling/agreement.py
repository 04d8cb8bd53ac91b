"""How far annotators agree with each other and with the machine.

- Cohen's kappa of two: (p_o − p_e) / (1 − p_e), by scikit-learn
  (https://doi.org/10.1177/001316446002000104).
- Krippendorff's alpha of any number, each of whom may have left cases out, for kinds,
  which have no order (https://repository.upenn.edu/asc_papers/43). Within a case that m
  annotators labelled, each ordered pair of labels counts 1 / (m − 1); o_ck are the
  sums, n_c = Σ_k o_ck, n = Σ_c n_c:
      D_o = Σ_{c≠k} o_ck / n,  D_e = Σ_{c≠k} n_c n_k / (n (n − 1)),  α = 1 − D_o / D_e
  It is computed here: the library of this name is under the GPL.

Both are None where everybody says one and the same thing: no chance is left to correct
for. The interval of the share is over edits (``results.statistics``).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from xkde.evaluation.results.statistics import mean_interval
from xkde.labelling.records import LabelledCase

MACHINE = "*"  # stands for the machine's kinds among annotators' names


@dataclass(frozen=True)
class PairAgreement:
    """How far two agree over the cases that both have; ``table``: (kind, kind) → n."""

    first: str
    second: str
    cases: int
    edits: int
    agreed: int
    low: float
    high: float
    kappa: float | None
    table: dict[tuple[str, str], int]

    @property
    def share(self) -> float:
        """Share of cases on which both say the same."""
        return self.agreed / self.cases


@dataclass(frozen=True)
class Agreement:
    """The agreement of every two annotators, of each with the machine, and of all."""

    pairs: tuple[PairAgreement, ...]
    alpha: float | None  # of the annotators, without the machine
    rated: int  # cases that two annotators or more have labelled
    disputed: tuple[LabelledCase, ...]


def agreement_of(cases: Sequence[LabelledCase]) -> Agreement:
    """Compare what was said of the same cases."""
    kinds = [{who: its.kind for who, its in each.own.items()} for each in cases]
    names = sorted({who for said in kinds for who in said})
    for said, each in zip(kinds, cases, strict=True):
        said[MACHINE] = each.case.kind
    pairs = [
        found
        for one, other in combinations([*names, MACHINE], 2)
        if (found := _pair(cases, kinds, one, other)) is not None
    ]
    units = [[k for who, k in said.items() if who != MACHINE] for said in kinds]
    return Agreement(
        tuple(pairs),
        krippendorff_alpha(units),
        sum(len(unit) > 1 for unit in units),
        tuple(each for each in cases if each.is_disputed),
    )


def _pair(
    cases: Sequence[LabelledCase], kinds: list[dict[str, str]], one: str, other: str
) -> PairAgreement | None:
    both = [
        (said[one], said[other], each.case.edit_key)
        for said, each in zip(kinds, cases, strict=True)
        if one in said and other in said
    ]
    if not both:
        return None
    edits = list(dict.fromkeys(edit for *_, edit in both))
    of_edit = [edits.index(edit) for *_, edit in both]
    same = [float(mine == its) for mine, its, _ in both]
    sums = np.bincount(of_edit, same).astype(float)
    low, high, _ = mean_interval(sums, np.bincount(of_edit).astype(float))
    first, second = [mine for mine, *_ in both], [its for _, its, _ in both]
    return PairAgreement(
        one, other, len(both), len(edits), int(sum(same)), low, high,
        cohen_kappa(first, second), dict(Counter(zip(first, second, strict=True))),
    )  # fmt: skip


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return Cohen's kappa of two lists of kinds of the same cases."""
    if len({*first, *second}) < 2:
        return None
    # Its import takes a second, which nobody should wait for who only labels.
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415

    return float(cohen_kappa_score(list(first), list(second)))


def krippendorff_alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Return Krippendorff's alpha; ``units`` are the labels of each case."""
    names = sorted({kind for unit in units for kind in unit})
    counts = np.array([[unit.count(name) for name in names] for unit in units])
    if not len(names):
        return None
    counts = counts[counts.sum(axis=1) > 1].astype(float)
    sizes = counts.sum(axis=1)
    # Ordered pairs within a case, without those of a label with itself
    pairs = np.einsum("uc,uk,u->ck", counts, counts, 1 / (sizes - 1))
    pairs -= np.diag((counts / (sizes - 1)[:, None]).sum(axis=0))
    each = pairs.sum(axis=1)
    n = each.sum()
    expected = n * n - (each**2).sum()
    if not expected:
        return None
    return float(1 - (n - 1) * (n - np.trace(pairs)) / expected)
