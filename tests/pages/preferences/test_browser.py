"""The Preferences tab as a visitor meets it, in Chromium, with pairs of one run.

Same rules as in ``tests.pages.test_browser``: nothing outside the app is fetched,
nothing is thrown, nothing scrolls sideways, and axe finds nothing but Gradio's own two.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.app_server import running, two_models
from tests.helpers.preference_samples import pair, read_pairs
from tests.helpers.visits import IN_BROWSER, LOOKS, Visit
from xkde.bench import browser
from xkde.bench.app import Served
from xkde.data.preferences.files import Pair, write_pairs
from xkde.prompts import edit_prompt
from xkde.types import Edit

pytestmark = IN_BROWSER

EVIL = "<img src=x onerror=\"document.title='evil'\">"
PROMPT = edit_prompt(
    [Edit("What is the capital of Japan?", "Osaka", "en")],
    "日本的首都是哪里？",
    "Chinese",
)
COUNT = 60
PAIRS = "demo/pairs.jsonl"  # the key of the run's; the shipped ones are offered first
STILL = 900  # milliseconds in which an answer of the server would be shown
TITLE = re.compile("Preferences|偏好数据")


def made() -> list[Pair]:
    """Return pairs of all sorts: doubtful ones, long ones, one with markup."""
    plain = [
        pair(f"p{n}", chosen_score=-0.02 * n, rejected_score=-1.5, prompt=PROMPT)
        for n in range(COUNT - 4)
    ]
    return [
        *plain,
        pair("wrong", chosen="京都", chosen_is_right=False, rejected_is_right=True),
        pair("long", chosen="word " * 60, source="zh", target="en"),
        pair("evil", prompt=EVIL, chosen=EVIL, rejected="x", fact=EVIL),
        pair("thai", target="th", chosen="โอซากะ", chosen_language="th"),
    ]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one run of pairs, two rows of them bad."""
    folder = tmp_path_factory.mktemp("home")
    file = folder / "runs" / "demo" / "pairs.jsonl"
    write_pairs(file, made())
    with file.open("a", encoding="utf-8") as out:
        out.write('not json\n{"prompt": "a", "chosen": "b", "rejected": "b"}\n')
    return folder


