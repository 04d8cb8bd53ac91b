"""Twelve languages, small: the app's way and ``generate`` choose equal tokens."""

from pathlib import Path

import pytest

from xkde.bench import languages


def test_measure(atlas_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (str(atlas_folder), str(atlas_folder))
    monkeypatch.setattr(languages, "PAIRS", (("other", "other"), pair))
    monkeypatch.setattr(languages, "default_pair", lambda: pair)
    found = languages.measure(2)
    assert found[f"{pair[0]}: equal answers"] == "48 of 48"
    assert "n = 2" in str(found[f"{pair[0]}: ratio"])
