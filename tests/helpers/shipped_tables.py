"""The tables of docs/results.md, computed anew from the shipped results.

Shares are plain means: right answers by answers. Intervals are those of the package,
whose own tests do them by hand. A test compares all with the document.
"""

import json
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from xkde.evaluation.results.atlas_table import AtlasCell, share_of
from xkde.evaluation.results.rows import frame_of, load_results, where
from xkde.evaluation.results.summary import GroupMean, means

RESULTS = Path(__file__).resolve().parents[2] / "assets" / "results"
PROBES = ("reliability", "generality", "locality", "portability")
MEASURES = ("attention", "gradient", "tokens")  # of an attribution
Table = list[list[str]]

# label -> file of editors/; X-KDE is measured on all edits, in atlas.json
EDITORS = {
    "SERAC": "serac",
    "AlphaEdit": "alphaedit",
    "MEMIT": "memit",
    "MEND": "mend",
    "LTE, `atlas-lte`": "lte",
    "ROME": "rome",
    "FT-M": "ft-m",
    "FT-L": "ft-l",
    "KN": "kn",
    "IKE": "ike",
}
SEQUENTIAL = {
    "X-KDE, `atlas-xe-it`": "atlas-xe-it-sequential-x-kde-en",
    "LTE, `atlas-lte`": "atlas-lte-sequential-lte-en",
    "SERAC": "atlas-base-sequential-serac-en",
    "MEMIT": "atlas-base-sequential-memit-en",
    "AlphaEdit": "atlas-base-sequential-alphaedit-en",
    "ROME": "atlas-base-sequential-rome-en",
    "FT-M": "atlas-base-sequential-ft-m-en",
    "MEND": "atlas-base-sequential-mend-en",
}
SIZES = (1, 10, 100, 1000)
STAGES = {
    "stage one, `atlas-xe-it`": "atlas-xe-it",
    "ORPO, our pairs": "runs/stage-two/orpo-ours/atlas-tl-po",
    "ORPO, the paper's pairs": "runs/stage-two/orpo-paper/atlas-tl-po",
    "DPO, our pairs": "runs/stage-two/dpo-ours/atlas-tl-po",
    "CPO, our pairs": "runs/stage-two/cpo-ours/atlas-tl-po",
    "KTO, our pairs, `atlas-tl-po`": "runs/stage-two/kto-ours/atlas-tl-po",
    "stage two alone": "runs/stage-two/alone/atlas-tl-po",
}


def loaded(name: str) -> dict[str, Any]:
    """Return a shipped JSON file."""
    return dict(json.loads((RESULTS / name).read_text(encoding="utf-8")))


def editors(source: str) -> Table:
    """Return one row for each editor: edits in one language, with intervals and n."""
    table = loaded("atlas.json")["models"]["atlas-xe-it"]["cells"]
    cells = [AtlasCell.from_dict(cell) for cell in table if cell["source"] == source]
    rows = [_row("X-KDE, `atlas-xe-it`", {p: _pooled(cells, p) for p in PROBES})]
    for label, name in EDITORS.items():
        answers = frame_of(load_results([RESULTS / "editors" / f"{name}.parquet"]))
        answers = answers[where(answers, {"protocol": "generated", "source": source})]
        found = {str(its.group["probe"]): its for its in means(answers, ["probe"])}
        shares = answers.groupby("probe", observed=True).exact.mean()
        rows.append(_row(label, {p: _mean(shares[p], found[p]) for p in PROBES}))
    return rows


Mean = tuple[float, float, float, int, int]  # share, its interval, edits, answers


def _mean(share: float, its: GroupMean) -> Mean:
    return share, float(its.low or 0), float(its.high or 0), its.edits, its.n


def _pooled(cells: list[AtlasCell], probe: str) -> Mean:
    mine = [cell for cell in cells if cell.measure == probe]
    hits, n = sum(c.hits for c in mine), sum(c.n for c in mine)
    ends = share_of(mine)
    low, high = float(ends["low"] or 0), float(ends["high"] or 0)
    return hits / n, low, high, max(c.n for c in mine), n


