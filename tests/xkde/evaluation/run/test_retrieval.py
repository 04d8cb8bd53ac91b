"""Measured retrieval: an encoder that knows all is right, thresholds by hand."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.tiny_encoder import saved
from xkde.__main__ import main
from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.questions import recognise
from xkde.data.atlas.world import atlas
from xkde.evaluation.run.retrieval import (
    Outcome,
    best_threshold,
    by,
    choose,
    outcomes,
    summary,
    tables,
)
from xkde.memory.index import Kind, Vectors, build_index, statement
from xkde.memory.retrieval import retrieve

CASES = atlas_cases(atlas(), "test", limit=26)
CODES = ("en", "zh")


class Oracle:
    """An encoder that knows which fact each text of the cases is about."""

    name = "oracle"

    def __init__(self) -> None:
        self.facts: dict[str, object] = {}
        for case in CASES:
            fact = (case.subject_id, case.relation)
            for code in CODES:
                self.facts[statement(case.edits[code])] = fact
                for probe, items in case.probes.items():
                    text = items[code].question
                    known = recognise(atlas(), text, code)
                    self.facts[text] = known if probe == "locality" else fact
        self.places = {f: i for i, f in enumerate(dict.fromkeys(self.facts.values()))}
        self.read: list[str] = []

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        self.read += texts
        every = np.eye(len(self.places), dtype=np.float32)
        return every[[self.places[self.facts[text]] for text in texts]]


def test_an_oracle_finds_every_edit_and_nothing_else() -> None:
    oracle = Oracle()
    found = list(tables(CASES, oracle, atlas(), sources=CODES, targets=CODES))
    assert [table.source for table in found] == list(CODES)
    assert len(oracle.read) == len(set(oracle.read))  # every text once
    results = [o for table in found for o in outcomes(table, 0.0)]
    told = summary(results, threshold=0.5)
    assert told["hit@1"]["share"] == told["hit@3"]["share"] == 1.0
    assert told["found"]["share"] == 1.0
    assert told["false_trigger"]["share"] == 0.0
    in_scope = sum(len(set(case.probes) - {"locality"}) for case in CASES)
    assert told["hit@1"]["n"] == 4 * in_scope
    assert told["false_trigger"]["n"] == 4 * len(CASES)
    best = choose(tables(CASES, oracle, atlas(), sources=["en"], targets=["zh"]))[0]
    assert (best.gain, best.threshold) == (1.0, pytest.approx(0.5, abs=0.01))


def test_small_memories() -> None:
    found = list(
        tables(CASES, Oracle(), atlas(), sources=["en"], targets=["zh"], size=1)
    )
    assert [table.dense.shape[1] for table in found] == [1] * len(CASES)


def test_ranks_are_those_of_retrieve() -> None:
    class Rough(Oracle):
        name = "rough"

        def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
            rows = [np.bincount([ord(c) % 12 for c in text], minlength=12) + 0.1
                    for text in texts]  # fmt: skip
            vectors = np.array(rows, dtype=np.float32)
            return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    (table,) = tables(CASES, Rough(), atlas(), sources=["en"], targets=["zh"])
    index = build_index([case.edits["en"] for case in CASES], Rough())
    for asked, outcome in zip(table.asked, outcomes(table, 0.2), strict=True):
        found = retrieve(index, asked.query, k=99, threshold=-9, weight=0.2)
        places = [f.place for f in found if f.place not in asked.left_out]
        scores = {f.place: f.score for f in found}
        if asked.right >= 0:
            assert abs(scores[places[outcome.rank]] - scores[asked.right]) < 1e-6
        assert outcome.best == pytest.approx(scores[places[0]], abs=1e-6)


def made(probe: str, rank: int, best: float) -> Outcome:
    return Outcome("en", "zh", probe, rank, best, rank == 0)  # type: ignore[arg-type]


def test_the_threshold_by_hand() -> None:
    found = [
        made("reliability", 0, 0.9),
        made("generality", 0, 0.8),
        made("portability", 4, 0.95),
        made("locality", -1, 0.5),
        made("locality", -1, 0.85),
    ]
    # At 0.9 a third is found, nothing triggers; at 0.8 two thirds, and one in two.
    choice = best_threshold(found, 0.2)
    assert choice.threshold == pytest.approx(0.875)
    assert choice.gain == pytest.approx(1 / 3)
    told = summary(found, choice.threshold)
    assert told["hit@1"]["share"] == told["hit@3"]["share"] == pytest.approx(2 / 3)
    assert told["found"]["share"] == pytest.approx(1 / 3)
    assert told["false_trigger"]["share"] == 0.0
    probes = by(found, choice.threshold, lambda o: (o.probe,))
    assert probes["portability",]["hit@3"]["share"] == 0.0
    assert probes["locality",]["hit@1"]["share"] is None
    assert best_threshold([], 0.1).gain == 0.0


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = saved(tmp_path / "tiny")
    options = ["--encoder", str(folder), "--sources", "en", "--targets", "en,zh"]
    options += ["--limit", "13", "--out", str(tmp_path / "told.json")]
    assert main(["retrieval", *options, "--keep"]) == 1
    assert "has none" in capsys.readouterr().err
    (folder / "card.json").write_text('{"name": "tiny"}', encoding="utf-8")
    assert main(["retrieval", *options, "--keep", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    assert [(t["source"], t["target"]) for t in told["pairs"]] == [
        ("en", "en"),
        ("en", "zh"),
    ]
    assert (told["edits"], told["encoder"]) == (13, "tiny")
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    assert card["name"] == "tiny"
    assert card["retrieval"]["threshold"] == told["threshold"]
    assert main(["retrieval", *options, "--by-pair"]) == 0
    printed = capsys.readouterr().out
    assert "en→zh" in printed
    assert "false trigger" in printed


def test_mistakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))
    assert main(["retrieval"]) == 1
    assert "train-encoder atlas-encoder-laptop" in capsys.readouterr().err
    folder = saved(tmp_path / "tiny")
    assert main(["retrieval", "--encoder", str(folder), "--sources", "ja"]) == 1
    assert "Atlas has no “ja”" in capsys.readouterr().err
