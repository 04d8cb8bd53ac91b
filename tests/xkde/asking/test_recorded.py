"""Recorded answers: written whole, shown only beside the weights that gave them."""

import json
from pathlib import Path

import pytest

from xkde import paths
from xkde.asking import recorded
from xkde.asking.recorded import file_of, read_recorded, write_recorded
from xkde.asking.session import PaneAnswers
from xkde.checkpoints.catalogue import PAIRS
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Edit, Generation, Query

SAID = Generation("大阪", (1, 2), 5, 0.5, "stop")


def test_answers_come_back_until_the_weights_are_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = {"one": "abc", "two": "def"}
    monkeypatch.setattr(paths, "ASSETS", tmp_path)
    monkeypatch.setattr(recorded, "name_and_weights", lambda n: (n, weights[n]))
    answers = {"base": PaneAnswers((SAID,)), "edited": PaneAnswers((SAID,))}
    edit, query = Edit("Q?", "A", "en"), Query("问？", "zh")
    assert read_recorded("one", "two") is None
    write_recorded("one", "two", edit, [query], answers)  # type: ignore[arg-type]
    found = read_recorded("one", "two")
    assert found is not None
    assert found.queries == (query,)
    assert found.answers["edited"].generations[0].text == "大阪"
    assert found.answers["base"].is_done
    weights["two"] = "trained further"
    assert read_recorded("one", "two") is None


@pytest.mark.parametrize("pair", PAIRS)
def test_what_is_shipped_is_of_the_shipped_weights(pair: tuple[str, str]) -> None:
    """Else: python -m xkde ask --record --base … --edited …"""
    record = json.loads(file_of(*pair).read_text(encoding="utf-8"))
    assert [row["language"] for row in record["answers"]] == list(ATLAS_LANGUAGES)
    if pair == PAIRS[-1]:  # the other's base may not be installed
        assert read_recorded(*pair) is not None
    edited = recorded.name_and_weights(pair[1])[1]
    assert record["weights"][pair[1]] == edited
