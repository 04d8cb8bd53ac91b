"""Editors without a browser: tables, curves, the address, words where nothing is."""

from dataclasses import replace
from pathlib import Path

import pytest

from pages.benchmarks.editors import page as view
from pages.benchmarks.editors.tables import (
    EditorsChoice,
    ManyEditsCurve,
    basis_html,
    curves,
    first_html,
    languages_html,
    many_edits,
    pairs_html,
    single_edits,
    single_html,
    sizes_html,
)
from tests.helpers.experiment_samples import SETTINGS, answered
from tests.helpers.experiment_samples import written as experiment
from tests.helpers.measured_samples import ATLAS_RUN, written
from xkde import paths
from xkde.evaluation.results.experiments import (
    UNTOUCHED,
    experiments,
    open_folder,
    write_size,
)
from xkde.evaluation.results.local_runs import local_runs


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(paths, "ATLAS_RESULTS", tmp_path / "results" / "atlas.json")
    return tmp_path


@pytest.fixture
def many(home: Path) -> list[ManyEditsCurve]:
    """FT-M and ROME at once; another run is not at its end."""
    runs = home / "runs" / "experiments"
    experiment(runs / "ft-m")
    experiment(runs / "rome", replace(SETTINGS, editor="rome"))
    begun = replace(SETTINGS, kind="sequential")
    open_folder(runs / "half", begun)
    write_size(runs / "half", 0, [answered(0, 0, 0.0, refused=2)])
    write_size(runs / "half", 10, [answered(10, 0, 1.0, refused=2)])
    return many_edits(experiments()[0], EditorsChoice(), "en")


def test_a_row_for_each_editor_and_checkpoint(home: Path) -> None:
    runs = home / "runs" / "evaluations"
    for name, cases in (("rome", 10), ("ft-m", 10), ("ft-m", 4)):
        settings = replace(ATLAS_RUN, editor=name, cases=cases)
        written(runs / f"{name}-{cases}", settings, cases=cases, right=0.5)
    found = single_edits(local_runs(), EditorsChoice(), "en")
    assert [its.source.about["editor"] for its in found] == ["ft-m", "rome"]
    share = found[0].means["reliability"]
    assert (share.n, share.mean) == (20, 0.5)  # ten cases in two other languages
    own = single_edits(local_runs(), EditorsChoice(asked_in="own"), "en")[0]
    assert own.means["reliability"].n == 10
    html = single_html(found, EditorsChoice(), "en")
    assert html.count("<tr><th") == 2 and "view=cases" in html
    assert "n 20, edits 10" in html
    assert single_edits(local_runs(), EditorsChoice(source="zh"), "en") == []
    assert "has been measured" in single_html([], EditorsChoice(), "en")


def test_editors_that_surely_differ_are_named(home: Path) -> None:
    runs = home / "runs" / "evaluations"
    for name, right in (("rome", 0.0), ("ft-m", 1.0), ("memit", 0.9)):
        settings = replace(ATLAS_RUN, editor=name, cases=20)
        written(runs / name, settings, cases=20, right=right)
    found = single_edits(local_runs(), EditorsChoice(), "en")
    html = pairs_html(found, EditorsChoice(), "en")
    assert "for all 3 pairs" in html
    assert html.count("surely above ROME") == 2  # FT-M and MEMIT may be chance
    assert html.count("surely above no other") == 1
    assert pairs_html(found[:1], EditorsChoice(), "en") == ""


def test_numbers_after_many_edits(many: list[ManyEditsCurve]) -> None:
    assert [its.run.about["editor"] for its in many] == ["ft-m", "rome"]
    told = many[0]
    assert [told.by_size[size].mean for size in (0, 1, 10, 100)] == [0, 1, 1, 0.5]
    assert set(told.first) == {10, 100}
    assert set(told.by_language) == {"zh"}
    assert told.seconds == 0.5
    html = sizes_html(many, EditorsChoice(), "en")
    assert html.count('scope="col"') == 4 and "n 20" in html
    assert "The first 5 edits" in first_html(many, EditorsChoice(), "en")
    assert "Chinese" in languages_html(many, EditorsChoice(), "en")
    assert "0123456789ab · 2026-01-02 · seed 7" in basis_html([], many, [], "en")


def test_untouched_facts_and_runs_under_way(many: list[ManyEditsCurve]) -> None:
    facts = EditorsChoice(probe=UNTOUCHED)
    told = many_edits(experiments()[0], facts, "en")[0]
    assert told.by_size[100].mean == 0.75
    assert "Nothing is known" in first_html([told], facts, "en")
    (half,) = many_edits(experiments()[0], EditorsChoice(kind="sequential"), "en")
    words = basis_html([], [half], ["<b>broken"], "en")
    assert "edits refused: 2" in words and "not at its end" in words
    assert "<b>broken" not in words


def test_the_picture_tells_lines_apart_without_colour(
    many: list[ManyEditsCurve],
) -> None:
    drawn = curves(many, EditorsChoice(), "en")
    assert [line.name for line in drawn.data] == [its.name for its in many]
    assert len({(line.line.dash, line.marker.symbol) for line in drawn.data}) == 2
    assert list(drawn.data[0].x) == ["0", "1", "10", "100"]
    assert drawn.data[0].error_y.array[3] > 0
    assert curves([], EditorsChoice(), "en") is None


def test_an_address_reopens_a_choice() -> None:
    choice = EditorsChoice("zh", "teacher-forced", "own", "sequential", UNTOUCHED)
    told = dict(pair.split("=") for pair in choice.address().split("&"))
    assert told["view"] == "editors"
    assert EditorsChoice.from_query(told) == choice
    assert EditorsChoice.from_query({"kind": "all", "probe": "<b>"}) == EditorsChoice()


def test_nothing_has_words(home: Path) -> None:
    told = view.render(EditorsChoice(), "zh")
    assert set(told) == set(view.OUTPUTS)
    assert "还没有编辑方法" in told["single"]
    assert "xkde experiments" in told["caption"]
    assert told["curves"].visible is False
