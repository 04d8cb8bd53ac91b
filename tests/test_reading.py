"""The code reads once: short files and functions, one name for each class, few escapes.

A file holds one idea whole, in at most 500 lines; a function at most 60. No two classes
share a name. ``Any`` and ``type: ignore`` stand only where a library has no types, and
HTML only in templates.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 500
FUNCTION_LINES = 60  # we aim at 45

# How often each may stand in the package and the pages.
CEILINGS = {
    "Any": 126,
    "type: ignore": 14,
    "told": 0,  # the word says nothing about what a thing is
    "HTML in an f-string": 0,  # templates escape what they show
}
TAG = re.compile(r"(?<!\?P)</?[a-z][a-z0-9]*[\s>/]|<[a-z]+$")


def files(*folders: str) -> list[Path]:
    """Return the Python files of ours in ``folders``; of all, where none is named."""
    return [
        *ROOT.glob("app.py"),
        *(
            path
            for folder in folders or ("pages", "xkde", "tests")
            for path in sorted((ROOT / folder).rglob("*.py"))
        ),
    ]


def nodes(source: str) -> Iterator[ast.AST]:
    """Yield every node of the syntax tree of ``source``."""
    return ast.walk(ast.parse(source))


def long_functions(source: str, limit: int = FUNCTION_LINES) -> list[tuple[str, int]]:
    """Return name and length of the functions in ``source`` above ``limit``."""
    lengths = [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in nodes(source)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [(name, lines) for name, lines in lengths if lines > limit]


def html_strings(source: str) -> list[str]:
    """Return the text of every f-string in ``source`` that writes an HTML tag."""
    texts = [
        "".join(
            str(part.value) for part in node.values if isinstance(part, ast.Constant)
        )
        for node in nodes(source)
        if isinstance(node, ast.JoinedStr)
    ]
    return [text for text in texts if TAG.search(text)]


def count(what: str, source: str) -> int:
    """Return how often ``what``, one of CEILINGS, stands in ``source``."""
    if what == "HTML in an f-string":
        return len(html_strings(source))
    if what == "Any":
        return sum(isinstance(n, ast.Name) and n.id == "Any" for n in nodes(source))
    return len(re.findall(rf"\b{what}\b", source))


def test_files_are_short() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for path in files()
    }
    assert {name: n for name, n in lengths.items() if n > FILE_LINES} == {}


def test_functions_are_short() -> None:
    offenders = {
        f"{path.relative_to(ROOT)}:{name}": lines
        for path in files()
        for name, lines in long_functions(path.read_text(encoding="utf-8"))
    }
    assert offenders == {}


@pytest.mark.parametrize("what", CEILINGS)
def test_little_is_left_of(what: str) -> None:
    counts = {
        str(path.relative_to(ROOT)): count(what, path.read_text(encoding="utf-8"))
        for path in files("pages", "xkde")
    }
    assert sum(counts.values()) <= CEILINGS[what], {
        k: n for k, n in counts.items() if n
    }


def test_class_names_are_unique() -> None:
    homes = defaultdict(list)
    for path in files("pages", "xkde"):
        for node in nodes(path.read_text(encoding="utf-8")):
            if isinstance(node, ast.ClassDef):
                homes[node.name].append(str(path.relative_to(ROOT)))
    shared = {name: where for name, where in homes.items() if len(where) > 1}
    assert shared == {}


def test_the_measures_themselves() -> None:
    source = "async def long():\n    1\n    2\n\ndef short():\n    1\n"
    assert long_functions(source, limit=2) == [("long", 3)]
    assert html_strings("f'<b>{x}</b>'\nf'{a} < {b}'\nf'{x}<td class={y}>'") == [
        "<b></b>",
        "<td class=>",
    ]
    assert count("Any", "from typing import Any\nx: dict[str, Any]\nAnything = 1") == 1
    assert count("told", "told = retold\n# as told") == 2
    assert ROOT / "xkde" / "types.py" in files()
