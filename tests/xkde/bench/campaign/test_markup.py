"""Hostile texts stay texts in every tab; one that would run is found."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from xkde.bench import browser
from xkde.bench.campaign.markup import (
    PAYLOADS,
    SEEN,
    SHOWN,
    errors_in,
    file_name,
    hostile_home,
    look,
    look_everywhere,
)
from xkde.evaluation.results.experiments import experiments
from xkde.evaluation.results.local_runs import local_runs, opened

chromium = pytest.mark.skipif(browser.chromium() is None, reason="no Chromium here")
TEXT = f"{SEEN} {' '.join(PAYLOADS.values())}"


def test_what_the_app_reads_is_hostile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that the app would refuse would try nothing."""
    for name, value in hostile_home(tmp_path, TEXT).items():
        monkeypatch.setenv(name, value)
    [run] = [each for each in local_runs() if each.key == file_name(TEXT)]
    assert run.state == "finished"
    rows = opened(run)
    assert set(rows["query"]) == set(rows["relation"]) == {TEXT}
    assert any(each.about["checkpoint"] == TEXT for each in experiments()[0])


class Careless(BaseHTTPRequestHandler):
    """A page that shows what its address holds as it stands."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"<html><body>{TEXT}</body></html>".encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def careless() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Careless)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.browser
@pytest.mark.slow
@chromium
def test_what_runs_is_found(careless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xkde.bench.campaign.markup.WAIT", 300)
    monkeypatch.setattr("xkde.bench.campaign.markup.LOOKS", 1)
    looked = look(careless, TEXT, "careless")
    assert looked
    assert all("a script ran" in each.wrong for each in looked)


@pytest.mark.browser
@pytest.mark.slow
@chromium
def test_nothing_becomes_markup_in_any_tab() -> None:
    looked = look_everywhere(locales=("en-US",))
    assert {each.page: each.wrong for each in looked if each.wrong} == {}
    assert {each.page.split(",")[0] for each in looked if each.seen} >= set(SHOWN)


def test_errors_without_words_are_found_in_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text('Running\nTraceback (most recent call last):\n  File "a.py"\n'
                   "KeyError: 'x'\nRunning\n" * 2, encoding="utf-8")  # fmt: skip
    assert errors_in(log) == ("KeyError: 'x'",)
