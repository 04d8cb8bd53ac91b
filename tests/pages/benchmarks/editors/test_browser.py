"""The view Editors as a visitor meets it, in Chromium, with a tiny experiment.

Same rules as in ``tests.pages.test_browser``: nothing outside the app is fetched,
nothing is thrown, nothing scrolls sideways, and axe finds nothing but Gradio's own two.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.app_server import running, some_results, two_models
from tests.helpers.experiment_samples import SETTINGS
from tests.helpers.experiment_samples import written as experiment
from tests.helpers.measured_samples import ATLAS_RUN, written
from tests.helpers.visits import IN_BROWSER, LOOKS, Visit
from xkde.bench import browser
from xkde.bench.app import Served

pytestmark = IN_BROWSER

EDITORS = "?tab=benchmarks&view=editors"


@pytest.fixture(scope="module")
def shop(
    atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The running app with two editors, one edit at a time and many at once."""
    home = tmp_path_factory.mktemp("home")
    runs = home / "runs"
    for name, right in (("ft-m", 0.5), ("rome", 0.8)):
        written(runs / "evaluations" / name, replace(ATLAS_RUN, editor=name), 20, right)
        experiment(runs / "experiments" / name, replace(SETTINGS, editor=name))
    models = two_models(atlas_folder, tmp_path_factory.mktemp("models"))
    results = some_results(tmp_path_factory.mktemp("results"))
    with running(models, XKDE_HOME=str(home), XKDE_RESULTS=results) as served:
        yield served


@pytest.fixture
def visit(shop: Served, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with browser.page(shop.url, **getattr(request, "param", {})) as tab:
        yield Visit(tab, shop.url)


def opened(visit: Visit, more: str = "") -> Any:
    visit.tab.goto(visit.url + EDITORS + more)
    visit.tab.locator("#editors-single tbody tr").first.wait_for()
    return visit.tab


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_tables_and_curves_in_every_look(visit: Visit) -> None:
    tab = opened(visit)
    tab.locator("#editors-panel .js-plotly-plot .scatterlayer .trace").nth(1).wait_for()
    assert tab.locator("#editors-single tbody tr").count() >= 2
    assert tab.locator("#editors-sizes thead th").count() == 4
    assert tab.locator("#editors-languages tbody tr").count() == 1
    visit.check()


def test_a_choice_is_in_the_address_and_empty_ones_have_words(visit: Visit) -> None:
    tab = opened(visit, "&probe=untouched")
    tab.locator("#editors-sizes").get_by_text("untouched facts").wait_for()
    tab.get_by_label("one after another").check()
    tab.locator("#editors-panel").get_by_text("xkde experiments batch").wait_for()
    tab.wait_for_function("location.search.includes('kind=sequential')")
    tab.get_by_label("all at once").check()
    tab.locator("#editors-sizes tbody tr").first.wait_for()
    visit.check()