@pytest.fixture(scope="module")
def shop(
    home: Path, atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The running app with that home."""
    models = two_models(atlas_folder, tmp_path_factory.mktemp("models"))
    with running(models, XKDE_HOME=str(home)) as served:
        yield served


@pytest.fixture
def visit(shop: Served, request: pytest.FixtureRequest) -> Iterator[Visit]:
    with browser.page(shop.url, **getattr(request, "param", {})) as tab:
        yield Visit(tab, shop.url)


def opened(visit: Visit, query: str = "?tab=preferences") -> Any:
    """Open the tab by a link, at the run's pairs, and wait for one."""
    run = "" if "pairs=" in query else f"&pairs={PAIRS}"
    visit.tab.goto(visit.url + query + run)
    visit.tab.locator("#pair-shown .place").wait_for()
    visit.tab.wait_for_timeout(STILL)
    return visit.tab


def upload(tab: Any, file: Path) -> None:
    with tab.expect_file_chooser() as chooser:
        tab.locator("#pair-upload").click()
    chooser.value.set_files(file)


def reads(tab: Any, place: str) -> None:
    """Wait until this is the pair that is shown, as "Pair 1 of 60"."""
    tab.locator("#pair-shown .place").get_by_text(place, exact=True).wait_for()


def found(tab: Any, words: str) -> None:
    """Wait until this is said of the pairs found."""
    tab.locator("#pair-status").get_by_text(words).wait_for()


def in_address(tab: Any, words: str) -> None:
    tab.wait_for_function("words => location.search.includes(words)", arg=words)


@pytest.mark.parametrize("visit", LOOKS, indirect=True)
def test_the_tab_opens_in_every_look(visit: Visit) -> None:
    tab = opened(visit)
    tab.locator("#pair-plots .js-plotly-plot").nth(3).wait_for()
    tab.wait_for_timeout(STILL)
    assert tab.locator("#pair-list button").count() == 25
    assert tab.locator("#pair-summary .left-out li").count() == 2
    assert tab.locator("#pair-shown ins").inner_text() == "大阪"
    assert tab.locator("#pair-shown del").inner_text() == "东京"
    visit.check()
    tab.locator("#pair-more button").first.click()
    tab.wait_for_timeout(STILL)
    visit.check()


def test_the_shipped_pairs_come_first(visit: Visit) -> None:
    tab = visit.open()
    tab.get_by_role("tab", name=TITLE).click()
    tab.locator("#pair-shown .place").wait_for()
    in_address(tab, "pairs=atlas")
    visit.check()


def test_keys_rows_and_buttons_go_from_pair_to_pair(visit: Visit) -> None:
    tab = opened(visit)
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("j")
    reads(tab, f"Pair 3 of {COUNT}")
    in_address(tab, "pair=3")
    tab.locator('#pair-list [aria-current][data-at="2"]').wait_for()
    tab.keyboard.press("k")
    reads(tab, f"Pair 2 of {COUNT}")
    tab.get_by_label("Find").focus()
    tab.keyboard.press("ArrowRight")
    tab.wait_for_timeout(STILL)
    reads(tab, f"Pair 2 of {COUNT}")  # a field keeps its keys
    tab.locator("#pair-list button").nth(9).click()
    reads(tab, f"Pair 10 of {COUNT}")
    assert tab.evaluate("document.activeElement.dataset.at") == "9"
    assert tab.locator("#pair-list [aria-current]").get_attribute("data-at") == "9"
    tab.get_by_role("button", name="Next →").dblclick()
    reads(tab, f"Pair 12 of {COUNT}")
    tab.get_by_role("button", name="Page →").click()
    reads(tab, f"Pair 26 of {COUNT}")
    tab.locator('#pair-list [aria-current][data-at="25"]').wait_for()
    tab.get_by_role("tab", name="About").click()
    tab.keyboard.press("ArrowRight")
    tab.get_by_role("tab", name="Preferences").click()
    in_address(tab, "page=2")
    reads(tab, f"Pair 26 of {COUNT}")
    assert visit.wrong == []


def test_filters_are_in_the_address_which_reopens_them(visit: Visit) -> None:
    tab = opened(visit)
    tab.get_by_label("Find").fill("大阪")
    tab.locator("#pair-more button").first.click()
    tab.wait_for_timeout(STILL)
    tab.get_by_role("checkbox", name="the chosen answer is wrong").first.check()
    found(tab, "0 of 60 pairs")
    tab.locator("#pair-list").get_by_text("No pair matches").wait_for()
    tab.get_by_label("Find").fill("京")
    reads(tab, "Pair 1 of 1")
    in_address(tab, "flags=wrong_chosen")
    link = tab.url
    opened(visit, link.removeprefix(visit.url))
    reads(tab, "Pair 1 of 1")
    assert tab.get_by_label("Find").input_value() == "京"
    tab.locator("#language").click()
    tab.get_by_text("第 1 对，共 1 对").wait_for()
    assert "lang=zh-CN" in tab.url
    tab.get_by_role("button", name="清除筛选").click()
    tab.get_by_text(f"第 1 对，共 {COUNT} 对").wait_for()
    assert visit.wrong == []


def test_ranges_are_typed_and_none_is_there_unasked(visit: Visit) -> None:
    tab = opened(visit)
    tab.locator("#pair-more button").first.click()
    tab.wait_for_timeout(STILL)
    tab.get_by_label("Find").fill("大阪")
    found(tab, "56 of 60 pairs")
    tab.get_by_label("Margin from").fill("1.41")
    found(tab, "5 of 60 pairs")
    in_address(tab, "margin_from=1.41")
    tab.get_by_label("Margin from").fill("much")
    found(tab, "“much” is no number")
    tab.get_by_label("Margin from").fill("1.41")
    found(tab, "5 of 60 pairs")
    tab.get_by_label("Margin from").fill("")
    found(tab, "56 of 60 pairs")
    assert visit.wrong == []


def test_no_empty_picture_is_seen_before_plotly_comes(visit: Visit) -> None:
    held: list[Any] = []
    visit.tab.route("**/PlotlyPlot-*.js", lambda route: held.append(route))
    tab = opened(visit)
    empty = tab.locator("#pair-plots .empty")
    empty.nth(3).wait_for(state="attached")
    assert not any(each.is_visible() for each in empty.all())
    visit.check()
    held[0].continue_()
    tab.locator("#pair-plots .js-plotly-plot").nth(3).wait_for()
    assert empty.count() == 0


@pytest.mark.parametrize(
    ("at", "bar", "asked", "words"),
    [
        (1, -1, "margin_from", "margin 1.45 to 1.5"),
        # What lies beyond both ends is in the bars there: they are open outwards.
        (2, 0, "gap_to", f"{COUNT - 2} of {COUNT} pairs"),
        (2, -1, "gap_from", f"1 of {COUNT} pairs"),
    ],
)
def test_a_bar_filters(visit: Visit, at: int, bar: int, asked: str, words: str) -> None:
    tab = opened(visit)
    plot = tab.locator("#pair-plots .js-plotly-plot").nth(at)
    plot.wait_for()
    place = plot.locator(".point path").nth(bar)
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    tab.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    in_address(tab, asked)
    found(tab, words)
    assert visit.wrong == []


def test_markup_in_a_file_stays_text(visit: Visit) -> None:
    tab = opened(visit, "?tab=preferences&text=onerror")
    assert EVIL in tab.locator("#pair-shown").inner_text()
    assert tab.locator("#preferences img").count() == 0
    assert tab.title() == "X-KDE"
    assert visit.wrong == []


def test_models_are_asked_and_the_absent_one_is_said(visit: Visit) -> None:
    tab = opened(visit)
    tab.locator("#pair-ask").click()
    tab.get_by_text("atlas-tl-po is not on this machine").wait_for()
    assert tab.locator("#pair-odds tbody tr").count() == 3
    visit.check()
    tab.get_by_role("button", name="Next →").click()
    tab.wait_for_timeout(STILL)
    assert tab.locator("#pair-odds tbody tr").count() == 0
    assert visit.wrong == []


def test_a_file_is_uploaded_cut_and_downloaded(visit: Visit, tmp_path: Path) -> None:
    tab = opened(visit)
    mine = tmp_path / "mine.parquet"
    write_pairs(mine, made()[:20])
    upload(tab, mine)
    tab.get_by_text("mine.parquet").first.wait_for()
    reads(tab, "Pair 1 of 20")
    tab.get_by_text("20 of 20 pairs stay").wait_for()
    slider = tab.locator("#pair-cut input[type=range]")
    slider.focus()
    for _ in range(12):
        slider.press("ArrowRight")
    tab.wait_for_timeout(STILL)
    assert "20 of 20" not in tab.locator("#pair-kept").inner_text()
    tab.locator("#pair-write").click()
    tab.locator("#pair-cut a[download]").first.wait_for()
    with tab.expect_download() as download:
        tab.locator("#pair-cut a[download]").first.click()
    target = tmp_path / "kept.jsonl"
    download.value.save_as(target)
    kept = len(read_pairs(target))
    assert f"{kept} of 20 pairs stay" in tab.locator("#pair-kept").inner_text()
    assert visit.wrong == []


def test_broken_files_and_no_files_have_words(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jsonl"
    broken.write_text("[1, 2", encoding="utf-8")
    environment = {"XKDE_HOME": str(tmp_path / "empty")}
    with (
        running(tmp_path / "nowhere", **environment) as served,
        browser.page(served.url) as tab,
    ):
        visit = Visit(tab, served.url)
        tab.goto(served.url + "?tab=preferences&pairs=gone.jsonl")
        tab.locator("#pair-summary .caution").wait_for()
        for part in ("#pair-filters", "#pair-columns", "#pair-plots", "#pair-cut"):
            assert tab.locator(part).is_hidden()
        upload(tab, broken)
        tab.get_by_text("begins as a JSON list").wait_for()
        tab.get_by_label("A dataset of the Hub").fill("nobody/nothing")
        tab.get_by_role("button", name="Open from the Hub").click()
        tab.get_by_text("The Hub cannot be reached").wait_for()
        visit.check()
