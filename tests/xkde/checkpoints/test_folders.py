"""Checkpoints: where references lead, and what is wrong with a folder."""

import json
import shutil
import struct
from pathlib import Path

import numpy
import pytest
from safetensors.numpy import save_file

from xkde import paths
from xkde.checkpoints import (
    CATALOGUE,
    Card,
    downloaded,
    inspect_folder,
    read_card,
    resolve,
    weights_of,
)
from xkde.checkpoints.weights import read_header
from xkde.errors import CheckpointError

HALF = numpy.ones((4, 8), dtype="float16")
FULL = numpy.ones(3, dtype="float32")
INDEX = "model.safetensors.index.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A whole chat model of 35 parameters, as far as a folder shows it."""
    path = tmp_path / "model"
    path.mkdir()
    write(path / "config.json", {"architectures": ["Qwen2ForCausalLM"]})
    write(path / "tokenizer.json", {})
    write(path / "tokenizer_config.json", {"chat_template": "{{ messages }}"})
    save_file({"half": HALF, "full": FULL}, path / "model.safetensors")
    return path


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def shard(folder: Path) -> list[Path]:
    """Replace the one weight file by two and their index."""
    (folder / "model.safetensors").unlink()
    names = [f"model-0000{index}-of-00002.safetensors" for index in (1, 2)]
    save_file({"half": HALF}, folder / names[0])
    save_file({"full": FULL}, folder / names[1])
    write(folder / INDEX, {"weight_map": {"half": names[0], "full": names[1]}})
    return [folder / name for name in names]


def assert_refused(folder: Path, sentence: str) -> None:
    with pytest.raises(CheckpointError, match=sentence) as caught:
        inspect_folder(folder)
    assert str(folder) in str(caught.value)


def test_catalogue_is_keyed_by_reference() -> None:
    assert all(name == entry.reference for name, entry in CATALOGUE.items())
    assert {entry.base for entry in CATALOGUE.values()} <= set(CATALOGUE)
    for name, entry in CATALOGUE.items():
        assert "\n" not in entry.label
        assert ("/" in name) != (entry.embedded or entry.package is not None)


def test_every_hub_entry_resolves_to_its_repository() -> None:
    for name in (name for name in CATALOGUE if "/" in name):
        found = resolve(name)
        assert (found.kind, found.repository, found.revision) == ("hub", name, None)


def test_embedded_name_resolves_to_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "EMBEDDED_CHECKPOINTS", tmp_path)
    with pytest.raises(CheckpointError, match="python -m xkde speedrun"):
        resolve("atlas-base")
    for name in ("atlas-base", "atlas-extra"):
        (tmp_path / name).mkdir()
        found = resolve(name)
        assert (found.kind, found.path) == ("embedded", tmp_path / name)


