"""One process for a folder; the next one hears who it is, and a killed one frees it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from xkde.errors import DataError
from xkde.locks import held

HOLDS = """
import sys, time
from pathlib import Path
from xkde.locks import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """Let another process hold a path; return it once it does."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_another_process_is_named_and_a_killed_one_holds_nothing(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "run"
    with holder(folder) as other:
        with pytest.raises(DataError, match=f"process {other.pid} on"), held(folder):
            pass
        other.send_signal(signal.SIGKILL)
    with held(folder), pytest.raises(DataError, match=str(os.getpid())), held(folder):
        pass
    with held(folder, seconds=1):
        assert not folder.exists()


def test_neighbours_do_not_disturb_each_other(tmp_path: Path) -> None:
    with held(tmp_path / "a"), held(tmp_path / "b.jsonl"), held(tmp_path / "b"):
        pass
