"""The tables of docs/results.md, computed anew from the shipped results by plain means.

Nothing of the package's own statistics is used: a share is right answers by answers.
A test compares them with the document, and prints what differs.
"""

import json
from pathlib import Path
from typing import Any

import pandas as pd

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


def editors() -> Table:
    """Return one row for each editor: English edits, Chinese in parentheses."""
    cells = loaded("atlas.json")["models"]["atlas-xe-it"]["cells"]
    rows = [["X-KDE, `atlas-xe-it`", *(_pooled(cells, probe) for probe in PROBES)]]
    for label, name in EDITORS.items():
        answers = pd.read_parquet(RESULTS / "editors" / f"{name}.parquet")
        answers = answers[answers.protocol == "generated"]
        shares = answers.groupby(["probe", "source"]).exact.mean()
        pairs = [(shares[probe, "en"], shares[probe, "zh"]) for probe in PROBES]
        rows.append([label, *(f"{en:.3f} ({zh:.3f})" for en, zh in pairs)])
    return rows


def _pooled(cells: list[dict[str, Any]], probe: str) -> str:
    shares = []
    for source in ("en", "zh"):
        mine = [c for c in cells if (c["measure"], c["source"]) == (probe, source)]
        shares.append(sum(c["hits"] for c in mine) / sum(c["n"] for c in mine))
    return f"{shares[0]:.3f} ({shares[1]:.3f})"


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
    return [[f"{overall[name]['share']:.3f}" for name in names]]


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


TABLES = {
    "editors": editors,
    "sequential": sequential,
    "stages": stages,
    "retrieval": retrieval,
    "inside_attribution": inside_attribution,
}
