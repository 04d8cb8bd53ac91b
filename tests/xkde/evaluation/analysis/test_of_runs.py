"""A run's rows get the kinds that people gave by hand, and keep what is stored."""

import csv
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.helpers.result_samples import ROW
from xkde import paths
from xkde.evaluation.analysis.kinds import AnswerToSort, Kind, kind_of
from xkde.evaluation.analysis.of_runs import found_of, kinds_of, with_kinds
from xkde.evaluation.results.rows import GENERATED, frame_of, table_of, with_added

# Failed answers of shipped runs and of a run of own-words, drawn at random and labelled
# by one reader, a language model that had not seen the machine's kinds. The rules were
# mended with those for ``mending``, and measured with the others.
HAND_LABELS = Path(__file__).parent / "hand_labels.csv"
OWN_WORDS = Path(__file__).parent / "hand_labels_own_words.jsonl"
AGREEMENT = 0.9


def test_kinds_agree_with_labels_by_hand() -> None:
    labels: dict[str, dict[tuple[str, ...], str]] = defaultdict(dict)
    with HAND_LABELS.open(encoding="utf-8", newline="") as file:
        for run, *key, kind, _used_for in list(csv.reader(file))[1:]:
            labels[run][tuple(key)] = kind
    agreed, asked = 0, 0
    for run, by_key in labels.items():
        table = pq.read_table(paths.RESULTS / f"{run}.parquet")
        rows = frame_of(with_added(table))
        kinds, _ = kinds_of(rows)
        names = ["case", "probe", "source", "target", "answer", "protocol"]
        keys = rows[names].astype("str").itertuples(index=False, name=None)
        for (*its, protocol), found in zip(keys, kinds, strict=True):
            label = by_key.get(tuple(its)) if protocol == GENERATED else None
            asked += label is not None
            agreed += label is not None and label == found
    assert asked >= 200
    assert agreed / asked >= AGREEMENT


def test_kinds_of_own_words_agree_no_worse_than_measured() -> None:
    lines = OWN_WORDS.read_text(encoding="utf-8").splitlines()
    agreed = 0
    for record in map(json.loads, lines):
        label, _ = record.pop("label"), record.pop("used_for")
        record["defects"] = tuple(record["defects"])
        agreed += kind_of(AnswerToSort(**record)).kind == label
    assert (agreed, len(lines)) >= (9, 14)


@pytest.mark.parametrize(
    ("row", "kind"),
    [  # exact names of Atlas are no misspellings of the gold that they resemble
        ({"gold": "malajština", "answer": "španělština"}, Kind.OTHER_ENTITY),
        ({"gold": "malajština", "answer": "malajšina"}, Kind.NEAR_MISS),
        # Words of one known name are of its kind: a currency is no language
        ({"gold": "malajština", "answer": "Koruna dánská"}, Kind.SOMETHING_ELSE),
    ],
)
def test_names_that_atlas_knows_are_told_apart(row: dict[str, str], kind: Kind) -> None:
    its = {"benchmark": "atlas", "relation": "language", "target": "cs", **row}
    made = type(ROW)(**{**vars(ROW), **its, "exact": False, "lenient": False})
    assert kinds_of(frame_of(table_of([made])))[0] == [kind]


@pytest.mark.parametrize(
    ("kind", "evidence"), [("no kind", "exact"), ("near_miss", "no evidence\ttext")]
)
def test_a_kind_of_another_version_is_found_anew(kind: str, evidence: str) -> None:
    rows = frame_of(table_of([replace(ROW, kind=kind, evidence=evidence)]))
    assert with_kinds(rows)["kind"].tolist() == kinds_of(rows)[0]


def test_stored_kinds_are_kept_and_lacking_ones_found() -> None:
    wrong = {**vars(ROW), "answer": "Osaka", "exact": False, "lenient": False}
    made = frame_of(table_of([ROW, type(ROW)(**wrong)]))
    rows = with_kinds(made)
    assert rows["kind"].tolist() == [Kind.RIGHT, Kind.UNTRANSLATED]
    found = found_of(rows["kind"][1], rows["evidence"][1])
    assert (found.rule, found.text) == ("copied", "Osaka")
    assert with_kinds(rows) is rows
