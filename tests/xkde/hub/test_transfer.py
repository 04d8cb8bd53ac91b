"""Downloads: the real client against a loopback Hub, clean and with every fault."""

import json
import resource
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import huggingface_hub
import numpy
import pytest
from safetensors.numpy import save

from tests.helpers.hub_server import COMMIT, REPOSITORY, Hub, serving
from xkde.checkpoints import Reference, downloaded, inspect_folder, resolve
from xkde.errors import CheckpointError, DownloadError, XkdeError
from xkde.hub import DownloadPlan, download, plan, planning, size_text, transfer

WEIGHTS = "model.safetensors"
WEIGHT = numpy.random.default_rng(0).standard_normal((300, 500)).astype("float32")
CUT = 250_000  # bytes, of the 600 kB of the weights
CONFIG = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
TEMPLATE = {"chat_template": "{{ messages }}"}
FILES: dict[str, bytes] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "LICENSE": b"Apache License",
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.json": b'{"pad": "' + b"x" * 20_000 + b'"}',
    "tokenizer_config.json": json.dumps(TEMPLATE).encode(),
    WEIGHTS: save({"weight": WEIGHT}),
    "consolidated.safetensors": save({"weight": WEIGHT}),
    "pytorch_model.bin": b"pickle" * 5_000,
    "model.gguf": b"GGUF" * 5_000,
    "onnx/model.onnx": b"onnx",
}
NEEDED = {
    "README.md",
    "LICENSE",
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    WEIGHTS,
}
REFERENCE = Reference(REPOSITORY, "hub", None, REPOSITORY, None)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A Hub that works, with short pauses on our side."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(transfer, "PAUSES", (0.01, 0.01))
    monkeypatch.setattr(planning, "RESERVE", 0)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with serving(dict(FILES)) as served:
        yield served
        huggingface_hub.close_session()


def planned(hub: Hub, target: Path, revision: str | None = None) -> DownloadPlan:
    reference = replace(REFERENCE, revision=revision)
    return plan(reference, target=target, endpoint=hub.endpoint)


def final_folder(target: Path) -> Path:
    return target / "someone--tiny" / COMMIT


def assert_fails(
    hub: Hub, target: Path, sentence: str, kind: type[XkdeError] = DownloadError
) -> None:
    """The download says ``sentence``, and nothing half-loaded is visible."""
    with pytest.raises(kind, match=sentence) as caught:
        download(planned(hub, target), target)
    assert caught.type is kind
    assert not final_folder(target).exists()
    assert downloaded(REPOSITORY, target=target) is None


def test_plan_states_what_would_come(hub: Hub, tmp_path: Path) -> None:
    found = planned(hub, tmp_path)
    assert {file.name for file in found.files} == NEEDED
    assert found.files[-1].name == WEIGHTS
    assert found.commit == COMMIT
    assert found.bytes == sum(len(FILES[name]) for name in NEEDED)
    assert found.bytes_here == 0
    assert found.licence == "apache-2.0"
    assert (found.gated, found.allowed, found.fits) == (False, True, True)
    assert not list(tmp_path.iterdir())