def _row(label: str, found: dict[str, Mean]) -> list[str]:
    shares = [f"{m:.3f} [{low:.3f}–{high:.3f}]" for m, low, high, *_ in found.values()]
    edits, hops = found["reliability"][3], found["portability"][3]
    return [label, *shares, f"{edits} ({hops})"]


def sequential() -> Table:
    """Return one row for each editor: shares after 1, 10, 100 and 1,000 edits."""
    rows = []
    for label, name in SEQUENTIAL.items():
        path = RESULTS / "experiments" / f"{name}.parquet"
        answers = pd.read_parquet(path)
        spread = answers[answers.is_even]  # edits spread evenly over all that were made
        shares = spread.groupby(["probe", "size"]).exact.mean()
        rows.append(
            [
                label,
                *(
                    ", ".join(
                        f"{shares[probe, size]:.2f}"
                        if (probe, size) in shares.index
                        else "–"
                        for size in SIZES
                    )
                    for probe in ("reliability", "locality", "untouched")
                ),
            ]
        )
    return rows


def stages() -> Table:
    """Return two rows for each checkpoint, edits in English and in Chinese."""
    found = {
        (r["checkpoint"], r["source"]): r for r in loaded("atlas-stages.json")["rows"]
    }
    rows = []
    for label, checkpoint in STAGES.items():
        for source, language in (("en", "English"), ("zh", "Chinese")):
            measures = found[checkpoint, source]["measures"]
            shares = {k: m["hits"] / m["n"] for k, m in measures.items()}
            wrong = f"{shares.pop('wrong_language'):.4f}"
            cells = [f"{shares[probe]:.3f}" for probe in PROBES]
            rows.append([f"{label}, {language}", *cells, wrong])
    return rows


def retrieval() -> Table:
    """Return hits and false triggers over all pairs of languages."""
    overall = loaded("retrieval.json")["overall"]
    names = ("hit@1", "hit@3", "found", "false_trigger")
    shares = [overall[name] for name in names]
    return [[f"{s['share']:.3f} [{s['low']:.3f}–{s['high']:.3f}]" for s in shares]]


def inside_attribution() -> Table:
    """How much of the edited model's look goes to the edit's new answer."""
    file = RESULTS / "inside" / "atlas-xe-it-atlas-attribution.json"
    rows = json.loads(file.read_text(encoding="utf-8"))["tables"]["shares"]
    at = {
        (row["probe"], row["asked"], row["measure"]): f"{row['mean']:.3f}"
        for row in rows
        if row["part"] == "answer"
    }
    return [
        [f"{probe}, {name}", *(at[probe, code, measure] for measure in MEASURES)]
        for probe in ("reliability", "generality", "locality")
        for code, name in (("en", "English"), ("zh", "Chinese"))
    ]


def inside_geometry() -> Table:
    """Mean cosines of whole updates of one fact, with their intervals."""
    columns = (("rome", 3), ("memit", 1), ("memit", 2), ("memit", 3))
    at = {}
    for editor in ("rome", "memit"):
        file = RESULTS / "inside" / f"atlas-base-atlas-{editor}-geometry.json"
        for row in json.loads(file.read_text(encoding="utf-8"))["tables"]["cosines"]:
            if row["part"] == "update":
                pair = (row["one"], row["other"], row["compared"])
                at[editor, row["layer"], *pair] = (
                    f"{row['mean']:.2f} [{row['low']:.2f}–{row['high']:.2f}]"
                )
    names = {"en": "English", "zh": "Chinese", "de": "German", "ru": "Russian"}
    rows = [
        [f"the same fact, {names[one]} and {names[other]}",
         *(at[*column, one, other, "same fact"] for column in columns)]
        for one, other in combinations(names, 2)
    ]  # fmt: skip
    wording = [at[*column, "en", "en", "other wording"] for column in columns]
    return [*rows, ["the same fact, English in another wording", *wording]]


TABLES = {
    "editors_en": partial(editors, "en"),
    "editors_zh": partial(editors, "zh"),
    "sequential": sequential,
    "stages": stages,
    "retrieval": retrieval,
    "inside_attribution": inside_attribution,
    "inside_geometry": inside_geometry,
}
