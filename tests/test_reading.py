"""A file holds one idea whole: at most 500 lines; a function at most 60."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES = 500
FUNCTION_LINES = 60  # we aim at 45


def files() -> list[Path]:
    """Return every Python file of ours."""
    folders = ("pages", "xkde", "tests")
    return [
        *ROOT.glob("app.py"),
        *(path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))),
    ]


def long_functions(source: str, limit: int = FUNCTION_LINES) -> list[tuple[str, int]]:
    """Return name and length of the functions in ``source`` above ``limit``."""
    lengths = [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return [(name, lines) for name, lines in lengths if lines > limit]


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


def test_the_measure_itself() -> None:
    source = "async def long():\n    1\n    2\n\ndef short():\n    1\n"
    assert long_functions(source, limit=2) == [("long", 3)]
    assert ROOT / "xkde" / "types.py" in files()
