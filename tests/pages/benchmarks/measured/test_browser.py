"""Measured here and Cases as a visitor meets them, in Chromium, with runs of one home.

Same rules as in ``tests.pages.test_browser``: nothing outside the app is fetched,
nothing is thrown, nothing scrolls sideways, and axe finds nothing but Gradio's own two.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.helpers.app_server import running, some_results, two_models
from tests.helpers.measured_samples import ATLAS_RUN, under_way, written
from tests.helpers.visits import IN_BROWSER, LOOKS, Visit
from xkde.bench import browser
from xkde.bench.app import Served

pytestmark = IN_BROWSER

PLAIN = replace(ATLAS_RUN, checkpoint="atlas-base", editor="none")
STILL = 900  # milliseconds in which an answer of the server is shown
MEASURED = "?tab=benchmarks&view=measured"
CASES = "?tab=benchmarks&view=cases"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with an edited run, an unedited one, one under way and a broken one."""
    folder = tmp_path_factory.mktemp("home")
    runs = folder / "runs" / "evaluations"
    written(runs / "xe-it", cases=30, right=0.8)
    written(runs / "plain", PLAIN, cases=30, right=0.1)
    under_way(runs / "half", replace(ATLAS_RUN, benchmark="bizsre"))
    file = written(runs / "broken") / "results.parquet"
    file.write_bytes(file.read_bytes()[:99])
    return folder


