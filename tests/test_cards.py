"""Model cards say what was measured, by hand arithmetic, and never invent.

python -m pytest tests/test_cards.py
"""

import json

import pytest

from xkde import paths
from xkde.evaluation.cards import model_card, total

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
    cells = TABLE["models"]["atlas-xe-it"]["cells"]  # type: ignore[index]
    assert total(cells, "reliability", "en") == "0.750 (3/4)"
    assert total(cells, "portability", "en") == "not measured"


def test_card_carries_settings_and_results() -> None:
    text = model_card(CARD, TABLE)
    for part in ("1,234", "learning_rate: 0.001", "0.750 (3/4)", "`abc`", "seed 7"):
        assert part in text


def test_card_without_table_has_no_results() -> None:
    assert "## Results" not in model_card(CARD, None)


@pytest.mark.parametrize("name", ["atlas-base", "atlas-xe-it"])
def test_shipped_cards_are_what_their_runs_and_tables_say(name: str) -> None:
    folder = paths.EMBEDDED_CHECKPOINTS / name
    card = json.loads((folder / paths.CARD).read_text(encoding="utf-8"))
    table = json.loads(paths.ATLAS_RESULTS.read_text(encoding="utf-8"))
    assert (folder / "README.md").read_text(encoding="utf-8") == model_card(card, table)
