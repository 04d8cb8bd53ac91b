"""What questions have in common: the attributes that slices are made of.

Each is read from the rows alone; how often an answer is taught is known of Atlas only.
A row has one value of an attribute, or none.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xkde.data.atlas.records import RELATIONS, TWO_HOPS
from xkde.data.atlas.world import atlas
from xkde.evaluation.scoring.answers import tokens
from xkde.languages import language
from xkde.text import normalise

Codes = NDArray[np.int64]
NONE = -1
MOST_VALUES = 40  # of an attribute: those that most rows have
LENGTHS = ("short", "middle", "long")  # thirds of a run's names
ATLAS = "atlas"


@dataclass(frozen=True)
class Attribute:
    """What each row has of an attribute: a code into ``values``, or NONE."""

    name: str
    codes: Codes
    values: tuple[str, ...]


def attributes_of(rows: pd.DataFrame) -> list[Attribute]:
    """Return the attributes by which a run's rows differ."""
    found = [
        *(_column(rows, name) for name in ("probe", "source", "target", "relation")),
        _mapped(rows, "script", ("target",), lambda target: language(target).script),
        _mapped(rows, "crossing", ("source", "target"), _crossing),
        _mapped(rows, "about", ("relation",), _about),
        _mapped(rows, "gold_form", ("gold",), _form),
        _mapped(rows, "copying", ("defects",), _copying),
        _mapped(rows, "taught", ("benchmark", "gold", "target"), _taught),
        _thirds(rows, "subject_length", ("subject",), len),
        _thirds(rows, "gold_tokens", ("gold", "target"), _count),
    ]
    return [its for its in found if len(np.unique(its.codes)) > 1]


def _column(rows: pd.DataFrame, name: str) -> Attribute:
    return _mapped(rows, name, (name,), lambda text: text)


def _mapped(
    rows: pd.DataFrame, name: str, columns: tuple[str, ...], of: Callable[..., str]
) -> Attribute:
    """Return an attribute that is a function of texts; each is read once."""
    groups, texts = _grouped(rows, columns)
    values = [of(*each) for each in texts]
    sizes = np.bincount(groups, minlength=len(texts))
    counts: Counter[str] = Counter()
    for value, size in zip(values, sizes.tolist(), strict=True):
        counts[value] += size
    del counts[""]
    known = tuple(value for value, _ in counts.most_common(MOST_VALUES))
    places = {value: place for place, value in enumerate(known)}
    codes = np.array([places.get(value, NONE) for value in values], dtype=np.int64)
    return Attribute(name, codes[groups], known)


def _thirds(
    rows: pd.DataFrame, name: str, columns: tuple[str, ...], of: Callable[..., int]
) -> Attribute:
    """Return which third of the rows each is in by a number; equal ones together."""
    groups, texts = _grouped(rows, columns)
    number = np.array([of(*each) for each in texts])[groups]
    cuts = np.quantile(number, [1 / 3, 2 / 3]) if len(number) else np.zeros(2)
    return Attribute(name, np.searchsorted(cuts, number), LENGTHS)


def _grouped(
    rows: pd.DataFrame, columns: tuple[str, ...]
) -> tuple[Codes, list[tuple[str, ...]]]:
    """Return the group of each row with the same texts, and each group's texts."""
    joined = np.zeros(len(rows), dtype=np.int64)
    for name in columns:
        codes = rows[name].cat.codes.to_numpy().astype(np.int64) + 1
        joined = joined * (codes.max(initial=0) + 1) + codes
    _, first, groups = np.unique(joined, return_index=True, return_inverse=True)
    texts = rows[list(columns)].iloc[first].astype(object).fillna("")
    return groups.astype(np.int64), list(texts.itertuples(index=False, name=None))


def _crossing(source: str, target: str) -> str:
    return "within" if source == target else "across"


def _about(relation: str) -> str:
    first, _ = TWO_HOPS.get(relation, (relation, ""))
    return RELATIONS[first][0] if first in RELATIONS else ""


def _form(gold: str) -> str:
    return "number" if any(map(str.isdigit, gold)) else "name"


def _copying(defects: str) -> str:
    return "enough" if "answer_as_in_english" in defects else "not_enough"


def _count(gold: str, target: str) -> int:
    return len(tokens(gold, target))


def _taught(benchmark: str, gold: str, target: str) -> str:
    if benchmark != ATLAS:
        return ""
    facts = _facts_by_answer(target).get(normalise(gold), 0)
    return "never" if not facts else "seldom" if facts < 4 else "often"


@lru_cache(maxsize=16)
def _facts_by_answer(target: str) -> Counter[str]:
    """Return of how many of Atlas's facts each name is the answer."""
    world = atlas()
    return Counter(
        normalise(world.names[answer][target])
        for facts in world.facts.values()
        for answer in facts.values()
    )