@pytest.fixture(scope="module")
def shop(
    home: Path, atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The running app with that home."""
    models = two_models(atlas_folder, tmp_path_factory.mktemp("models"))
    results = some_results(tmp_path_factory.mktemp("results"))
    with running(models, XKDE_HOME=str(home), XKDE_RESULTS=results) as served:
        yield served


@pytest.fixture
def visit(shop: Served, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with browser.page(shop.url, **getattr(request, "param", {})) as tab:
        yield Visit(tab, shop.url)


def opened(visit: Visit, query: str, sign: str) -> Any:
    """Open a view by a link and wait for what is shown of it."""
    visit.tab.goto(visit.url + query)
    visit.tab.locator(sign).first.wait_for()
    visit.tab.wait_for_timeout(STILL)
    return visit.tab


def measured(visit: Visit, more: str = "") -> Any:
    """Open the view on two of the runs made here: shipped ones stand before them."""
    more = more or "&first=evaluations%2Fxe-it&second=evaluations%2Fplain"
    return opened(visit, MEASURED + more, "#measured-probes table")


def cases(visit: Visit, more: str = "") -> Any:
    return opened(visit, CASES + more, "#case-shown .place")


def found(tab: Any, words: str) -> None:
    """Wait until this is said of the answers found."""
    tab.locator("#case-status").get_by_text(words).wait_for()


def reads(tab: Any, place: str) -> None:
    """Wait until this is the answer that is shown, as "Answer 4 of 30"."""
    tab.locator("#case-shown").get_by_text(place).first.wait_for()


def in_address(tab: Any, *words: str) -> None:
    for word in words:
        tab.wait_for_function("word => location.search.includes(word)", arg=word)


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_both_views_open_in_every_look(visit: Visit) -> None:
    tab = measured(visit)
    tab.locator("#measured-panel .js-plotly-plot").first.wait_for()
    assert tab.locator("#measured-languages tbody tr").count() == 12
    assert tab.locator("#measured-gaps td b").count() == 16
    assert tab.locator("#measured-panel .js-plotly-plot").count() == 2
    assert tab.locator("#measured-pair tbody tr").count() == 7
    tab.locator("#measured-found button").first.click()
    tab.locator("#measured-found .broken").wait_for()
    tab.locator("#start button").first.click()
    tab.locator("#start-begin").wait_for()
    visit.check()
    tab.locator("#view-cases-button").click()
    tab.locator("#case-shown .place").wait_for()
    tab.locator("#case-more button").first.click()
    tab.wait_for_timeout(STILL)
    assert tab.locator("#case-list button").count() == 25
    assert tab.locator("#case-shown .pane").count() == 2
    visit.check()


def test_from_a_number_to_the_answer_to_edit_and_ask(visit: Visit) -> None:
    tab = measured(visit)
    tab.locator("#measured-languages button").last.click()
    found(tab, "30 of 720 answers")
    in_address(tab, "view=cases", "run=evaluations%2Fxe-it", "target=zh")
    tab.locator("#case-list button").nth(3).click()
    reads(tab, "Answer 4 of 30")
    link = str(tab.evaluate("location.href"))
    tab.get_by_role("tab", name="Measured here").click()
    in_address(tab, "view=measured")
    tab.wait_for_function("!location.search.includes('run=')")
    opened(visit, link.removeprefix(visit.url), "#case-shown .place")
    reads(tab, "Answer 4 of 30")
    tab.get_by_role("link", name="Open in Edit & Ask").click()
    tab.locator("#ask").wait_for()
    tab.wait_for_function(
        "document.querySelector('#new-answer :is(input, textarea)').value === 'City 3'"
    )
    assert visit.wrong == []


def test_another_number_opens_other_cases(visit: Visit) -> None:
    tab = measured(visit)
    tab.locator("#measured-languages button").last.click()
    found(tab, "30 of 720")
    tab.get_by_role("tab", name="Measured here").click()
    tab.locator("#measured-pair tbody tr button").first.click()
    found(tab, "63 of 720")  # 24 of 30 right, 3 of them without: 21 × 3
    in_address(tab, "versus=only_this")
    assert visit.wrong == []


def test_no_empty_picture_is_seen_before_plotly_comes(visit: Visit) -> None:
    held: list[Any] = []
    visit.tab.route("**/PlotlyPlot-*.js", lambda route: held.append(route))
    tab = measured(visit)
    empty = tab.locator("#measured-panel .picture .empty")
    empty.first.wait_for(state="attached")
    assert not any(place.is_visible() for place in empty.all())
    visit.check()
    held[0].continue_()
    tab.locator("#measured-panel .js-plotly-plot").first.wait_for()
    expect(empty).to_have_count(0)


def test_a_bar_leads_to_its_answers(visit: Visit) -> None:
    tab = measured(visit)
    bar = tab.locator("#measured-panel .js-plotly-plot .point path").last
    bar.scroll_into_view_if_needed()
    tab.wait_for_timeout(STILL)
    box = bar.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    in_address(tab, "view=cases", "probe=portability")
    tab.locator("#case-shown .place").wait_for()
    assert visit.wrong == []


def test_choices_are_in_the_address_which_reopens_them(visit: Visit) -> None:
    tab = measured(visit)
    tab.locator("#measured-panel").get_by_text(
        "teacher-forced", exact=True
    ).first.click()
    in_address(tab, "protocol=teacher-forced")
    tab.get_by_label("Only questions without defects").check()
    in_address(tab, "defects=clean")
    link = str(tab.evaluate("location.href"))
    measured(visit, link.removeprefix(visit.url).removeprefix(MEASURED))
    assert tab.get_by_label("Only questions without defects").is_checked()
    tab.locator("#language").click()
    tab.get_by_text("教师强制掩盖了什么").wait_for()
    assert "protocol=teacher-forced" in tab.url
    assert visit.wrong == []


def test_filters_and_a_file(visit: Visit, tmp_path: Path) -> None:
    tab = cases(visit)
    tab.get_by_label("Find").fill("Land 7")
    found(tab, "12 of 720")  # four probes, three languages
    in_address(tab, "find=Land+7")
    tab.locator("#case-file button").last.click()
    tab.locator("#cases-panel a[download]").first.wait_for()
    with tab.expect_download() as download:
        tab.locator("#cases-panel a[download]").first.click()
    target = tmp_path / "cases.csv"
    download.value.save_as(target)
    assert len(target.read_text(encoding="utf-8").splitlines()) == 13
    tab.get_by_label("Find").fill("nowhere")
    found(tab, "0 of 720")
    tab.locator("#case-list").get_by_text("No answer matches").wait_for()
    tab.get_by_role("button", name="Clear filters").last.click()
    found(tab, "720 of 720")
    assert visit.wrong == []


def test_an_evaluation_is_started_reloaded_and_ended(visit: Visit) -> None:
    tab = measured(visit)
    tab.locator("#start button").first.click()
    # Enough for a tiny model to be under way still when the page is opened again.
    tab.get_by_label("Directions, edit-query").fill("en-all,zh-all")
    tab.locator("#start-begin").click()
    tab.get_by_text("is under way").wait_for()
    measured(visit)
    tab.locator("#start button").first.click()
    tab.get_by_text("is under way").wait_for()
    tab.locator("#start-stop").click()
    tab.get_by_text("has stopped").wait_for()
    tab.get_by_role("button", name="Go on").click()
    tab.get_by_text("is under way").wait_for()
    tab.locator("#start-stop").click()
    tab.get_by_text("has stopped").wait_for()
    assert visit.wrong == []


def test_nothing_measured_has_words(tmp_path: Path) -> None:
    environment = {"XKDE_HOME": str(tmp_path / "empty"), "SPACE_ID": "a/b"}
    with (
        running(tmp_path / "nowhere", **environment) as served,
        browser.page(served.url) as tab,
    ):
        visit = Visit(tab, served.url)
        tab.goto(served.url + MEASURED + "&benchmark=gone")
        # The shipped table is there without any home, and so is its picture.
        tab.locator("#measured-basis .provenance").wait_for()
        tab.locator("#measured-panel .js-plotly-plot").first.wait_for()
        tab.locator("#start button").first.click()
        tab.get_by_text("cannot be started on a public Space").wait_for()
        # Gradio's own toast, which is not to be judged, leaves by itself.
        tab.wait_for_function("!document.querySelector('.toast-body')")
        visit.check()
