"""The pool: loading in a thread, words for every state, locks, eviction, downloads."""

import json
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.damaged_checkpoints import DAMAGES, damaged_copy
from tests.helpers.hub_server import REPOSITORY, serving
from xkde import hub
from xkde.checkpoints import resolve
from xkde.engines.pool import Pool
from xkde.errors import CheckpointError, Notice
from xkde.prompts import ask


def folders(tmp_path: Path, atlas_folder: Path, count: int) -> list[str]:
    """Return references to so many copies of one checkpoint."""
    links = [tmp_path / f"model{i}" for i in range(count)]
    for link in links:
        link.symlink_to(atlas_folder)
    return [str(link) for link in links]


def test_loads_in_the_background(atlas_folder: Path) -> None:
    release = threading.Event()

    def slowly(folder: Path) -> str:
        release.wait(5)
        return folder.name

    pool, name = Pool(slowly), str(atlas_folder)
    assert pool.status(name).phase == "unknown"
    assert pool.start(name).phase == "loading"
    assert pool.start(name).phase == "loading"  # a second click changes nothing
    with pytest.raises(CheckpointError, match="still being loaded"), pool.use([name]):
        pass
    release.set()
    assert pool.wait(name, 5).phase == "ready"
    with pool.use([name, name]) as engines:  # one model in two panes
        assert engines == ["atlas", "atlas"]


def test_an_adapter_waits_until_its_base_is_there(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base that is unpacked on first use has no folder to look at before."""
    base, looked = str(atlas_folder), []
    config = {"base_model_name_or_path": base}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config))
    pool = Pool(lambda folder: "base", adapter_loader=lambda base, folder: "adapted")

    def inspect(folder: Path) -> None:
        looked.append((folder == tmp_path, pool.status(base).phase))

    monkeypatch.setattr("xkde.engines.pool.inspect_folder", inspect)
    pool.start(str(tmp_path))
    assert pool.wait(str(tmp_path), 5).phase == "ready"
    assert looked == [(False, "loading"), (True, "ready")]


def test_failure_is_in_words_and_can_be_tried_again(atlas_folder: Path) -> None:
    tries: list[Path] = []

    def second_time(folder: Path) -> str:
        tries.append(folder)
        if len(tries) == 1:
            raise RuntimeError("no memory.\ntrace")
        return "engine"

    pool, name = Pool(second_time), str(atlas_folder)
    pool.start(name)
    status = pool.wait(name, 5)
    assert (status.phase, "no memory" in status.words) == ("failed", True)
    with pytest.raises(CheckpointError, match="could not be loaded"), pool.use([name]):
        pass
    pool.start(name)
    assert pool.wait(name, 5).phase == "ready"


def test_what_is_not_there_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    pool = Pool(lambda folder: folder)
    assert "not in" in pool.start("atlas-base").words
    assert pool.start("nowhere/to be found").phase == "failed"
    assert pool.start("owner/name").phase == "absent"
    pool.start(str(tmp_path))
    assert "config.json" in pool.wait(str(tmp_path), 5).words


def test_the_longest_unused_goes(tmp_path: Path, atlas_folder: Path) -> None:
    pool = Pool(lambda folder: folder.name, capacity=2)
    names = folders(tmp_path, atlas_folder, 3)
    for name in names:
        pool.start(name)
        pool.wait(name, 5)
        with pool.use([names[0]]):
            time.sleep(0.01)
    phases = [pool.status(name).phase for name in names]
    assert phases == ["ready", "unknown", "ready"]


def test_one_use_at_a_time(tmp_path: Path, atlas_folder: Path) -> None:
    pool = Pool(lambda folder: [])
    first, second = folders(tmp_path, atlas_folder, 2)
    for name in (first, second):
        pool.start(name)
        pool.wait(name, 5)
    inside, most = 0, 0

    def ask(order: list[str]) -> None:
        nonlocal inside, most
        for _ in range(20):
            with pool.use(order):
                inside += 1
                most = max(most, inside)
                time.sleep(0.001)
                inside -= 1

    orders = ([first, second], [second, first])
    threads = [threading.Thread(target=ask, args=(order,)) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert most == 1  # and nobody waits for ever


@pytest.fixture
def served(atlas_folder: Path, tmp_path: Path, monkeypatch: Any) -> Any:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    files = {path.name: path.read_bytes() for path in atlas_folder.iterdir()}
    with serving(files) as hub_:
        yield hub_


def test_downloads_then_loads(served: Any) -> None:
    plan = hub.plan(resolve(REPOSITORY), endpoint=served.endpoint)
    pool = Pool(lambda folder: folder.name)
    pool.download(plan, REPOSITORY)
    assert pool.status(REPOSITORY).total == plan.bytes
    assert pool.wait(REPOSITORY, 10).phase == "ready"


def test_cancelled_download_is_absent_again(served: Any) -> None:
    served.fault = "silence"
    plan = hub.plan(resolve(REPOSITORY), endpoint=served.endpoint)
    pool = Pool(lambda folder: folder.name)
    pool.download(plan, REPOSITORY)
    pool.cancel(REPOSITORY)
    served.release.set()
    status = pool.wait(REPOSITORY, 20)
    assert status.phase == "absent"
    assert "cancelled" in status.words


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_checkpoint_ends_in_words(
    name: str, atlas_folder: Path, tmp_path: Path
) -> None:
    """Whatever is wrong, its model is ready or failed, and asking ends in words."""
    folder = damaged_copy(atlas_folder, tmp_path / "damaged", name)
    pool, reference = Pool(), str(folder)
    pool.start(reference)
    status = pool.wait(reference, 30)
    if status.phase == "ready":  # it can be used all the same, or says why not
        with pool.use([reference]) as (engine,), suppress(CheckpointError):
            engine.encode(ask("?"))
    else:
        assert status.phase == "failed"
        assert 20 < len(status.words) < 1500
        assert "Traceback" not in status.words
        assert isinstance(status.words, Notice)
    assert pool.start(reference).phase in ("loading", "ready")  # one may try again
    pool.wait(reference, 30)


def test_what_fails_at_once_was_loading_when_it_began(
    atlas_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever starts a model hears that it loads, however soon the thread has ended."""

    def fails(folder: Path) -> None:
        raise CheckpointError("The weights are none.")

    def at_once(
        pool: Pool, task: Callable[..., None], reference: str, *rest: object
    ) -> None:
        pool._ended(task, reference, *rest)

    monkeypatch.setattr(Pool, "_thread", at_once)
    pool, name = Pool(fails), str(atlas_folder)
    assert [pool.start(name).phase for _ in range(2)] == ["loading", "loading"]
    assert pool.status(name).phase == "failed"


def test_a_panic_in_a_library_is_no_waiting_for_ever(atlas_folder: Path) -> None:
    class PanicException(BaseException):
        """As Rust's is."""

    def panics(folder: Path) -> None:
        raise PanicException("called unwrap on None")

    pool, name = Pool(panics), str(atlas_folder)
    pool.start(name)
    status = pool.wait(name, 5)
    assert status.phase == "failed"
    assert "because called unwrap on None" in status.words
