"""A killed job ends as an undisturbed one; one that does not is found."""

from pathlib import Path

import pytest

from xkde.bench.campaign import kills
from xkde.bench.campaign.kills import JOBS, KilledJob, kill_often


@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_a_killed_job_ends_the_same(name: str, tmp_path: Path) -> None:
    count = kill_often(name, tmp_path, kills=1, seed="ci")
    assert count.why == ""
    assert count.is_same
    assert count.kills == 1


def test_what_never_was_killed_or_cannot_run_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = {
        "wrong": KilledJob("prompt --no-such-option", "out", lambda _: ""),
        "other each time": KilledJob("languages", "log", lambda path: path.parent.name),
    }
    monkeypatch.setattr(kills, "JOBS", jobs)
    wrong = kill_often("wrong", tmp_path / "wrong", kills=1)
    assert not wrong.is_same
    assert "unrecognized arguments" in wrong.why or "required" in wrong.why
    other = kill_often("other each time", tmp_path / "other", kills=1)
    assert other.why == "it wrote something else"