def test_existing_folder_goes_before_a_hub_id(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    relative = f"{folder.parent.name}/{folder.name}"
    for reference in (str(folder), relative, f" {folder} "):
        found = resolve(reference)
        assert (found.kind, found.path) == ("folder", folder.resolve())
    with pytest.raises(CheckpointError, match="has no revisions"):
        resolve(str(folder), "main")


def test_hub_id_takes_a_revision_either_way() -> None:
    assert resolve("owner/name@v1.0").revision == "v1.0"
    assert resolve("owner/name", "v1.0") == resolve("owner/name", "v1.0")
    assert resolve("owner/name@v1", "v1").revision == "v1"
    with pytest.raises(CheckpointError, match="two revisions"):
        resolve("owner/name@v1", "v2")


def test_other_weights_under_one_name_are_told_apart(folder: Path) -> None:
    before = weights_of(resolve(str(folder)))
    assert before == weights_of(resolve(str(folder)))
    save_file({"half": HALF * 2, "full": FULL}, folder / "model.safetensors")
    assert weights_of(resolve(str(folder))) != before
    assert weights_of(resolve("owner/name@v1")) == "v1"
    assert weights_of(resolve("owner/name")) == ""


@pytest.mark.parametrize("reference", ["", "atlas-basis", "/no/such", "a/b/c", "~/x/y"])
def test_what_names_nothing_is_told_the_choices(reference: str) -> None:
    with pytest.raises(CheckpointError, match="owner/name.*gemma-3-270m, .*atlas-base"):
        resolve(reference)


def test_downloaded_takes_whole_commits_only(tmp_path: Path) -> None:
    repository = tmp_path / "owner--name"
    for name in (f".{'a' * 40}.partial", "notes", "b" * 40):
        (repository / name).mkdir(parents=True)
    assert downloaded("owner/name", target=tmp_path) == repository / ("b" * 40)
    assert downloaded("owner/name", "main", tmp_path) == repository / ("b" * 40)
    assert downloaded("owner/name", "v1", tmp_path) is None
    assert downloaded("owner/other", target=tmp_path) is None


def test_inspect_counts_from_headers(folder: Path) -> None:
    info = inspect_folder(folder)
    assert info.parameters == 4 * 8 + 3
    assert info.dtype == "F16"  # 64 bytes against 12
    assert info.bytes == (folder / "model.safetensors").stat().st_size
    assert info.weight_files == ("model.safetensors",)
    assert info.architecture == "Qwen2ForCausalLM"
    assert info.card is None


def test_sharded_weights_count_alike(folder: Path) -> None:
    shards = shard(folder)
    info = inspect_folder(folder)
    assert (info.parameters, info.dtype) == (35, "F16")
    assert info.weight_files == tuple(file.name for file in shards)


def test_what_transformers_saves_is_whole(checkpoint_folder: Path) -> None:
    info = inspect_folder(checkpoint_folder)
    assert info.architecture.endswith("ForCausalLM")
    assert info.parameters > 1_000
    assert info.dtype == "F32"
    assert info.context == 256
    assert info.vocabulary


def test_card_keeps_what_it_does_not_know(folder: Path) -> None:
    write(folder / paths.CARD, {"base": "atlas-base", "stage": "xe-it", "seed": 7})
    card = Card(base="atlas-base", stage="xe-it", details={"seed": 7})
    assert read_card(folder) == card
    assert inspect_folder(folder).card == card


def test_template_may_stand_in_its_own_file(folder: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    assert_refused(folder, "no chat template.*chat_template.jinja")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert inspect_folder(folder).parameters == 35


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("config.json", None, "no config.json"),
        ("config.json", {"architectures": ["T5Model"]}, "T5Model, not a causal"),
        ("config.json", {}, "of no stated architecture"),
        ("config.json", [], "does not hold a JSON object"),
        ("tokenizer.json", None, "no tokenizer"),
        ("tokenizer_config.json", {"chat_template": [{}]}, "no chat template"),
        ("model.safetensors", None, "no weights"),
    ],
)
def test_missing_and_wrong_files(
    folder: Path, name: str, content: object, sentence: str
) -> None:
    (folder / name).unlink()
    if content is not None:
        write(folder / name, content)
    assert_refused(folder, sentence)


def test_torn_json_is_named(folder: Path) -> None:
    (folder / "config.json").write_text('{"architectures": [')
    assert_refused(folder, "config.json is not valid JSON")


def test_missing_folder_and_adapter(folder: Path) -> None:
    assert_refused(folder / "none", "There is no folder")
    (folder / "config.json").rename(folder / "adapter_config.json")
    assert_refused(folder, "adapter.*base_model_name_or_path")


def test_remote_code_needs_trust(folder: Path) -> None:
    config = {"architectures": ["XForCausalLM"], "auto_map": {"AutoConfig": "x.X"}}
    write(folder / "config.json", config)
    assert_refused(folder, "own Python code")
    assert inspect_folder(folder, trust_remote_code=True).parameters == 35


def test_pickles_are_refused_with_the_conversion(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    assert_refused(folder, "pickle files. Only safetensors.*save_pretrained")


@pytest.mark.parametrize("kept", [0, 5, 60, -1])
def test_truncated_weights_are_found(folder: Path, kept: int) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:kept])
    assert_refused(folder, "only its beginning|was cut off")


def test_weights_that_grew_are_found(folder: Path) -> None:
    with (folder / "model.safetensors").open("ab") as stream:
        stream.write(b"\0")
    assert_refused(folder, "was cut off or altered")


@pytest.mark.parametrize(
    "header", [b"[]", b"{}}", b'{"a": 1}', b'{"a": {"dtype": "F32"}}', b"\xff"]
)
def test_headers_that_are_none(folder: Path, header: bytes) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(struct.pack("<Q", len(header)) + header)
    assert_refused(folder, "is not a safetensors file")
    file.write_bytes(b"\xff" * 64)  # a length beyond every file
    assert_refused(folder, "is not a safetensors file")


def test_lfs_pointer_is_recognised(folder: Path) -> None:
    pointer = "version https://git-lfs.example/spec/v1\noid sha256:0\nsize 1\n"
    (folder / "model.safetensors").write_text(pointer)
    assert_refused(folder, "git lfs pull")


def test_shards_are_checked_against_their_index(folder: Path) -> None:
    first, second = shard(folder)
    shutil.copy(first, second)
    assert_refused(folder, "lacks the weight full")
    second.unlink()
    assert_refused(folder, "lacks 1 of 2 weight files, beginning with model-00002")
    write(folder / INDEX, {"weight_map": {}})
    assert_refused(folder, "has no weight_map")


def test_header_of_one_file(folder: Path) -> None:
    half = read_header(folder / "model.safetensors")["half"]
    assert (half.dtype, half.shape, half.bytes, half.parameters) == (
        "F16",
        (4, 8),
        64,
        32,
    )
