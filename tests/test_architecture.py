"""docs/architecture.md is true: its picture is the imports, its answers are there.

The picture is Mermaid. A room is a folder of ``pages/`` or ``xkde/``; modules beside
the folders belong to the room that ROOM_OF names. An arrow is an import. Arrows that
follow from others are left out, so that the picture stays readable.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layers import imported, module_name, sources

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "architecture.md"

# Modules that lie beside the folders -> their room.
ROOM_OF = {
    "app": "app",
    "pages": "app",
    "pages.about": "pages.about",
    "xkde": "records",
    "xkde.__main__": "xkde.commands",
    "xkde.speedrun": "xkde.commands",
    "xkde.errors": "records",
    "xkde.languages": "records",
    "xkde.locks": "locks",
    "xkde.paths": "records",
    "xkde.prompts": "prompts",
    "xkde.text": "records",
    "xkde.types": "records",
    "xkde.writing": "records",
}
ARROW = re.compile(r"^\s*(\w+) --> (\w+)\s*$", re.MULTILINE)
NODE = re.compile(r"^\s*(\w+)\[\"(.+?)<br/>", re.MULTILINE)
ANSWER = re.compile(r"^\d+\. (.+\?)\n +`([^`]+)`(?:, `(\w+)`)?", re.MULTILINE)


def room_of(module: str) -> str | None:
    """Return the room of a module, or None for what is no module of ours."""
    if module in ROOM_OF:
        return ROOM_OF[module]
    parts = module.split(".")
    if parts[0] in ("pages", "xkde") and (ROOT / parts[0] / parts[1]).is_dir():
        return ".".join(parts[:2])
    # A name of a module that lies beside the folders, such as xkde.errors.InputError.
    return ROOM_OF.get(".".join(parts[:2])) or ROOM_OF.get(parts[0])


def imports_between_rooms() -> dict[str, set[str]]:
    """Return for each room the rooms that it imports."""
    arrows: dict[str, set[str]] = defaultdict(set)
    for module, path in sources().items():
        room = room_of(module)
        assert room is not None, f"{module} has no room: give it one in ROOM_OF"
        text = path.read_text(encoding="utf-8")
        for name in imported(text, module, path.name == "__init__.py"):
            if name.split(".")[0] in ("app", "pages", "xkde"):
                arrows[room].add(room_of(name) or room)
        arrows[room].discard(room)
    return dict(arrows)


def reachable(arrows: dict[str, set[str]], start: str) -> set[str]:
    """Return all rooms that arrows lead to from ``start``."""
    seen: set[str] = set()
    left = [start]
    while left:
        for room in arrows.get(left.pop(), set()) - seen:
            seen.add(room)
            left.append(room)
    return seen


def reduced(arrows: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the arrows that no way over other rooms replaces."""
    return {
        (room, other)
        for room, others in arrows.items()
        for other in others
        if not any(other in reachable(arrows, third) for third in others - {other})
    }


def label(room: str) -> str:
    """Return how the picture names a room: without dots."""
    return room.replace(".", "_")


def defined(tree: ast.Module) -> Iterator[str]:
    """Yield the names that a module defines at its top: functions, classes, values."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from (t.id for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        else:
            yield getattr(node, "name", "")


@pytest.fixture(scope="module")
def document() -> str:
    return DOCUMENT.read_text(encoding="utf-8")


def test_rooms_are_the_folders(document: str) -> None:
    drawn = {name for name, _ in NODE.findall(document)}
    assert drawn == {label(room_of(module) or "") for module in sources()}


def test_arrows_are_the_imports(document: str) -> None:
    wanted = {(label(a), label(b)) for a, b in reduced(imports_between_rooms())}
    drawn = set(ARROW.findall(document))
    assert {"missing": wanted - drawn, "wrong": drawn - wanted} == {
        "missing": set(),
        "wrong": set(),
    }


def test_reduction_of_a_small_picture() -> None:
    arrows = {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert reduced(arrows) == {("a", "b"), ("b", "c")}


def test_questions_of_a_newcomer_have_answers(document: str) -> None:
    answers = ANSWER.findall(document)
    assert len(answers) >= 12
    for question, file, name in answers:
        path = ROOT / file
        assert path.exists(), f"{question} {file} is not there"
        if name:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            names = set(defined(tree))
            assert name in names, f"{question} {file} has no {name}"


def test_the_way_of_an_edit_names_files_that_exist(document: str) -> None:
    _, _, way = document.partition("## The way of an edit")
    files = re.findall(r"`((?:pages|xkde)/[\w/]+\.py)`", way.partition("\n## ")[0])
    assert len(files) >= 6
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_every_module_is_seen() -> None:
    assert {module_name(ROOT / "app.py"), "xkde.types"} <= set(sources())
