"""Imports go down the layers only, and importing the app loads no torch.

Reads every file with ``ast``, so it sees imports inside functions and under
TYPE_CHECKING as well, and runs nothing but the last test's ``import app``.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Part of the project → its layer. A module belongs to the first part that fits.
LAYERS = {
    "app": 8,
    "pages": 7,
    "xkde.__main__": 6,
    "xkde.commands": 6,
    "xkde.speedrun": 6,
    "xkde.bench": 6,
    "xkde.asking": 5,
    "xkde.labelling": 5,
    "xkde.evaluation": 4,
    "xkde.inside": 4,
    "xkde.editors": 3,
    "xkde.training": 3,
    "xkde.engines": 2,
    "xkde.data": 1,
    "xkde.prompts": 1,
    "xkde.locks": 1,
    "xkde.memory": 1,
    "xkde.checkpoints": 1,
    "xkde.hub": 1,
    "xkde.types": 0,
    "xkde.languages": 0,
    "xkde.errors": 0,
    "xkde.paths": 0,
    "xkde.writing": 0,
    "xkde.text": 0,
    "xkde": 0,  # the package's own __init__
}
STRANGERS = {("xkde.editors", "xkde.training"), ("xkde.training", "xkde.editors")}

MODEL_PARTS = ("xkde.engines", "xkde.editors", "xkde.training", "xkde.inside")
# Package of others → the parts that may import it.
ALLOWED = {
    "gradio": ("app", "pages"),
    "torch": MODEL_PARTS,
    "safetensors.torch": MODEL_PARTS,
    "transformers": MODEL_PARTS,
    "sentence_transformers": MODEL_PARTS,
    "trl": MODEL_PARTS,
    "peft": MODEL_PARTS,
    "datasets": MODEL_PARTS,
    "accelerate": MODEL_PARTS,
    "deepspeed": MODEL_PARTS,
    "vllm": MODEL_PARTS,
    "tokenizers": (*MODEL_PARTS, "xkde.data"),
}
HEAVY = ("torch", "transformers", "sentence_transformers", "trl", "vllm")


def sources() -> dict[str, Path]:
    """Return the file of every module of the app and the package."""
    files = [ROOT / "app.py", *ROOT.glob("pages/**/*.py"), *ROOT.glob("xkde/**/*.py")]
    return {module_name(path): path for path in sorted(files) if path.exists()}


def module_name(path: Path) -> str:
    """Return the dotted name by which ``path`` is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_within(module: str, package: str) -> bool:
    """Tell whether ``module`` is ``package`` or lies in it."""
    return module == package or module.startswith(package + ".")


def part_of(module: str) -> str | None:
    """Return the part of LAYERS that ``module`` belongs to, or None."""
    if module == "xkde":
        return module
    for part in LAYERS:
        if part != "xkde" and is_within(module, part):
            return part
    return None