def test_clean_download_is_whole_and_inspectable(hub: Hub, tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    found = planned(hub, tmp_path)
    folder = download(found, tmp_path, lambda *report: reports.append(report))
    assert folder == final_folder(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name: FILES[name] for name in NEEDED
    }
    assert [path for path in folder.parent.iterdir() if path.is_dir()] == [folder]
    assert reports == sorted(reports)
    assert reports[-1] == (found.bytes, found.bytes)
    assert inspect_folder(folder).parameters == WEIGHT.size


def test_finished_download_needs_no_second(hub: Hub, tmp_path: Path) -> None:
    folder = download(planned(hub, tmp_path), tmp_path)
    again = planned(hub, tmp_path)
    assert again.bytes_here == again.bytes
    hub.requests.clear()
    assert download(again, tmp_path) == folder
    assert hub.requests == []


def test_download_is_found_by_name_without_the_hub(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    assert resolve(REPOSITORY).path is None
    folder = download(plan(resolve(REPOSITORY), endpoint=hub.endpoint))
    assert folder == final_folder(tmp_path / "downloads")
    assert resolve(REPOSITORY).path == folder
    assert resolve(f"{REPOSITORY}@{COMMIT}").path == folder
    assert resolve(f"{REPOSITORY}@{'d' * 40}").path is None


def test_sharded_weights_are_chosen_by_their_index(hub: Hub, tmp_path: Path) -> None:
    body = hub.files.pop(WEIGHTS)
    shards = [f"model-0000{index}-of-00002.safetensors" for index in (1, 2)]
    hub.files |= {shards[0]: body, "model.safetensors.index.json": b"{}"}
    with pytest.raises(CheckpointError, match="1 of 2 weight files"):
        planned(hub, tmp_path)
    hub.files[shards[1]] = body
    names = {file.name for file in planned(hub, tmp_path).files}
    assert names == NEEDED - {WEIGHTS} | {*shards, "model.safetensors.index.json"}


@pytest.mark.parametrize(
    ("removed", "added", "sentence"),
    [
        (WEIGHTS, "x.txt", "pickle files only.*from_pretrained"),
        (WEIGHTS, "adapter_config.json", "pickle files only"),
        ("config.json", "x.txt", "has no config.json"),
        ("tokenizer.json", "x.txt", "has no tokenizer"),
    ],
)
def test_unusable_repository_is_refused_before_a_transfer(
    hub: Hub, tmp_path: Path, removed: str, added: str, sentence: str
) -> None:
    del hub.files[removed]
    hub.files[added] = b""
    assert_fails(hub, tmp_path, sentence, CheckpointError)


def test_an_adapter_is_fetched_without_its_base(hub: Hub, tmp_path: Path) -> None:
    for name in ("config.json", WEIGHTS, "tokenizer.json"):
        hub.files.pop(name)
    own = {"adapter_config.json": b"{}", "adapter_model.safetensors": b"12345678"}
    hub.files |= own
    folder = download(planned(hub, tmp_path), tmp_path)
    assert set(own) <= {path.name for path in folder.iterdir()}
    assert not (folder / "config.json").exists()


def test_cut_is_mended_in_the_same_call_by_a_range(hub: Hub, tmp_path: Path) -> None:
    hub.fault, hub.cut_at = "cut once", CUT
    folder = download(planned(hub, tmp_path), tmp_path)
    assert hub.ranges(WEIGHTS) == ["", f"bytes={CUT}-"]
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_lasting_cut_fails_and_the_next_call_resumes(hub: Hub, tmp_path: Path) -> None:
    hub.fault, hub.cut_at = "cut", CUT
    assert_fails(hub, tmp_path, "cut after 250.0 kB of 600.1 kB.*goes on from there")
    hub.fault = ""
    hub.requests.clear()
    found = planned(hub, tmp_path)
    assert found.bytes_here == found.bytes - len(FILES[WEIGHTS]) + CUT
    folder = download(found, tmp_path)
    assert hub.ranges(WEIGHTS) == [f"bytes={CUT}-"]
    assert hub.ranges("tokenizer.json") == []
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_server_without_ranges_sends_the_file_anew(hub: Hub, tmp_path: Path) -> None:
    hub.fault, hub.cut_at = "cut", CUT
    assert_fails(hub, tmp_path, "was cut")
    hub.fault = "no ranges"
    folder = download(planned(hub, tmp_path), tmp_path)
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]


def test_silent_server_counts_as_cut(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "SILENCE", 0.1)
    hub.fault, hub.cut_at = "silence", CUT
    assert_fails(hub, tmp_path, "was cut after 250.0 kB")


def test_cancel_keeps_what_has_arrived(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "INTERVAL", 0)
    cancelled = threading.Event()
    found = planned(hub, tmp_path)

    def stop_half_way(done: int, total: int) -> None:
        if done > total / 2:
            cancelled.set()

    with pytest.raises(DownloadError, match="cancelled.*goes on from there"):
        download(found, tmp_path, stop_half_way, cancelled)
    assert not final_folder(tmp_path).exists()
    assert found.bytes / 2 < planned(hub, tmp_path).bytes_here < found.bytes
    assert download(planned(hub, tmp_path), tmp_path) == final_folder(tmp_path)
    assert hub.ranges(WEIGHTS)[-1].startswith("bytes=")


def test_cancel_ends_the_pause_between_attempts(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "PAUSES", (60.0,))
    hub.fault = "503 storage"
    cancelled = threading.Event()
    threading.Timer(0.2, cancelled.set).start()
    started = time.monotonic()
    with pytest.raises(DownloadError, match="cancelled"):
        download(planned(hub, tmp_path), tmp_path, cancelled=cancelled)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("altered", "does not match its checksum, so it was thrown away"),
        ("short", "is shorter than the Hub's list says"),
        ("long", "is longer than the Hub's list says"),
    ],
)
def test_wrong_content_is_thrown_away(
    hub: Hub, tmp_path: Path, fault: str, sentence: str
) -> None:
    hub.fault = fault
    assert_fails(hub, tmp_path, sentence)
    assert not list(tmp_path.rglob(f"{WEIGHTS}*"))
    hub.fault = ""
    assert download(planned(hub, tmp_path), tmp_path).is_dir()


def test_small_files_are_verified_too(hub: Hub, tmp_path: Path) -> None:
    found = planned(hub, tmp_path)
    hub.files["config.json"] = FILES["config.json"].replace(b"Qwen2F", b"Qwen3F")
    with pytest.raises(DownloadError, match="config.json .* checksum"):
        download(found, tmp_path)
    assert not final_folder(tmp_path).exists()


