"""A run's rows get the kinds that people gave by hand, and keep what is stored."""

import csv
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from tests.helpers.result_samples import ROW
from xkde import paths
from xkde.evaluation.analysis.kinds import Kind
from xkde.evaluation.analysis.of_runs import found_of, kinds_of, with_kinds
from xkde.evaluation.results.rows import GENERATED, frame_of, table_of, with_added

# Failed answers of shipped runs, drawn at random and labelled by a person who had not
# seen the machine's kinds. Some were looked at again when the rules were written.
HAND_LABELS = Path(__file__).parent / "hand_labels.csv"
AGREEMENT = 0.9


def test_kinds_agree_with_labels_by_hand() -> None:
    labels: dict[str, dict[tuple[str, ...], str]] = defaultdict(dict)
    with HAND_LABELS.open(encoding="utf-8", newline="") as file:
        for run, case, probe, source, target, kind in list(csv.reader(file))[1:]:
            labels[run][case, probe, source, target] = kind
    agreed, asked = 0, 0
    for run, by_key in labels.items():
        table = pq.read_table(paths.RESULTS / f"{run}.parquet")
        rows = frame_of(with_added(table))
        kinds, _ = kinds_of(rows)
        names = ["case", "probe", "source", "target", "protocol"]
        keys = rows[names].astype("str").itertuples(index=False, name=None)
        for (*key, protocol), found in zip(keys, kinds, strict=True):
            label = by_key.get(tuple(key)) if protocol == GENERATED else None
            asked += label is not None
            agreed += label is not None and label == found
    assert asked >= 150
    assert agreed / asked >= AGREEMENT


def test_stored_kinds_are_kept_and_lacking_ones_found() -> None:
    wrong = {**vars(ROW), "answer": "Osaka", "exact": False, "lenient": False}
    made = frame_of(table_of([ROW, type(ROW)(**wrong)]))
    rows = with_kinds(made)
    assert rows["kind"].tolist() == [Kind.RIGHT, Kind.UNTRANSLATED]
    found = found_of(rows["kind"][1], rows["evidence"][1])
    assert (found.rule, found.text) == ("copied", "Osaka")
    assert with_kinds(rows) is rows
