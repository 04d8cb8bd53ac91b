"""README.md and docs/ are true, and nothing tells on which machine they were written.

Checked are: the code map, ``make`` targets, every ``python -m xkde`` line with its
options, pictures and links, file names in backticks, and each table of results, which
is computed anew from the shipped files. The map is the fenced block that follows
``<!-- map -->``: a name, then two spaces and what it is; an indented name lies in the
folder above it. Every folder of code is in it; the docstring of a folder says what its
files are.
"""

import ast
import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.helpers.shipped_tables import TABLES
from xkde.__main__ import COMMANDS, command_parser
from xkde.evaluation.results.cards import summary
from xkde.paths import ATLAS_RESULTS

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = [README, *sorted((ROOT / "docs").glob("*.md"))]
README_WORDS = 2500

FENCE = re.compile(r"(<!-- map -->\s*)?^```[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")
IMAGE = re.compile(r"!\[[^\]]*\]\(([^)\s]+)|<img[^>]*\bsrc=[\"']([^\"']+)")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
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


def each_document() -> pytest.MarkDecorator:
    """Run a test once for each document."""
    return pytest.mark.parametrize(
        "document", DOCUMENTS, ids=[path.name for path in DOCUMENTS]
    )


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


def command_lines(text: str) -> list[list[str]]:
    """Return the words after ``python -m xkde`` in the fenced lines of ``text``."""
    found = []
    for marked, block in FENCE.findall(text):
        if is_map(marked, block):
            continue
        for line in block.splitlines():
            _, is_command, words = line.partition("-m xkde ")
            if is_command:
                found.append(shlex.split(words, comments=True))
    return found


def tables(text: str) -> dict[str, list[list[str]]]:
    """Return the rows of the tables that follow ``<!-- table: name -->``."""
    found = {}
    for name, block in re.findall(
        r"<!-- table: (\w+) -->\n((?:\|.*\n)+)", text, re.MULTILINE
    ):
        rows = [line.strip("|").split("|") for line in block.splitlines()[2:]]
        found[name] = [[cell.strip() for cell in row] for row in rows]
    return found


def test_folders_say_what_their_files_are() -> None:
    missing = []
    for init in tracked():
        own = init.name == "__init__.py" and init.relative_to(ROOT).parts[0] in PACKAGES
        names = [path.name for path in init.parent.glob("*.py") if path != init]
        if not own or len(names) < 2:
            continue
        text = ast.get_docstring(ast.parse(init.read_text(encoding="utf-8"))) or ""
        lines = {line.strip().split("  ")[0] for line in text.splitlines()[1:]}
        missing += [str(init.parent / name) for name in names if name not in lines]
        named = {line for line in lines if re.fullmatch(r"\w+\.py", line)}
        missing += [f"{init}: {name} is gone" for name in named - set(names)]
    assert missing == []


def test_readme_is_short() -> None:
    assert len(readme().split()) <= README_WORDS


def test_front_matter_is_that_of_a_space() -> None:
    about = yaml.safe_load(readme().split("---")[1])
    pins = (ROOT / "requirements.txt").read_text(encoding="utf-8").split()
    assert about["sdk"] == "gradio"
    assert f"gradio=={about['sdk_version']}" in pins
    assert (ROOT / about["app_file"]).is_file()
    assert len(about["short_description"]) <= 60
    assert about["license"] == "apache-2.0"


@each_document()
def test_make_targets_exist(document: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    text = document.read_text(encoding="utf-8")
    assert words_after("make", snippets(text)) - targets == set()


@each_document()
def test_commands_and_their_options_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    assert words_after("python -m xkde", snippets(text)) <= set(COMMANDS)
    for command, *words in command_lines(text):
        parser, module = command_parser(command)
        known, rest = parser.parse_known_args(words)
        assert known.command == command
        assert not rest or getattr(module, "PASSES_ON", False), (command, rest)


@each_document()
def test_pictures_and_links_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    sources = {markdown or html for markdown, html in IMAGE.findall(text)}
    sources |= {address.partition("#")[0] for address in LINK.findall(text)}
    local = {source for source in sources if source and "://" not in source}
    missing = [name for name in local if not (document.parent / name).is_file()]
    assert sorted(missing) == []


@each_document()
def test_file_names_in_backticks_exist(document: Path) -> None:
    text = FENCE.sub("", document.read_text(encoding="utf-8"))
    names = {name for name in INLINE.findall(text) if FILE_NAME.fullmatch(name)}
    names = {name for name in names if not name.startswith(MADE_LOCALLY)}
    bare = {path.name for path in tracked()}
    missing = [n for n in names if n not in bare and not (ROOT / n).is_file()]
    folders = re.findall(r"`((?:xkde|pages|assets|tests)/[\w/]*)`", text)
    missing += [name for name in folders if not (ROOT / name).is_dir()]
    assert sorted(missing) == []


def test_tables_are_what_was_measured() -> None:
    documented = tables((ROOT / "docs" / "results.md").read_text(encoding="utf-8"))
    assert documented == {name: compute() for name, compute in TABLES.items()}


def test_the_readmes_table_is_what_was_measured() -> None:
    table = json.loads(ATLAS_RESULTS.read_text(encoding="utf-8"))
    block = readme().partition("<!-- results -->\n")[2].partition("<!-- /results")[0]
    assert block.strip() == summary(table).strip()


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
