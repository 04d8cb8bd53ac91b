"""Every form takes labels out and back without loss; what is none is said in words."""

import csv
import io
import json
from dataclasses import replace

import pytest

from tests.helpers.label_samples import case, label
from xkde.errors import DataError
from xkde.labelling.exchange import FORMATS, read_labels
from xkde.labelling.records import LabelledCase

CASES = [
    LabelledCase(
        case(1, answer='=HYPERLINK("evil")', base_answer="", beside="b · none"),
        (
            label(1, severity="major", note="two\nlines, “quoted”", blind=True),
            label(1, "broken", annotator="=1+1", at="2026-11-21T00:00:00+00:00"),
            label(1, "leaked", annotator="Bo", settles=True),
        ),
    ),
    LabelledCase(case(2, base_answer="东京"), (label(2),)),
]


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_exported_comes_back(name: str) -> None:
    found = read_labels(FORMATS[name].write(CASES))
    first = CASES[0].case
    if name == "csv":  # which has one sort of nothing
        first = replace(first, base_answer=None)
    assert [each.case for each in found] == [first, CASES[1].case]
    assert [set(each.labels) for each in found] == [set(its.labels) for its in CASES]


def test_no_cell_of_csv_is_a_formula() -> None:
    rows = csv.reader(io.StringIO(FORMATS["csv"].write(CASES)))
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert any("HYPERLINK" in cell for cell in cells)


def test_labels_made_in_other_programs_are_taken() -> None:
    [task, *_] = json.loads(FORMATS["label_studio"].write(CASES))
    result = {"from_name": "kind", "value": {"choices": ["first_hop"]}}
    task["annotations"] = [{"result": [result], "completed_by": {"email": "c@d"}}]
    [found] = read_labels(json.dumps([task]))
    assert [(its.annotator, its.kind) for its in found.labels] == [("c@d", "first_hop")]
    [record, *_] = json.loads(FORMATS["argilla"].write(CASES[1:]))
    response = {"value": "first_hop", "user_id": "u-1"}
    record["responses"] = {"kind": [response]}
    [found] = read_labels(json.dumps([record]))
    assert ("u-1", "first_hop") in {(its.annotator, its.kind) for its in found.labels}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no labels"),
        ("{", "no file of labels"),
        ("[1]", "no file of labels"),
        ("a,b\n1,2", "no file of labels"),
        ('[{"data": {}, "annotations": []}]', "lacks"),
        ('{"version": 2, "case": {}, "label": {}}', "later version"),
    ],
)
def test_what_is_no_file_of_labels_is_said(text: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_labels(text)


def test_a_strange_kind_is_named_with_its_record() -> None:
    text = FORMATS["jsonl"].write(CASES).replace('"leaked"', '"<b>odd"')
    with pytest.raises(DataError, match="Record 3 .*<b>odd"):
        read_labels(text)
