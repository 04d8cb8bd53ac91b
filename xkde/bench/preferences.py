"""How fast a large file of pairs is to open, to filter and to page through.

Opening is reading the file and building the pandas table that filters and sorts it. A
view is a filter, its order, and the rows of one page. Beside it pandas alone reads the
same file into Arrow's columns (polars is no requirement): it checks nothing and makes
no column of its own. The pairs are generated, with prompts, names and answers in twelve
languages; nothing is learned from them. Times are of the processor. Knows no app; what
a visitor waits for beside this is the network.

Run it: ``python -m xkde bench preferences``
"""

import os
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pandas as pd

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.data.preferences.files import Pair, pairs_table, write_pairs
from xkde.data.preferences.opening import open_pairs
from xkde.data.preferences.table import (
    FLAGS,
    SORTS,
    PairFilter,
    matching,
    pair_frame,
    rows_at,
)
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.prompts import edit_prompt
from xkde.text import normalise

COUNT = 100_000
REPEATS = 3  # of each view
PAGE = 25  # rows


def generated(count: int, seed: int = 0) -> Iterator[Pair]:
    """Yield pairs over Atlas's cases in all directions, about three to a prompt."""
    random_ = random.Random(seed)
    cases = atlas_cases(atlas(), "train")
    for number in range(count):
        if number % 3 == 0:
            case = random_.choice(cases)
            source, target = random_.choices(ATLAS_LANGUAGES, k=2)
            other = random_.choice(cases)
            edit = case.edits[source]
            asked = case.edits[target].question
            prompt = edit_prompt([edit], asked, LANGUAGES[target].name)
        yield Pair(
            id=f"{number}",
            fact=case.subject_id,
            relation=case.relation,
            source=source,
            target=target,
            prompt=prompt,
            chosen=case.edits[target].answer,
            rejected=f"{other.edits[target].answer} {number % 3}",
            chosen_score=-random_.random(),
            rejected_score=-1 - random_.random(),
            score_name="symmetric",
            chosen_is_right=True,
            rejected_is_right=False,
            strategy="paper",
            chosen_origin="gold",
            rejected_origin=f"answer {number % 3 + 1}",
        )


def filters() -> list[PairFilter]:
    """Return filters as visitors make them: each one, each order, some together."""
    plain = [
        PairFilter(),
        PairFilter(direction="en→zh"),
        PairFilter(relation="capital", chosen_language="zh"),
        PairFilter(margin_from=0.5, margin_to=1.0),
        PairFilter(score_from=-0.2),
        PairFilter(text="Osaka"),
        PairFilter(text="не находится нигде"),
        PairFilter(text=r"(Tokyo|Paris|Лондон)\w*", regex=True),
        PairFilter(text="首都.*大阪", regex=True, sort="margin", descending=True),
        PairFilter(direction="de→fr", text="a", sort="chosen", margin_from=0.9),
    ]
    return [
        *plain,
        *(PairFilter(flags=(name,)) for name in FLAGS),
        *(PairFilter(sort=name, descending=True) for name in SORTS),
    ]


def view(frame: pd.DataFrame, wanted: PairFilter, page: int = 1) -> Sequence[object]:
    """Return the rows of a page, as the app asks for them."""
    rows = matching(frame, wanted)
    return rows_at(frame, rows[(page - 1) * PAGE : page * PAGE])


def measure(count: int = COUNT) -> dict[str, object]:
    """Measure everything once; seconds for opening, milliseconds for views."""
    atlas()  # the app has it at its start
    found: dict[str, object] = {"pairs": count}
    with tempfile.TemporaryDirectory() as folder:
        table = pairs_table(generated(count))
        for name in ("pairs.jsonl", "pairs.parquet"):
            path = Path(folder) / name
            write_pairs(path, table)
            kind = path.suffix.removeprefix(".")
            plain = min(_timed(partial(_read_plainly, path))[0] for _ in range(3))
            normalise.cache_clear()  # as for texts that nobody has seen
            seconds, frame = _timed(partial(_open, path))
            found[f"pandas_alone_{kind}_s"] = round(plain, 2)
            found[f"pandas_by_ours_{kind}"] = round(plain / seconds, 2)
            found[f"open_{kind}_s"] = round(seconds, 2)
            found[f"{kind}_mb"] = round(path.stat().st_size / 1e6, 1)
    found |= _views(frame)
    return found | {
        "peak_memory_mb": round(_peak_memory() / 1e6),
        "cores": os.cpu_count(),
        "protocol": f"{len(filters()) + 1} views, {REPEATS} times each",
    }


def _views(frame: pd.DataFrame) -> dict[str, float]:
    last = max(1, len(frame) // PAGE)
    asked = [(wanted, 1) for wanted in filters()] + [(PairFilter(), last)]
    times = [
        1000 * _timed(partial(view, frame, wanted, page))[0]
        for wanted, page in asked * REPEATS
    ]
    return {
        "view_median_ms": round(statistics.median(times), 1),
        "view_p95_ms": round(statistics.quantiles(times, n=20)[-1], 1),
        "view_slowest_ms": round(max(times), 1),
    }


def _open(path: Path) -> pd.DataFrame:
    return pair_frame(open_pairs(path).pairs)


def _read_plainly(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path, dtype_backend="pyarrow")
    return pd.read_json(path, lines=True, dtype_backend="pyarrow", engine="pyarrow")


def _timed(do: Callable[[], object]) -> tuple[float, object]:
    started = time.process_time()  # other work on the machine affects it less
    done = do()
    return time.process_time() - started, done


def _peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
