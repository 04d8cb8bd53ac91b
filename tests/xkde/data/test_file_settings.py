"""Settings beside a growing file: kept, compared, and taken for what they are."""

import logging
from pathlib import Path

import pytest

from xkde.data.file_settings import begun_with, keep_settings, settings_beside
from xkde.errors import SettingsError

SETTINGS = {"model": "one", "languages": ("de", "zh")}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "answers.jsonl"


def test_the_same_settings_go_on(file: Path) -> None:
    assert begun_with(file, SETTINGS) is None
    keep_settings(file, SETTINGS)
    file.write_text("{}\n", "utf-8")
    keep_settings(file, SETTINGS)
    assert begun_with(file, SETTINGS) == {"model": "one", "languages": ["de", "zh"]}


def test_others_are_refused_one_by_one(file: Path) -> None:
    keep_settings(file, SETTINGS)
    file.write_text("{}\n", "utf-8")
    before = settings_beside(file).read_bytes()
    with pytest.raises(SettingsError, match="model was 'one' and is 'two'"):
        keep_settings(file, SETTINGS | {"model": "two"})
    with pytest.raises(SettingsError, match="engine was None and is 'vllm'"):
        keep_settings(file, SETTINGS | {"engine": "vllm"})
    assert settings_beside(file).read_bytes() == before


def test_a_file_without_content_may_be_begun_otherwise(file: Path) -> None:
    keep_settings(file, SETTINGS)
    file.write_text("", "utf-8")
    keep_settings(file, {"model": "two"})
    file.write_text("{}\n", "utf-8")
    assert begun_with(file, {"model": "two"}) == {"model": "two"}


def test_without_settings_only_a_whole_file_is_taken(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file.parent.mkdir()
    file.write_text("{}\n", "utf-8")
    with pytest.raises(SettingsError, match="which says how it was made"):
        keep_settings(file, SETTINGS)
    with caplog.at_level(logging.WARNING):
        keep_settings(file, SETTINGS, is_whole=True)
    assert "how it was made is not known" in caplog.text
    assert not settings_beside(file).exists()


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff"])
def test_settings_that_cannot_be_read(file: Path, content: bytes) -> None:
    file.parent.mkdir()
    file.write_text("{}\n", "utf-8")
    settings_beside(file).write_bytes(content)
    with pytest.raises(SettingsError, match="cannot be read"):
        keep_settings(file, SETTINGS, is_whole=True)