@pytest.mark.parametrize(
    ("fault", "headers", "sentence"),
    [
        ("429", {"Retry-After": "60"}, "in 60 seconds"),
        ("429", {"Retry-After": "600"}, "in 10 minutes"),
        ("429", {"Retry-After": "a date"}, "in 30 minutes"),
        ("429", {"RateLimit": '"api";r=0;t=55'}, "in 55 seconds"),
        ("429 storage", {}, "in a few minutes"),
        ("503", {}, r"fault of its own at the moment \(503\)"),
        ("503 storage", {}, r"fault of its own at the moment \(503\)"),
        (
            "401",
            {"X-Error-Message": "Invalid credentials in Authorization header"},
            "hf auth",
        ),
        ("portal", {}, "is not a Hub"),
    ],
)
def test_refusals_say_what_to_do(
    hub: Hub, tmp_path: Path, fault: str, headers: dict[str, str], sentence: str
) -> None:
    if headers.get("Retry-After") == "a date":  # half an hour from now, not from import
        headers = {"Retry-After": formatdate(time.time() + 1790)}
    hub.fault, hub.headers = fault, headers
    assert_fails(hub, tmp_path, sentence)


def test_unknown_repository(hub: Hub, tmp_path: Path) -> None:
    other = Reference("a/b", "hub", None, "a/b", None)
    with pytest.raises(CheckpointError, match="no model a/b, or it is private"):
        plan(other, tmp_path, hub.endpoint)
    bad = Reference("a--b/c..d", "hub", None, "a--b/c..d", None)
    with pytest.raises(CheckpointError, match="cannot be a Hub id"):
        plan(bad, tmp_path, hub.endpoint)


def test_unknown_revision(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no revision “v9”"):
        planned(hub, tmp_path, "v9")


def test_gated_model_names_the_licence_page_and_the_login(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.gated = "manual"
    found = planned(hub, tmp_path)
    assert (found.gated, found.allowed) == (True, False)
    assert_fails(
        hub, tmp_path, f"licence on {hub.endpoint}/{REPOSITORY}.*hf auth login"
    )
    # Whoever loses the right after the plan hears the same.
    with pytest.raises(DownloadError, match="is gated"):
        download(replace(found, allowed=True), tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    assert planned(hub, tmp_path).allowed
    assert download(planned(hub, tmp_path), tmp_path).is_dir()
    assert hub.authorised
    assert not any(hub.authorised)  # the token stays with the Hub


def test_no_network(hub: Hub, tmp_path: Path) -> None:
    found = planned(hub, tmp_path)
    nowhere = "http://127.0.0.1:9"
    with pytest.raises(DownloadError, match=f"no connection to {nowhere}"):
        plan(REFERENCE, tmp_path, nowhere)
    with pytest.raises(DownloadError, match=f"no connection to {nowhere}"):
        download(replace(found, endpoint=nowhere), tmp_path)
    assert not final_folder(tmp_path).exists()


def test_offline_mode_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="Unset it"):
        plan(REFERENCE, endpoint=hub.endpoint)


def test_too_small_disk_is_seen_before_the_transfer(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "RESERVE", 10**18)
    found = planned(hub, tmp_path)
    assert not found.fits
    hub.requests.clear()
    with pytest.raises(DownloadError, match="needs 1000000000.0 GB and the disk has"):
        download(found, tmp_path)
    assert hub.requests == []


def test_disk_that_fills_up_in_mid_file(hub: Hub, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=900k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("mounting a small disk needs root")
    try:
        found = planned(hub, disk)
        assert found.fits

        def fill(done: int, total: int) -> None:
            (disk / "filler").write_bytes(b"x" * 500_000)

        with pytest.raises(DownloadError, match="disk is full.*XKDE_HOME"):
            download(found, disk, fill)
        assert not final_folder(disk).exists()
        (disk / "filler").unlink()
        assert download(planned(hub, disk), disk) == final_folder(disk)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_quota_on_a_file_counts_as_full_disk(hub: Hub, tmp_path: Path) -> None:
    found = planned(hub, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (CUT, hard))
    try:
        with pytest.raises(DownloadError, match="disk is full"):
            download(found, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not final_folder(tmp_path).exists()
    assert download(found, tmp_path) == final_folder(tmp_path)
    assert hub.ranges(WEIGHTS) == ["", f"bytes={CUT}-"]


def test_folder_that_cannot_be_written(hub: Hub, tmp_path: Path) -> None:
    found = planned(hub, tmp_path)
    (tmp_path / "someone--tiny").write_text("in the way")
    with pytest.raises(DownloadError, match="cannot be written.*XKDE_HOME"):
        download(found, tmp_path)


def test_second_download_of_the_same_waits_its_turn(hub: Hub, tmp_path: Path) -> None:
    found = planned(hub, tmp_path)
    refused: list[str] = []

    def second(done: int, total: int) -> None:
        if not refused and done < total:
            with pytest.raises(DownloadError, match="downloaded already") as caught:
                download(found, tmp_path)
            refused.append(str(caught.value))

    assert download(found, tmp_path, second).is_dir()
    assert refused


def test_size_text_reads_as_people_say_it() -> None:
    assert size_text(999) == "999 bytes"
    assert size_text(1_500) == "1.5 kB"
    assert size_text(13_476_000_000) == "13.5 GB"
