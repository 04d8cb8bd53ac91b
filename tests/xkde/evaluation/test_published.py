"""The paper's numbers: as many cells as it prints, and its known errors are found."""

import json
import math
from collections import Counter

import pytest

from xkde.__main__ import main
from xkde.evaluation.published import (
    averages,
    cells,
    coincidences,
    context,
    discrepancies,
    tables,
)
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import PROBES

METHODS = ("FT-L", "FT-M", "ROME", "MEMIT", "IKE", "LTE", "X-KDE")


def value(table: int, method: str, edit: str, target: str, metric: str) -> float:
    wanted = (table, method, edit, target, metric)
    (found,) = [
        c.value
        for c in cells()
        if (c.table, c.method, c.edit, c.target, c.metric) == wanted
    ]
    return found


def test_as_many_cells_as_the_paper_prints() -> None:
    assert Counter(cell.table for cell in cells()) == {
        1: 7 * 2 * 8,
        2: 7 * 2 * 12,
        3: 2 * 9,
        4: 4 * 2,
        5: 7 * 8,
        6: 5 * 4,
        9: 7 * 4 * 12,
        10: 7 * 4 * 12,
        11: 7 * 2 * 8,
        12: 7 * 4 * 12,
        13: 7 * 4 * 12,
    }
    assert Counter(average.table for average in averages()) == {
        1: 14, 2: 14, 3: 2, 6: 5, 9: 28, 10: 28, 11: 14, 12: 28, 13: 28,
    }  # fmt: skip


@pytest.mark.parametrize("table", [1, 2, 9, 10, 11, 12, 13])
def test_editing_tables_are_full(table: int) -> None:
    own = [cell for cell in cells() if cell.table == table]
    assert {cell.method for cell in own} == set(METHODS)
    assert {cell.target for cell in own} == (
        {"en", "zh"} if table in (1, 11) else set(ATLAS_LANGUAGES)
    )
    assert {cell.metric for cell in own} == set(PROBES[:2] if table == 2 else PROBES)
    keys = [(c.edit, c.target, c.method, c.metric) for c in own]
    assert len(set(keys)) == len(keys)
    assert {cell.edit for cell in own} <= {"en", "zh"}
    assert all(0 <= cell.value <= 100 for cell in own)


def test_some_cells_by_eye() -> None:
    assert value(1, "X-KDE", "en", "zh", "portability") == 77.43
    assert value(1, "LTE", "zh", "en", "portability") == 62.6
    assert value(3, "X-KDE", "", "zh", "CommonSenseQA_zh") == 45.13
    assert value(4, "stage 2 only", "zh", "", "average") == 66.38
    assert value(5, "without out-of-scope", "en", "zh", "locality") == 76.21
    assert value(6, "ORPO", "en", "zh", "locality") == 92.49
    assert value(9, "X-KDE", "en", "tr", "locality") == 72.62
    assert value(10, "LTE", "zh", "nl", "reliability") == 62.91
    assert value(11, "X-KDE", "zh", "en", "locality") == 95.14
    assert value(12, "X-KDE", "en", "vi", "reliability") == 79.47
    assert value(13, "X-KDE", "zh", "th", "reliability") == 67.75
    assert value(13, "FT-L", "zh", "zh", "portability") == 27.71


def test_table_2_is_the_upper_half_of_table_9() -> None:
    def half(table: int) -> dict[tuple[str, str, str], float]:
        return {
            (c.method, c.target, c.metric): c.value
            for c in cells()
            if c.table == table and c.metric in PROBES[:2]
        }

    assert half(2) == half(9)


def test_averages_are_recomputed() -> None:
    found = {(a.table, a.edit, a.method, a.metric): a for a in averages()}
    first = found[1, "en", "X-KDE", "all"]
    # 99.93 99.87 90.15 76.41 94.81 94.65 95.05 77.43 sum to 728.3
    assert first.recomputed == pytest.approx(728.3 / 8)
    assert first.cross == pytest.approx((94.81 + 94.65 + 95.05 + 77.43) / 4)
    assert (first.printed, first.cells, first.differs) == (91.04, 8, False)
    across = found[10, "zh", "X-KDE", "portability"]
    assert across.cells == 12
    assert across.cross == pytest.approx(59.06, abs=0.005)
    assert math.isnan(found[3, "", "X-KDE", "all"].cross)


def test_two_printed_averages_are_wrong() -> None:
    assert [(a.table, a.edit, a.method) for a in discrepancies()] == [
        (1, "zh", "IKE"),
        (6, "en", "DPO"),
    ]
    ike, dpo = discrepancies()
    assert (ike.printed, ike.recomputed) == (80.79, pytest.approx(75.115))
    assert (dpo.printed, dpo.recomputed) == (83.26, pytest.approx(81.765))


def test_repeated_measurements_are_found() -> None:
    found = [
        (p.first.method, p.first.benchmark, p.second.method, p.second.benchmark,
         p.first.edit, p.first.target)
        for p in coincidences()
    ]  # fmt: skip
    lte, without = "LTE", "without cross-lingual data"
    assert set(found) == {
        *(
            (method, "bizsre", method, "mzsre", "en", "zh")
            for method in ("FT-L", "FT-M", "ROME", "MEMIT", "IKE")
        ),
        ("FT-M", "mzsre", "MEMIT", "mzsre", "zh", "en"),
        *((lte, "bizsre", without, "bizsre", "en", to) for to in ("en", "zh")),
    }


def test_every_table_says_where_from_and_how() -> None:
    assert tuple(tables()) == (1, 2, 3, 4, 5, 6, 9, 10, 11, 12, 13)
    for table in tables().values():
        assert table.title and table.protocol and table.protocol_note
        assert "2502.14645" in table.source
        has_average = any(a.table == table.number for a in averages())
        assert bool(table.average) is has_average


def test_context_names_its_protocol() -> None:
    assert len(context()) >= 5
    for work in context():
        assert work.source and work.setting and work.protocol and work.figures


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["benchmarks", "published"]) == 0
    told = capsys.readouterr().out
    assert "80.79 is printed as average, its 8 cells give 75.12" in told
    assert main(["benchmarks", "published", "9", "--json"]) == 0
    table = json.loads(capsys.readouterr().out)
    assert len(table["cells"]) == 336 and len(table["averages"]) == 28
    assert main(["benchmarks", "published", "1"]) == 0
    assert "Published, not measured here" in capsys.readouterr().out
    assert main(["benchmarks", "published", "7"]) == 1
    assert "Use one of: 1, 2, 3" in capsys.readouterr().err
