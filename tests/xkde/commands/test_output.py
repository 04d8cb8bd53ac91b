"""What commands print: columns line up in every script."""

import json

import pytest

from xkde.commands.output import print_json, print_table, width


def test_width_counts_columns_not_characters() -> None:
    assert width("abc") == 3
    assert width("大阪") == 4
    assert width("กรุงเทพ") == 6  # one vowel sign stands below its consonant
    assert width("e\u0301") == 1


def test_columns_begin_where_the_header_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_table(["name", "value"], [["大阪", "1"], ["Osaka", "2"]])
    header, *rows = capsys.readouterr().out.splitlines()
    start = header.index("value")
    assert rows[0].endswith("1") and width(rows[0][:-1]) == start
    assert rows[1].index("2") == start


def test_json_keeps_every_script(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"answer": "大阪"})
    told = capsys.readouterr().out
    assert "大阪" in told
    assert json.loads(told) == {"answer": "大阪"}
