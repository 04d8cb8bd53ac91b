"""What an answer in another language means: its name in English and Chinese.

A run's own golds are names of one thing in several languages, and Atlas knows its
entities; what neither knows has no gloss, and nothing is translated by a model.
"""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pandas as pd

from xkde.data.atlas.world import atlas
from xkde.text import normalise

LANGUAGES = ("en", "zh")  # of the interface


def glosses(rows: pd.DataFrame, texts: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the names of each text in both languages, as far as they are known."""
    wanted = {normalise(text): text for text in texts if text}
    found = {
        text: dict(_atlas_names()[plain])
        for plain, text in wanted.items()
        if plain in _atlas_names()
    }
    return _of_run(rows, wanted) | found


def _of_run(rows: pd.DataFrame, wanted: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return what the run's own golds say: one question's golds are one thing."""
    names = rows["gold"].cat.categories
    is_wanted = np.array([normalise(name) in wanted for name in names], dtype=bool)
    asked = rows.loc[
        np.append(is_wanted, False)[rows["gold"].cat.codes],
        ["case", "probe", "question", "gold"],
    ].drop_duplicates("gold")
    keys = ["case", "probe", "question"]
    shown = rows[rows["target"].isin(LANGUAGES)][[*keys, "target", "gold"]]
    both = asked.astype(object).merge(shown.astype(object), on=keys)
    found: dict[str, dict[str, str]] = {}
    for gold, target, name in zip(
        both["gold_x"], both["target"], both["gold_y"], strict=True
    ):
        found.setdefault(wanted[normalise(gold)], {})[target] = name
    return found


@lru_cache(maxsize=1)
def _atlas_names() -> dict[str, dict[str, str]]:
    """Return the names of Atlas's entities in both languages, by each of their names.

    Of several with one name, the first.
    """
    found: dict[str, dict[str, str]] = {}
    for names in atlas().names.values():
        shown = {code: names[code] for code in LANGUAGES if code in names}
        for name in names.values():
            found.setdefault(normalise(name), shown)
    return found
