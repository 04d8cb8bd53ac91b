"""Benchmarks by name or path, directions by their codes, and words for what is neither.

python -m pytest tests/xkde/evaluation/run/test_choosing.py
"""

from copy import deepcopy
from pathlib import Path

import pytest

from tests.helpers import benchmark_samples as samples
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation.run.choosing import choose, parse_directions


def test_atlas_needs_no_file() -> None:
    chosen = choose("atlas", "en-zh", limit=5)
    again = choose("atlas", "en-zh,zh-all", limit=5)
    assert (chosen.benchmark, len(chosen.cases)) == ("atlas", 5)
    assert chosen.cases == again.cases
    assert chosen.sha256 == again.sha256
    assert len(again.directions) == 13
    assert choose("atlas", "en-zh", seed=8).sha256 != chosen.sha256
    assert any(case.defects for case in choose("atlas", "en-zh").cases)


def test_files_of_others(tmp_path: Path) -> None:
    file = samples.write(tmp_path / "bizsre_test.json", samples.bizsre())
    chosen = choose(file, "en-zh")
    assert (chosen.benchmark, len(chosen.cases)) == ("bizsre", 2)
    assert choose(str(file), "zh-en", limit=1).cases == chosen.cases[:1]
    with pytest.raises(BenchmarkError, match=r"no German \(de\); it has en, zh"):
        choose(file, "en-de")
    with pytest.raises(BenchmarkError, match="nowhere"):
        choose(tmp_path / "nowhere.json", "en-zh")
    other = samples.write(tmp_path / "other.json", [{"a": 1}])
    with pytest.raises(BenchmarkError, match="no benchmark that X-KDE reads"):
        choose(other, "en-zh")
    with pytest.raises(BenchmarkError, match="Use one of"):
        choose(file, "en-zh", name="glue")


def test_what_a_record_lacks_is_told(tmp_path: Path) -> None:
    records = deepcopy(samples.bizsre())
    del records[1]["zh"]["alt"]
    chosen = choose(samples.write(tmp_path / "bizsre_test.json", records), "zh-en")
    assert len(chosen.cases) == 1
    (skipped,) = chosen.skipped
    assert (skipped.source.row, "zh" in skipped.reason) == (2, True)


def test_directions() -> None:
    languages = ("en", "cs", "zh")
    assert parse_directions("en-zh, zh→en,en-zh", languages) == (
        ("en", "zh"),
        ("zh", "en"),
    )
    assert parse_directions("en-all", languages) == (
        ("en", "en"), ("en", "cs"), ("en", "zh"),
    )  # fmt: skip
    assert len(parse_directions("all-all", languages)) == 9
    assert parse_directions("en-cz", languages) == (("en", "cs"),)  # MzsRE's code
    for wrong in ("en", "en-", "", "-zh"):
        with pytest.raises(InputError, match="is no direction"):
            parse_directions(wrong, languages)
    with pytest.raises(InputError, match="not a language"):
        parse_directions("en-xx", languages)
