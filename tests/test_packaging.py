"""What is installed is what is written down: exact versions, hashes, licences."""

import re
import subprocess
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
ENTRY = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?: ;.*?)? \\\n", re.MULTILINE)


def wanted(file: str) -> list[Requirement]:
    """Return the requirements of a file."""
    lines = (ROOT / file).read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def locked() -> dict[str, set[str]]:
    """Return the versions of every package of the lock; one may have several."""
    found: dict[str, set[str]] = {}
    for entry in ENTRY.finditer(LOCK):
        found.setdefault(canonicalize_name(entry["name"]), set()).add(entry["version"])
    return found


def test_the_lock_has_what_is_required() -> None:
    versions = locked()
    for each in wanted("requirements.txt"):
        exact = str(each.specifier).removeprefix("==")
        assert versions.get(canonicalize_name(each.name)) == {exact}, (
            f"{each.name} is not {exact} in requirements.lock: make lock"
        )


def test_the_lock_is_whole() -> None:
    """Whatever a locked package needs here is locked, too."""
    versions = locked()
    lacking = set()
    compared = 0
    for name, locked_versions in versions.items():
        try:
            installed, needed = version(name), requires(name) or []
        except PackageNotFoundError:  # of another system or Python
            continue
        # What the lock does not hold, such as a newer one, may need something else.
        if installed not in locked_versions:
            continue
        compared += 1
        for each in map(Requirement, needed):
            applies = each.marker is None or each.marker.evaluate({"extra": ""})
            if applies and canonicalize_name(each.name) not in versions:
                lacking.add(f"{each.name} for {name}")
    assert lacking == set()
    assert compared > 50


def test_every_entry_has_hashes_and_no_address() -> None:
    entries = re.split(r"\n(?=[\w])", LOCK.split("\n", 2)[2])
    assert len(entries) > 80
    for entry in entries:
        first, *hashes = entry.strip().splitlines()
        assert ENTRY.match(first + "\n"), first
        assert hashes
        assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}", line) for line in hashes)
    assert "://" not in LOCK
    assert "--index" not in LOCK


@pytest.mark.parametrize("folder", sorted(p.name for p in (ROOT / "assets").iterdir()))
def test_the_notice_says_whose_the_bundled_data_is(folder: str) -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    is_script = folder.endswith(".js")
    assert f"assets/{folder}" in notice or is_script


def test_the_notice_is_part_of_the_package() -> None:
    about = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert "NOTICE" in about["license-files"]


def test_the_quick_tests_are_where_the_makefile_looks() -> None:
    said = subprocess.run(
        ["make", "--dry-run", "unit"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    places = re.findall(r"\btests/\S+", said)
    assert len(places) > 5
    assert [place for place in places if not list(ROOT.glob(place))] == []
