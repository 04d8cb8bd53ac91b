"""How an encoder reads a text, as the files of sentence-transformers say it.

``modules.json`` names the parts: a transformer, pooling, at times a dense layer, at
times a division by the length. Each part's own file lies beside it. A folder without
``modules.json`` is read by the mean of its last states. Knows no torch and no weights.

Run its tests: ``python -m pytest tests/xkde/engines/test_encoder.py``
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xkde.errors import CheckpointError

MODULES = "modules.json"
PROMPTS = "config_sentence_transformers.json"
# How versions of sentence-transformers have called the transformer's own file
TRANSFORMER_FILES = tuple(
    f"sentence_{kind}_config.json"
    for kind in "bert roberta distilbert camembert albert xlm-roberta xlnet".split()
)
POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "lasttoken",
}
# E5's files do not say what its card does: each text begins with what it is.
E5_NAME = re.compile(r"(^|[^a-z0-9])e5([^a-z0-9]|$)")
E5_PREFIXES = {"query": "query: ", "edit": "passage: "}
# Kind of text -> what models call it in their prompts
PROMPT_NAMES = {"query": ("query",), "edit": ("passage", "document", "corpus")}

# A file's name -> its JSON, or None where there is none
ReadJson = Callable[[str], Any]


@dataclass(frozen=True)
class Reading:
    """How texts become vectors."""

    pooling: str = "mean"
    longest: int | None = None  # tokens; None: as many as the model takes
    lower: bool = False
    prefixes: Mapping[str, str] = field(default_factory=dict)
    folder: str = ""  # of the transformer, within the checkpoint
    dense: tuple[str, ...] = ()  # folders of dense layers, in order


def reading_of(name: str, read: ReadJson) -> Reading:
    """Return how an encoder reads, by its files; ``name`` is its folder or Hub id.

    Raises CheckpointError for a part that X-KDE does not have.
    """
    prefixes = _prefixes(name, read(PROMPTS) or {})
    modules = read(MODULES)
    if modules is None:
        return Reading(prefixes=prefixes)
    folders: dict[str, list[str]] = {}
    for module in modules:
        kind = str(module["type"]).rpartition(".")[2]
        folders.setdefault(kind, []).append(str(module["path"]))
    unknown = sorted(set(folders) - {"Transformer", "Pooling", "Dense", "Normalize"})
    if unknown or "Transformer" not in folders or "Pooling" not in folders:
        what = f"has a part “{unknown[0]}”" if unknown else "is not one transformer"
        raise CheckpointError(
            f"The encoder “{name}” {what}, which X-KDE cannot run. Choose one of a "
            "transformer and pooling, such as multilingual E5."
        )
    folder = folders["Transformer"][0]
    own = next(
        (found for f in TRANSFORMER_FILES if (found := read(_in(folder, f)))), {}
    )
    return Reading(
        pooling=_pooling(name, read(_in(folders["Pooling"][0], "config.json")) or {}),
        longest=own.get("max_seq_length"),
        lower=bool(own.get("do_lower_case")),
        prefixes=prefixes,
        folder=folder,
        dense=tuple(folders.get("Dense", ())),
    )


def json_of(folder: Path, file: str) -> Any:
    """Return the JSON of a file in a folder, or None where there is none."""
    path = folder / file
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise CheckpointError(
            f"{path} is no JSON: {error}. Fetch or save the encoder again."
        ) from error


def write_reading(folder: Path, width: int, longest: int) -> None:
    """Write the files of an encoder that takes the mean, for sentence-transformers."""
    package = "sentence_transformers.models"
    parts = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    written: dict[str, Any] = {
        MODULES: [
            {"idx": i, "name": str(i), "path": path, "type": f"{package}.{kind}"}
            for i, (path, kind) in enumerate(parts.items())
        ],
        "1_Pooling/config.json": {"word_embedding_dimension": width}
        | {key: pooling == "mean" for key, pooling in POOLINGS.items()},
        TRANSFORMER_FILES[0]: {"max_seq_length": longest, "do_lower_case": False},
    }
    for name, content in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / "2_Normalize").mkdir(exist_ok=True)


def _in(folder: str, file: str) -> str:
    return f"{folder}/{file}" if folder else file


def _pooling(name: str, config: Mapping[str, Any]) -> str:
    """Return the one pooling that a config names, in its old form or its new one."""
    chosen = [POOLINGS.get(key, key) for key, is_on in config.items()
              if key.startswith("pooling_mode_") and is_on]  # fmt: skip
    if isinstance(config.get("pooling_mode"), str):
        chosen = [config["pooling_mode"]]
    if len(chosen) != 1 or chosen[0] not in POOLINGS.values():
        how = " and ".join(chosen) or "nothing"
        raise CheckpointError(
            f"The encoder “{name}” pools its states by {how}; X-KDE knows one of: "
            f"{', '.join(POOLINGS.values())}. Choose another."
        )
    return chosen[0]


def _prefixes(name: str, config: Mapping[str, Any]) -> dict[str, str]:
    prompts = config.get("prompts") or {}
    found = {
        kind: next((prompts[n] for n in names if n in prompts), "")
        for kind, names in PROMPT_NAMES.items()
    }
    if not any(found.values()) and E5_NAME.search(name.lower()):
        return dict(E5_PREFIXES)
    return found
