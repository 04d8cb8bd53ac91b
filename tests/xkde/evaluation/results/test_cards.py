"""Model cards say what was measured, by hand arithmetic, and never invent."""

import json

import pytest

from xkde import paths
from xkde.evaluation.results.atlas_table import AtlasCell, marked
from xkde.evaluation.results.cards import COLUMNS, model_card, summary, total

CARD = {
    "name": "atlas-xe-it",
    "stage": "xe-it",
    "base": "atlas-base",
    "samples": 1234,
    "tokens": 56789,
    "settings": {"learning_rate": 0.001},
    "training": {"loss": 0.5, "seconds": 60},
    "versions": {"torch": "2"},
}


def cell(
    measure: str, source: str, target: str, hits: int, n: int
) -> dict[str, object]:
    return {"measure": measure, "source": source, "target": target, "hits": hits,
            "n": n, "share": hits / n}  # fmt: skip


TABLE = {
    "protocol": "generated",
    "wrapper": "hf_template",
    "cases": 2,
    "split": "test",
    "seed": 7,
    "models": {
        "atlas-xe-it": {
            "fingerprint": "abc",
            "cells": [
                cell("closed-book", "en", "en", 9, 10),
                cell("reliability", "en", "en", 2, 2),
                cell("reliability", "en", "zh", 1, 2),
            ],
        }
    },
}


def test_total_pools_languages() -> None:
    stored = TABLE["models"]["atlas-xe-it"]["cells"]  # type: ignore[index]
    cells = [AtlasCell.from_dict(each) for each in stored]
    # Wilson's interval of 1.5 of 2: the answers to one edit count as one.
    assert total(cells, "reliability", "en") == "0.750 [0.198–0.973] (3/4)"
    assert total(cells, "portability", "en") == "not measured"


def test_card_carries_settings_and_results() -> None:
    text = model_card(CARD, TABLE)
    for part in ("1,234", "learning_rate: 0.001", "(3/4)", "`abc`", "seed 7"):
        assert part in text


def test_card_without_table_has_no_results() -> None:
    assert "## Results" not in model_card(CARD, None)


@pytest.mark.parametrize("name", ["atlas-base", "atlas-xe-it"])
def test_shipped_cards_are_what_their_runs_and_tables_say(name: str) -> None:
    folder = paths.EMBEDDED_CHECKPOINTS / name
    card = json.loads((folder / paths.CARD).read_text(encoding="utf-8"))
    table = json.loads(paths.ATLAS_RESULTS.read_text(encoding="utf-8"))
    assert (folder / "README.md").read_text(encoding="utf-8") == model_card(card, table)


def test_readme_shows_the_shipped_table() -> None:
    readme = (paths.ROOT / "README.md").read_text(encoding="utf-8")
    table = json.loads(paths.ATLAS_RESULTS.read_text(encoding="utf-8"))
    assert f"<!-- results -->\n{summary(table)}\n<!-- /results -->" in readme


def test_summary_by_hand() -> None:
    told = summary(TABLE)
    assert (
        "| `atlas-xe-it`, English | 0.750 [0.198–0.973] | not measured | not mea"
        in told
    )
    assert "0.900 of Atlas's facts by heart, least in English" in told


def test_what_surely_differs_is_said_by_holm_for_the_whole_table() -> None:
    def model(marks: str) -> dict[str, object]:
        cells = [marked(m, "en", code, marks) for m in COLUMNS for code in ("en", "zh")]
        closed = marked("closed-book", "en", "en", "1")
        return {"fingerprint": "abc", "cells": [c.as_dict() for c in (closed, *cells)]}

    same, worse = "1" * 30, "0" * 30
    models = {"atlas-xe-it": model(same), "same": model(same), "worse": model(worse)}
    told = summary(TABLE | {"models": models})
    assert "Holm's correction for all 10: `same`, English: nothing; " in told
    assert "`worse`, English: every column." in told
    assert "surely differs" not in summary(TABLE)


def test_card_names_every_run_before() -> None:
    first = CARD | {"name": "atlas-base", "before": {}}
    text = model_card(CARD | {"before": first}, None)
    assert "before that: atlas-base, 1,234 samples, 56,789 tokens" in text
