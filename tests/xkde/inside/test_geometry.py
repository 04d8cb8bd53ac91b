"""Geometry of updates by hand, and of edits of a tiny model."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import GIVEN, deep_engine
from xkde.editors.weights.low_rank import LowRankUpdate, Updates
from xkde.errors import BenchmarkError, DataError, InputError
from xkde.inside import geometry
from xkde.inside.edits_measured import GeometryTask, tables_of
from xkde.inside.facts import choose_facts
from xkde.inside.files import InsideReport, mean_row, read_report, write_report
from xkde.inside.kept_updates import kept
from xkde.types import Edit


def rank_one(key: list[float], value: list[float]) -> LowRankUpdate:
    return LowRankUpdate(torch.tensor(key)[:, None], torch.tensor(value)[:, None])


def test_a_cosine_is_that_of_the_written_out_updates() -> None:
    one, other = rank_one([1, 0], [3, 4]), rank_one([1, 1], [4, 3])
    found = geometry.part_cosines(one, other)
    assert found["key"] == pytest.approx(0.5**0.5)
    assert found["value"] == pytest.approx(24 / 25)
    assert found["update"] == pytest.approx(found["key"] * found["value"])
    flat = [each.matrix.flatten() for each in (one, other)]
    assert geometry.inner(one, other) == pytest.approx(float(flat[0] @ flat[1]))
    assert geometry.norm(one) == pytest.approx(5)
    assert geometry.cosine(one, rank_one([0, 1], [1, 0])) == 0
    assert geometry.cosine(one, rank_one([0, 0], [1, 0])) == 0


def test_a_sum_is_compared_with_the_joint_update() -> None:
    one, other = rank_one([1, 0], [1, 0]), rank_one([0, 1], [0, 1])
    both = LowRankUpdate(torch.eye(2), torch.eye(2))
    same = geometry.compare_sum(one, other, both)
    assert (same.cosine, same.relative_error) == pytest.approx((1, 0))
    half = geometry.compare_sum(one, other, one)
    assert half.cosine == pytest.approx(0.5**0.5)
    assert half.relative_error == pytest.approx(1)


def test_a_map_keeps_distances_of_a_plane() -> None:
    states = torch.tensor([[0.0, 0, 0], [3, 0, 0], [0, 4, 0], [3, 4, 0]])
    plane = geometry.state_map(states)
    assert sum(plane.shares) == pytest.approx(1)
    near = torch.pdist(states.double())
    assert torch.allclose(torch.pdist(plane.points), near)


def test_edits_of_a_tiny_model_are_measured(qwen2_folder: Path) -> None:
    engine = deep_engine(qwen2_folder)
    cases = choose_facts("atlas", ("en", "zh"), 3).cases
    for editor, layers in (("rome", {0}), ("memit", {0, 1})):
        task = GeometryTask(
            engine, editor, cases, ("en", "zh"), GIVEN[editor], lambda *_: None
        )
        tables = tables_of(task)
        assert {row["layer"] for row in tables["cosines"]} == layers
        assert {row["compared"] for row in tables["cosines"]} == {
            "same fact", "other fact", "other wording",
        }  # fmt: skip
        assert len(tables["map"]) == 6
        assert len(tables["additivity"]) == 12
        assert ("together" in tables) == (editor == "memit")
        assert all(float(row["mean"]) > 0 for row in tables["norms"])


def test_too_little_to_compare_is_said(qwen2_folder: Path) -> None:
    with pytest.raises(BenchmarkError, match="were asked for"):
        choose_facts("atlas", ("en",), 100_000)
    engine = deep_engine(qwen2_folder)
    with pytest.raises(InputError, match="Two languages"):
        tables_of(GeometryTask(engine, "rome", (), ("en",), {}, lambda *_: None))


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    about = {"checkpoint": "atlas-base", "benchmark": "atlas", "editor": "", "facts": 2}
    report = InsideReport("trace", about, {"effects": [mean_row([0.0, 0.5])]})
    path = write_report(report, tmp_path)
    assert path.name == "atlas-base-atlas-trace.json"
    assert read_report(path) == report
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="python -m xkde inside"):
        read_report(path)


def test_kept_updates_are_read_again_and_those_of_other_settings_are_not(
    tmp_path: Path,
) -> None:
    edits = [Edit("Who?", "Me", "en"), Edit("Where?", "Here", "en")]
    updates = [
        {3: LowRankUpdate(torch.randn(4, 1), torch.randn(2, 1))},
        {3: LowRankUpdate(torch.randn(4, 2), torch.randn(2, 2))},
    ]
    first = kept(tmp_path, ("weights", "rome"), edits, lambda: updates)

    def never() -> list[Updates]:
        raise AssertionError

    again = kept(tmp_path, ("weights", "rome"), edits, never)
    for found in (first, again):
        assert [list(each) for each in found] == [[3], [3]]
        for one, other in zip(found, updates, strict=True):
            assert torch.equal(one[3].keys, other[3].keys)
            assert torch.equal(one[3].values, other[3].values)
    other = kept(tmp_path, ("weights", "memit"), edits, lambda: updates[::-1])
    assert torch.equal(other[0][3].keys, updates[1][3].keys)
    for file in tmp_path.iterdir():
        file.write_bytes(file.read_bytes()[:40])  # as a broken copy leaves it
    assert kept(tmp_path, ("weights", "rome"), edits, lambda: updates) == updates
