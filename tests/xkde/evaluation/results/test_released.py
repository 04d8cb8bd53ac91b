"""The released form: its fields in its order, one file for each direction."""

import json
from pathlib import Path

import pytest

from tests.helpers.result_samples import row
from xkde.errors import InputError
from xkde.evaluation.results.released import export_released, released_records
from xkde.evaluation.results.rows import table_of

FORCED = {"protocol": "teacher-forced", "exact": None}
ROWS = [
    row(prompt="p", answer="大", token_accuracy=0.5, **FORCED),
    row(probe="generality", answer="阪", token_accuracy=0.25, **FORCED),
    row(probe="locality", query="q", gold="莎", answer="b", before="a",
        token_accuracy=0.0, unchanged=1.0, **FORCED),
    row(probe="portability", gold="本州", answer="州", token_accuracy=0.75, **FORCED),
    row(probe="portability", question=1, token_accuracy=0.1, **FORCED),
    row(),
]  # fmt: skip


def test_a_record_by_hand() -> None:
    (record,) = released_records(table_of(ROWS))["en", "zh"]
    assert record == {
        "prompt": "p",
        "rewrite_acc": 0.5,
        "target": "大阪",
        "answer": "大",
        "locality": {
            "loc_acc": 1.0,
            "loc_prompt": "q",
            "loc_ground_truth": "莎",
            "loc_pre_tokens": "a",
            "loc_post_tokens": "b",
        },
        "portability": {"acc": 0.75, "target": "本州", "answer": "州"},
        "neighborhood": {},
        "rephrase_acc": 0.25,
    }
    assert list(record) == [
        *("prompt", "rewrite_acc", "target", "answer", "locality", "portability"),
        *("neighborhood", "rephrase_acc"),
    ]


def test_one_file_for_each_direction(tmp_path: Path) -> None:
    file = tmp_path / "tiny.json"
    assert export_released(table_of(ROWS), file) == [file]
    assert len(json.loads(file.read_text("utf-8"))) == 1
    back = row(source="zh", target="en", token_accuracy=None, answer=None, **FORCED)
    files = export_released(table_of([*ROWS, back]), file)
    assert [path.name for path in files] == ["tiny_en_zh.json", "tiny_zh_en.json"]
    (record,) = json.loads(files[1].read_text("utf-8"))
    assert record["rewrite_acc"] is None


def test_generated_answers_have_no_place_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--protocol teacher-forced"):
        export_released(table_of([row()]), tmp_path / "x.json")
    assert not list(tmp_path.iterdir())
