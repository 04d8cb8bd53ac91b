"""An evaluation as a process: started once, told of by files, ended, gone on with.

The process here is a stand-in that sleeps, or says something and ends: what is tested
is the bookkeeping around it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.measured_samples import ATLAS_RUN, under_way, written
from xkde import paths
from xkde.errors import InputError, XkdeError
from xkde.evaluation.run import background
from xkde.evaluation.run.background import Order, born, cancel, expected_rows, started
from xkde.evaluation.run.questions import ChosenCases, choose
from xkde.writing import write_aside

ORDER = Order(directions="en-zh", limit=3)
SLEEPS = "import time; time.sleep(60)"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    folder = tmp_path / "checkpoints" / "atlas-xe-it"
    folder.mkdir(parents=True)
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(folder.parent))
    yield tmp_path
    for process in background._children.values():
        process.kill()
        process.wait()
    background._children.clear()


def process(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Let the next process run some other code."""
    real = subprocess.Popen

    def popen(command: list[str], **options: object) -> subprocess.Popen[bytes]:
        assert command[:3] == [sys.executable, "-m", "xkde"]
        return real([sys.executable, "-c", code], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(background.subprocess, "Popen", popen)


def ended() -> None:
    """Wait until the process that was started has ended."""
    for child in background._children.values():
        child.wait(30)


def test_nothing_was_started(home: Path) -> None:
    assert started() is None
    assert cancel() is None


def test_one_at_a_time_then_cancelled_then_gone_on_with(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(monkeypatch, SLEEPS)
    now = background.start(ORDER)
    assert (now.state, now.done, now.order) == ("running", 0, ORDER)
    assert now.total == 2 * sum(1 for _ in _asked(choose("atlas", "en-zh", limit=3)))
    assert now.left is None  # nothing is there to tell by
    with pytest.raises(InputError, match="under way already"):
        background.start(Order(limit=5))
    under_way(ORDER.folder, ATLAS_RUN)
    told = started()
    assert told is not None
    assert told.done == 24
    assert told.left is not None
    child = background._children.popitem()[1]  # as if the app had been started anew
    told = started()
    assert told is not None
    assert told.state == "running"
    told = cancel()
    assert told is not None
    assert (told.state, told.done) == ("stopped", 24)
    child.wait(30)
    again = background.start(told.order)
    assert (again.state, again.before) == ("running", 24)
    cancel()


STARTS = """
import subprocess, sys
from xkde.errors import XkdeError
from xkde.evaluation.run import background
real = subprocess.Popen
background.subprocess.Popen = lambda command, **options: real(
    [sys.executable, "-c", "import time; time.sleep(60)"], **options)
try:
    background.start(background.Order(directions="en-zh", limit=int(sys.argv[1])))
except XkdeError as error:
    print(error)
else:
    print("started")
"""


def test_two_apps_start_one_evaluation(home: Path) -> None:
    """Both ask at the same moment; the lock is between processes."""
    apps = [
        subprocess.Popen(
            [sys.executable, "-c", STARTS, str(limit)],
            stdout=subprocess.PIPE, text=True, cwd=paths.ROOT,
        )
        for limit in (3, 4)
    ]  # fmt: skip
    said = sorted(app.communicate(timeout=60)[0].strip() for app in apps)
    now = started()
    assert now is not None
    cancel()
    assert said.count("started") == 1
    refused = next(words for words in said if words != "started")
    assert "under way already" in refused or "in use by process" in refused


def _asked(chosen: ChosenCases) -> Iterator[int]:
    for case in chosen.cases:
        yield from range(len(case.probes))


def test_what_a_failed_one_said_last_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(monkeypatch, "print('first'); print('It has no chat template.\\n')")
    background.start(ORDER)
    ended()
    told = started()
    assert told is not None
    assert (told.state, told.words) == ("stopped", "It has no chat template.")


def test_a_finished_one_is_not_measured_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process(monkeypatch, "pass")
    background.start(ORDER)
    ended()
    written(ORDER.folder)
    told = started()
    assert told is not None
    assert (told.state, told.done) == ("finished", told.total)
    with pytest.raises(InputError, match="measured already"):
        background.start(ORDER)


@pytest.mark.parametrize(
    "order",
    [
        Order(checkpoint="nowhere/nothing"),
        Order(checkpoint="no such name"),
        Order(benchmark="/no/such/file.json"),
        Order(directions="en"),
        Order(directions="en-xx"),
    ],
)
def test_what_cannot_be_is_refused_in_words(home: Path, order: Order) -> None:
    with pytest.raises(XkdeError):
        background.start(order)
    assert started() is None


def test_a_damaged_file_is_none(home: Path) -> None:
    file = paths.runs() / "evaluations" / "started.json"
    write_aside(file, json.dumps({"pid": 1}))
    assert started() is None


def test_a_process_is_known_by_its_birth() -> None:
    child = subprocess.Popen([sys.executable, "-c", SLEEPS])
    birth = born(child.pid)
    assert birth == born(child.pid) != ""
    child.kill()
    child.wait()
    time.sleep(0.01)
    assert born(child.pid) == ""


def test_equal_orders_share_a_folder() -> None:
    assert ORDER.folder == Order(directions="en-zh", limit=3).folder
    assert ORDER.folder != Order(directions="en-zh", limit=4).folder
    odd = Order(checkpoint="/tmp/a b/c", directions="en-zh, zh-en").folder.name
    assert "/" not in odd
    assert " " not in odd


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Order(benchmark="/a/test.json"), Order(benchmark="/b/test.json")),
        (Order(benchmark="test.json"), Order(benchmark="test")),
        (Order(checkpoint="/a/model"), Order(checkpoint="/b/model")),
        (Order(checkpoint="a" * 200, limit=1), Order(checkpoint="a" * 200, limit=2)),
        (Order(checkpoint="x/atlas-base"), Order(checkpoint="atlas-base")),
    ],
)
def test_other_orders_have_other_folders(one: Order, other: Order) -> None:
    assert one.folder != other.folder
    assert one.folder == replace(one).folder
    assert max(len(one.folder.name), len(other.folder.name)) <= 120


def test_orders_of_known_names_keep_their_folders() -> None:
    order = Order(checkpoint="Qwen/Qwen2.5-0.5B-Instruct")
    kept = "Qwen2.5-0.5B-Instruct_atlas_en-zh_zh-en_both_x-kde_50"
    assert order.folder.name == kept
    assert Order().folder.name == "atlas-xe-it_atlas_en-zh_zh-en_both_x-kde_50"


def test_expected_rows_of_both_protocols() -> None:
    chosen = choose("atlas", "en-zh,zh-en", limit=4)
    assert expected_rows(chosen, "both") == 2 * expected_rows(chosen, "generated")
