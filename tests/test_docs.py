"""README.md says what is there, and nothing tells on which machine it was written.

What is checked: the code map, `make` targets, `python -m xkde` subcommands, pictures
and file names in backticks. The map is the fenced block that begins with ``app.py`` or
follows ``<!-- map -->``: a name, or several with commas, then two spaces and what it
is; an indented name lies in the folder above it. Every folder of code is in it.

    python -m pytest tests/test_docs.py
"""

import importlib
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"

FENCE = re.compile(r"(<!-- map -->\s*)?^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)|<img[^>]*\bsrc=[\"']([^\"']+)")
FILE_NAME = re.compile(
    r"[\w.-]+(/[\w.-]+)*\.(py|md|toml|txt|json|jsonl|parquet|css|svg|png|safetensors)"
)
PACKAGES = ("pages", "xkde")
MADE_LOCALLY = ("runs/", "downloads/")
# An absolute path of a home or of a build folder; pieced together, to not find itself.
MACHINE_PATH = re.compile(
    rb"(?<![\w.~])/("
    + b"|".join([b"work", b"root", b"home", b"Users", b"opt"])
    + rb")/\w[^\s\"']*"
)


def readme() -> str:
    """Return README.md, or fail with the reason."""
    if not README.exists():
        pytest.fail("README.md is missing.")
    return README.read_text(encoding="utf-8")


def is_map(marked: str, block: str) -> bool:
    """Tell whether a fenced block is the code map."""
    return bool(marked) or block.startswith("app.py")


def code_map(text: str) -> str:
    """Return the code map's block, or fail with the reason."""
    maps = [block for marked, block in FENCE.findall(text) if is_map(marked, block)]
    if len(maps) != 1:
        pytest.fail(f"README.md has {len(maps)} code maps instead of one.")
    return str(maps[0])


def map_names(block: str) -> list[str]:
    """Return the paths that a code map names; folders end in ``/``."""
    names: list[str] = []
    above: list[tuple[int, str]] = []
    for line in block.splitlines():
        match = re.match(r"([\s│├└─|]*)(\S.*?)(\s{2,}|$)", line)
        if not match:
            continue
        depth = len(match[1])
        above = [(indent, folder) for indent, folder in above if indent < depth]
        parent = above[-1][1] if above else ""
        paths = [parent + name.strip() for name in match[2].split(",")]
        names += paths
        if paths[0].endswith("/"):
            above.append((depth, paths[0]))
    return names


def snippets(text: str) -> list[str]:
    """Return every line of code in ``text``: fenced (no map) and in backticks."""
    fenced = [
        line.split("#")[0]
        for marked, block in FENCE.findall(text)
        if not is_map(marked, block)
        for line in block.splitlines()
    ]
    return fenced + INLINE.findall(FENCE.sub("", text))


def words_after(command: str, lines: list[str]) -> set[str]:
    """Return the first word after every ``command`` in ``lines``."""
    pattern = re.compile(rf"(?:^|[\s;&|$]){command} ([a-z][\w-]*)")
    return {word for line in lines for word in pattern.findall(line)}


def tracked() -> list[Path]:
    """Return the files that git tracks or would track."""
    # safe.directory: a checkout may belong to another user than the one who tests.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached"]
    done = subprocess.run(
        [*command, "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in done.stdout.split("\0") if name)
    return [path for path in paths if path.is_file()]


def test_code_map_is_complete_and_true() -> None:
    named = set(map_names(code_map(readme())))
    files = [path.relative_to(ROOT) for path in tracked()]
    ours = {path for path in files if path.suffix == ".py"}
    packages = {f"{path.parent}/" for path in ours if path.parts[0] in PACKAGES}
    # A module in no room of its own is named; what is in a room, its folder says.
    hall = {str(path) for path in ours if str(path.parent) in (".", *PACKAGES)}
    modules = {name for name in hall if not name.endswith("/__init__.py")}
    folders = {f"{path.parts[0]}/" for path in files if len(path.parts) > 1}
    folders = {folder for folder in folders if not folder.startswith(".")}
    wanted = modules | packages | folders
    there = {str(path) for path in files}
    there |= {f"{parent}/" for path in files for parent in path.parents}
    assert {"missing": wanted - named, "gone": named - there} == {
        "missing": set(),
        "gone": set(),
    }


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    assert words_after("make", snippets(readme())) - targets == set()


def test_subcommands_exist() -> None:
    mentioned = words_after("python -m xkde", snippets(readme()))
    commands = importlib.import_module("xkde.__main__").COMMANDS
    assert mentioned - set(commands) == set()


def test_images_exist() -> None:
    sources = {markdown or html for markdown, html in IMAGE.findall(readme())}
    local = {source for source in sources if "://" not in source}
    assert sorted(name for name in local if not (ROOT / name).is_file()) == []


def test_file_names_in_backticks_exist() -> None:
    inline = set(INLINE.findall(FENCE.sub("", readme())))
    names = {name for name in inline if FILE_NAME.fullmatch(name)}
    names = {name for name in names if not name.startswith(MADE_LOCALLY)}
    bare = {path.name for path in tracked()}
    missing = [n for n in names if n not in bare and not (ROOT / n).is_file()]
    assert sorted(missing) == []


def test_nothing_tells_the_machine() -> None:
    found = {
        str(path.relative_to(ROOT)): match[0].decode(errors="replace")
        for path in tracked()
        if (match := MACHINE_PATH.search(path.read_bytes()))
    }
    assert found == {}


MADE_UP = """# Title

```
app.py      the window
xkde/
  types.py, errors.py  records
  data/     cases
  │ ├── cases.py  one
pages/ask.py
```
`make install` and

```bash
$ make demo  # make sure
python -m xkde bench
```
"""


def test_map_reader_on_a_made_up_map() -> None:
    assert map_names(code_map(MADE_UP)) == [
        "app.py",
        "xkde/",
        "xkde/types.py",
        "xkde/errors.py",
        "xkde/data/",
        "xkde/data/cases.py",
        "pages/ask.py",
    ]
    assert words_after("make", snippets(MADE_UP)) == {"install", "demo"}
    assert words_after("python -m xkde", snippets(MADE_UP)) == {"bench"}


@pytest.mark.parametrize("folder", ["work", "root", "home", "Users", "opt"])
def test_machine_paths_are_seen(folder: str) -> None:
    seen = f'path = "/{folder}/x/y"'.encode()
    assert MACHINE_PATH.search(seen)
    assert MACHINE_PATH.search(f"file:///{folder}/x".encode())
    assert not MACHINE_PATH.search(f"https://example.org/{folder}/x".encode())