def imported(source: str, module: str, is_package: bool = False) -> Iterator[str]:
    """Yield the dotted name of everything that ``source`` imports, wherever it does.

    ``from a import b`` gives both ``a`` and ``a.b``: ``b`` may be a module.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = module.split(".")
                kept = up[: len(up) - node.level + is_package]
                base = ".".join([*kept, *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and is_import_call(node):
            yield str(ast.literal_eval(node.args[0]))


def is_import_call(node: ast.Call) -> bool:
    """Tell whether ``node`` is ``import_module("name")`` or ``__import__("name")``."""
    name = getattr(node.func, "attr", getattr(node.func, "id", ""))
    return name in ("import_module", "__import__") and all(
        isinstance(argument, ast.Constant) for argument in node.args[:1]
    )


def complaints(module: str, source: str, is_package: bool = False) -> list[str]:
    """Return what is wrong with the imports of one module, a sentence each."""
    part = part_of(module)
    if part is None:
        return [f"{module} has no layer: give it one in LAYERS"]
    found = []
    for name in dict.fromkeys(imported(source, module, is_package)):
        reason = objection(module, part, name)
        if reason:
            found.append(f"{module} imports {name}: {reason}")
    return found


def objection(module: str, part: str, name: str) -> str:
    """Return why ``module`` (of ``part``) may not import ``name``, or nothing."""
    if name.split(".")[0] not in ("app", "pages", "xkde"):
        return foreign_objection(part, name)
    # What is no part is a name in the package itself, such as xkde.__version__.
    other = part_of(name) or "xkde"
    if LAYERS[other] > LAYERS[part]:
        return f"layer {LAYERS[part]} below layer {LAYERS[other]}"
    if (part, other) in STRANGERS:
        return "editors and training do not know each other"
    return page_objection(module, name) if part == other == "pages" else ""


def foreign_objection(part: str, name: str) -> str:
    """Return why ``part`` may not import ``name``, which is not ours, or nothing."""
    if LAYERS[part] == 0 and name.split(".")[0] not in sys.stdlib_module_names:
        return "layer 0 knows the standard library only"
    for package, parts in ALLOWED.items():
        if is_within(name, package) and part not in parts:
            return f"{package} is for {', '.join(parts)}"
    return ""


def page_objection(module: str, name: str) -> str:
    """Return why ``module`` of ``pages`` may not import ``name`` of it, or nothing."""
    own, tab = (".".join(dotted.split(".")[1:2]) for dotted in (module, name))
    if not own or tab in ("", own, "shell"):
        return ""
    if own == "shell":
        return "the shell knows no tab"
    return "tabs do not import each other"


@pytest.mark.parametrize("module", sources())
def test_imports_go_down_only(module: str) -> None:
    path = sources()[module]
    source = path.read_text(encoding="utf-8")
    assert complaints(module, source, path.name == "__init__.py") == []


def test_sources_are_found() -> None:
    assert {"xkde", "xkde.types", "xkde.prompts"} <= set(sources())


@pytest.mark.parametrize(
    ("module", "source", "culprit"),
    [
        ("xkde.types", "import xkde.prompts", "xkde.prompts"),
        ("xkde.types", "from xkde import prompts", "xkde.prompts"),
        ("xkde.types", "from . import prompts", "xkde.prompts"),
        ("xkde.types", "from .data import atlas", "xkde.data"),
        ("xkde.types", "import babel", "babel"),
        ("xkde.data.cases", "from ..engines import loading", "xkde.engines"),
        ("xkde.data.cases", "def f():\n    import torch.nn", "torch.nn"),
        ("xkde.prompts", "if TYPE_CHECKING:\n    import transformers", "transformers"),
        ("xkde.memory", "from safetensors.torch import load", "safetensors.torch"),
        ("xkde.hub", "__import__('torch')", "torch"),
        ("xkde.engines.a", "import_module('xkde.editors')", "xkde.editors"),
        ("xkde.engines.a", "import xkde.evaluation.runner", "xkde.evaluation.runner"),
        ("xkde.editors.rome", "from xkde.training import stages", "xkde.training"),
        ("xkde.training.stages", "import xkde.editors", "xkde.editors"),
        ("xkde.evaluation.runner", "import torch", "torch"),
        ("xkde.evaluation.runner", "import gradio as gr", "gradio"),
        ("xkde.bench.app", "import app", "app"),
        ("xkde.speedrun", "from pages.shell import look", "pages.shell"),
        ("xkde.evaluation.run", "from xkde.asking import session", "xkde.asking"),
        ("pages.shell.look", "import app", "app"),
    ],
)
def test_checker_sees_forbidden_imports(module: str, source: str, culprit: str) -> None:
    found = complaints(module, source)
    assert any(f"imports {culprit}:" in complaint for complaint in found), found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("xkde.types", "import json\nfrom dataclasses import dataclass"),
        ("xkde.data.atlas.world", "from .. import cases\nimport babel, tokenizers"),
        ("xkde.editors.rome", "import torch\nfrom xkde.engines import loading"),
        ("xkde.editors.rome", "from xkde.editors import base"),
        ("xkde.bench.app", "from xkde import __version__, speedrun\nimport subprocess"),
        ("pages.ask.page", "import gradio as gr\nfrom pages.shell import look"),
        ("app", "import gradio as gr\nfrom pages import ask\nimport xkde.evaluation"),
    ],
)
def test_checker_lets_good_imports_pass(module: str, source: str) -> None:
    assert complaints(module, source) == []


def test_checker_resolves_imports_of_a_package() -> None:
    assert complaints("xkde.data", "from ..engines import loading", is_package=True)
    assert complaints("xkde.data", "from .engines import it", is_package=True) == []


def test_checker_wants_a_layer_for_a_new_module() -> None:
    assert complaints("xkde.misc", "") == [
        "xkde.misc has no layer: give it one in LAYERS"
    ]


def test_tabs_do_not_import_each_other() -> None:
    assert complaints("pages.ask.page", "from pages import about")
    assert complaints("pages.ask.form", "from pages.errors import page")
    assert complaints("pages.errors.page", "from pages.ask.form import link")
    assert complaints("pages.shell.look", "import pages.ask.form")
    assert complaints("pages.shell.look", "from pages import about")
    assert complaints("pages.ask.page", "from pages.ask.memory import page") == []
    assert complaints("pages.ask.page", "from pages.shell.look import card") == []
    assert complaints("pages", "from pages import about\nimport pages.ask.page") == []
    assert complaints("app", "from pages import about\nimport pages.ask.page") == []


def test_importing_the_app_loads_no_model_library() -> None:
    code = f"import app, sys; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
