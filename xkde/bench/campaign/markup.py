"""Every text that the app shows is hostile: none may become markup or run.

A run, an experiment, a file of pairs and labels are written with a hostile text in
every field and in their files' names; so are the form's fields, by the address. Every
tab and view is then opened in Chromium. Nothing of the text may run or become an
element, the content policy may not be broken by the page itself, and the app may raise
no error that it has no words for. The text must be seen on every page of ``SHOWN``:
elsewhere nothing was tried.

    python -m xkde campaign markup
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from xkde.bench import browser
from xkde.bench.app import Served, serving
from xkde.checkpoints.catalogue import PAIR_VARIABLE, PAIRS
from xkde.data.preferences.files import Pair, pairs_table, write_pairs
from xkde.evaluation.results import experiments, store
from xkde.evaluation.results.experiments import Answered, ExperimentSettings
from xkde.evaluation.results.rows import Result
from xkde.labelling.records import FailedCase, Label
from xkde.labelling.store import store as store_label
from xkde.text import Json

if TYPE_CHECKING:
    from playwright.sync_api import Page

SEEN = "Hostile"  # stands in every text, so that one sees where it is shown
PAYLOADS = {
    "image": '<img class=evil src=x onerror="window.evil=1">',
    "script": "<script class=evil>window.evil=1</script>",
    "svg": '<svg class=evil onload="window.evil=1"></svg>',
    "attribute": "\"'><b class=evil tabindex=1 autofocus onfocus=window.evil=1>",
    "link": '<a class=evil href="javascript:window.evil=1">a</a>',
    "markdown": "[a](javascript:window.evil=1) ![b](x)",
    "closing": "</textarea></title></style><i class=evil>",
}
# Published and About show no text of anybody.
SHOWN = (
    "edit", "benchmarks measured", "benchmarks editors", "benchmarks cases", "errors",
    "inside", "propagation", "preferences",
)  # fmt: skip
WAIT, LOOKS = 2500, 4  # milliseconds for a tab to fill itself, and how often
LONGEST = 120_000  # milliseconds that a page may take to come
WATCH = """addEventListener("securitypolicyviolation", event => {
  (window.refused ||= []).push(`${event.violatedDirective} ${event.blockedURI}`)
})"""
STATE = """() => ({
  ran: window.evil !== undefined, refused: window.refused || [],
  elements: document.querySelectorAll(".evil").length,
  links: document.querySelectorAll("a[href^='javascript:']").length,
  seen: [document.body.innerText, ...[...document.querySelectorAll("input, textarea")]
    .map(field => field.value)].some(text => text.includes("Hostile"))
})"""


@dataclass(frozen=True)
class LookedAtPage:
    """One page that was opened, whether the text was on it, and what was wrong."""

    page: str
    seen: bool
    wrong: tuple[str, ...]


def look_everywhere(
    payloads: Sequence[str] = (), locales: Sequence[str] = ("en-US", "zh-CN")
) -> list[LookedAtPage]:
    """Open every page with each of the payloads, or with all of them in one text."""
    texts = {name: f"{SEEN} {PAYLOADS[name]}" for name in payloads} or {
        "all": f"{SEEN} {' '.join(PAYLOADS.values())}"
    }
    looked: list[LookedAtPage] = []
    for name, text in texts.items():
        with app_of(text) as served:
            for locale in locales:
                looked += look(served.url, text, f"{name}, {locale}", locale)
            raised = errors_in(served.log)
        if raised:
            looked.append(LookedAtPage(f"the app's log, {name}", False, raised))
    return looked


def errors_in(log: Path) -> tuple[str, ...]:
    """Return the errors that the app had no words for, each once."""
    found, is_traced = dict[str, None](), False
    for line in log.read_text("utf-8", "replace").splitlines():
        if line.startswith("Traceback"):
            is_traced = True
        elif is_traced and line and not line.startswith((" ", "\t")):
            found[line[:200]] = None
            is_traced = False
    return tuple(found)


@contextmanager
def app_of(text: str) -> Iterator[Served]:
    """Run the app with a hostile home."""
    with TemporaryDirectory() as folder:
        environment = hostile_home(Path(folder), text)
        with serving(environment) as served:
            yield served


def look(url: str, text: str, name: str, locale: str = "en-US") -> list[LookedAtPage]:
    """Open every page of a running app that was started with a hostile home."""
    looked = []
    with browser.page(url, locale=locale) as tab:
        tab.add_init_script(WATCH)
        for address in addresses(text):
            tab.goto(f"{url}?{urlencode(address)}", timeout=LONGEST)
            for _ in range(LOOKS):  # a busy machine fills a tab slowly
                tab.wait_for_timeout(WAIT)
                if tab.evaluate(STATE)["seen"]:
                    break
            _hover_over_plots(tab)
            state = tab.evaluate(STATE)
            page = " ".join(address.get(key, "") for key in ("tab", "view")).strip()
            wrong = _wrong(state)
            if page in SHOWN and not state["seen"]:
                wrong += ("the text is not on it, so nothing was tried",)
            looked.append(LookedAtPage(f"{page}, {name}", state["seen"], wrong))
    return looked


def _wrong(state: Json) -> tuple[str, ...]:
    found = [f"the policy refused {each}" for each in state["refused"]]
    if state["ran"]:
        found.append("a script ran")
    if state["elements"] or state["links"]:
        found.append(f"{state['elements'] + state['links']} elements were made")
    return tuple(found)


def _hover_over_plots(tab: "Page") -> None:
    """Move over the first points of what is drawn, whose labels then appear."""
    for plot in tab.locator(".js-plotly-plot:visible").all()[:3]:
        box = plot.bounding_box()
        if box:
            for share in (0.3, 0.5, 0.7):
                tab.mouse.move(
                    box["x"] + share * box["width"], box["y"] + 0.5 * box["height"]
                )
                tab.wait_for_timeout(100)


def addresses(text: str) -> Iterator[dict[str, str]]:
    """Yield the parameters of every tab and view, hostile where one takes a text."""
    run = file_name(text)
    yield {"tab": "edit", "q": text, "a": text, "query": text, "qlang": text}
    for view in ("published", "measured", "cases", "editors"):
        yield {"tab": "benchmarks", "view": view, "benchmark": text, "runs": run,
               "first": run, "table": text, "methods": text, "run": run,
               "find": SEEN, "nth": "1", "file": run, "by": text}  # fmt: skip
    yield {"tab": "errors", "run": run, "session": text, "annotator": text}
    asked = {"q": text, "a": text, "query": text, "qlang": text, "run": run}
    yield {"tab": "inside", **asked}
    yield {"tab": "propagation", **asked}
    yield {"tab": "preferences", "pairs": f"pairs/{run} pairs.parquet", "text": text}
    yield {"tab": text, "view": text}
    yield {"tab": "about"}


def file_name(text: str) -> str:
    """Return a text as the name of a file: no separator, and not too long."""
    return text.replace("/", "\\")[:120].strip()


def hostile_home(folder: Path, text: str) -> dict[str, str]:
    """Write what the app reads into a folder; return the environment that names it."""
    runs, name = folder / "runs", file_name(text)
    _run(runs / name, text)
    _experiment(runs / "experiments" / name, text)
    pair = _filled(
        Pair, text, source="en", target="zh", rejected=f"{text}.",
        chosen_language="zh", rejected_language="zh",
    )  # fmt: skip
    (runs / "pairs").mkdir()
    write_pairs(runs / "pairs" / f"{name} pairs.parquet", pairs_table([pair]))
    case = _filled(
        FailedCase, text, id="a", source="en", target="zh", kind="other_entity",
        evidence="another_name", glosses={},
    )  # fmt: skip
    label = _filled(
        Label, text, case_id="a", severity="major", at="2026-01-02T03:04:05"
    )
    (folder / "labels").mkdir()
    store_label(folder / "labels" / "labels.sqlite3", case, label)
    (folder / "results").mkdir()
    return {
        "XKDE_HOME": str(folder),
        "XKDE_RESULTS": str(folder / "results"),
        PAIR_VARIABLE: ",".join(PAIRS[-1]),
    }


def _run(folder: Path, text: str) -> None:
    settings = store.RunSettings(text, "", 2, text, text, editor=text, base=text)
    rows = [
        _filled(
            Result, text, run=settings.run, benchmark=text, checkpoint=text,
            case=f"{number} {text}", probe=probe, protocol="generated", source="en",
            target="zh", question=0, kind="other", clean=True, exact=number == 1,
        )
        for number in (1, 2) for probe in ("reliability", "locality")
    ]  # fmt: skip
    store.open_store(folder, settings)
    store.append_part(folder, rows, 1.0)
    store.finish(folder, settings, {"xkde": text})


def _experiment(folder: Path, text: str) -> None:
    settings = ExperimentSettings(
        "batch", text, text, text, "en", (1, 2), "ab" * 32, tested=1, again=1, facts=1
    )
    experiments.open_folder(folder, settings)
    for size in (0, *settings.sizes):
        row = _filled(
            Answered, text, size=size, group=0, place=0, is_even=True, split="test",
            probe="reliability", target="zh", exact=True,
        )  # fmt: skip
        experiments.write_size(folder, size, [row])
    experiments.finish(folder, settings, {"date": text, "versions": {text: text}})


def _filled(record: type, text: str, /, **known: object) -> Any:
    """Return a record whose texts are all hostile, but for what is known."""
    plain: dict[str, object] = {
        "str": text,
        "str | None": text,
        "int": 1,
        "bool": False,
    }
    values = {
        field.name: plain.get(str(getattr(field.type, "__name__", field.type)))
        for field in fields(record)
    }
    return record(**values | known)
