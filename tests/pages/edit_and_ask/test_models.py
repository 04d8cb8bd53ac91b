"""On a Space the owner decides what is downloaded, and who began it ends it."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from pages.edit_and_ask import models
from pages.shell.pool import DOWNLOADS_VARIABLE, offered
from xkde.engines.pool import Status
from xkde.hub import DownloadPlan

NAME = "Qwen/Qwen2.5-0.5B-Instruct"
PLAN = DownloadPlan(
    endpoint="", repository=NAME, revision=None, commit="c" * 40, files=(), bytes=10,
    bytes_here=0, licence="", gated=False, allowed=True, free_bytes=10**12,
    dtypes={"BF16": 1000},
)  # fmt: skip


class FakePool:
    """Remembers what is downloaded and cancelled."""

    def __init__(self) -> None:
        self.phase: Any = "absent"
        self.downloaded: list[str] = []
        self.cancelled: list[str] = []

    def status(self, name: str) -> Status:
        return Status(name, self.phase)

    def download(self, _: DownloadPlan, name: str) -> None:
        self.downloaded.append(name)
        self.phase = "downloading"

    def cancel(self, name: str) -> None:
        self.cancelled.append(name)

    def wait(self, name: str, _: float) -> Status:
        return self.status(name)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> FakePool:
    fake = FakePool()
    monkeypatch.setattr(models, "POOL", fake)
    monkeypatch.setattr(models, "plans", {NAME: PLAN})
    monkeypatch.setattr(models, "began", {})
    monkeypatch.setenv("SPACE_ID", "someone/x-kde")
    monkeypatch.delenv(DOWNLOADS_VARIABLE, raising=False)
    return fake


def visitor(session: str) -> Any:
    request = SimpleNamespace(query_params={}, headers={})
    return SimpleNamespace(
        session_hash=session, request=request, query_params={}, headers={}
    )


def test_a_space_offers_what_is_there(
    pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert NAME not in offered()
    assert "atlas-base" in offered()
    with pytest.raises(gr.Error, match="its list only"):
        models.permitted(NAME, "en")
    with pytest.raises(gr.Error):
        models._download(NAME, NAME, visitor("a"))
    assert pool.downloaded == []
    monkeypatch.setenv(DOWNLOADS_VARIABLE, f"other/model, {NAME}")
    assert NAME in offered()
    models._download(NAME, NAME, visitor("a"))
    assert pool.downloaded == [NAME]


def test_who_began_a_download_ends_it(
    pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DOWNLOADS_VARIABLE, NAME)
    models._download(NAME, NAME, visitor("a"))
    models._cancel(NAME, NAME, visitor("b"))
    assert pool.cancelled == []
    models._cancel(NAME, NAME, visitor("a"))
    assert set(pool.cancelled) == {NAME}
    monkeypatch.delenv("SPACE_ID")
    assert models.may_cancel(NAME, "anybody on this machine")


def test_what_memory_cannot_hold_is_not_offered(
    pool: FakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DOWNLOADS_VARIABLE, NAME)
    large = replace(PLAN, dtypes={"F16": 10**13})
    monkeypatch.setattr(models, "plans", {NAME: large})
    assert "memory" in models.plan_words(NAME, "en")
    assert not models.render_panel(NAME, NAME, "en")[3].visible
    with pytest.raises(gr.Error):
        models._download(NAME, NAME, visitor("a"))
    assert pool.downloaded == []
