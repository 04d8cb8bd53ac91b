"""Ways in which a checkpoint's folder can be damaged, or made to do harm.

Each takes a folder that may be written to; most change one file.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

Damage = Callable[[Path], None]


def config(**changes: Any) -> Damage:
    """Set some entries of config.json."""
    return _entries("config.json", changes)


def tokenizer(**changes: Any) -> Damage:
    """Set some entries of tokenizer_config.json."""
    return _entries("tokenizer_config.json", changes)


def _entries(name: str, changes: dict[str, Any]) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / name
        known = json.loads(file.read_text("utf-8")) | changes
        file.write_text(json.dumps(known), "utf-8")

    return damage


def content(name: str, data: bytes) -> Damage:
    """Write a file's whole content."""
    return lambda folder: (folder / name).write_bytes(data) and None


def cut(name: str, size: int) -> Damage:
    """Keep so many bytes of a file."""
    return lambda folder: os.truncate(folder / name, size)


def link(name: str, to: str) -> Damage:
    """Let a file be a link that leads out of the folder."""

    def damage(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(to)

    return damage


def pickled(folder: Path) -> None:
    """Give the weights as a pickle."""
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def indexed(weight_map: object) -> Damage:
    """Give an index of shards instead of the weights."""

    def damage(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        index = {"metadata": {}, "weight_map": weight_map}
        file = folder / "model.safetensors.index.json"
        file.write_text(json.dumps(index), "utf-8")

    return damage


def template(text: str) -> Damage:
    """Set the chat template."""
    return content("chat_template.jinja", text.encode())


def split_rule(folder: Path) -> None:
    """Give tokenizer.json a rule that its library cannot take."""
    file = folder / "tokenizer.json"
    known = json.loads(file.read_text("utf-8"))
    known["pre_tokenizer"] = {
        "type": "Split", "pattern": {"Regex": "(a+"}, "behavior": "Isolated",
        "invert": False,
    }  # fmt: skip
    file.write_text(json.dumps(known), "utf-8")


DAMAGES: dict[str, Damage] = {
    "weights cut off": cut("model.safetensors", 1000),
    "weights empty": cut("model.safetensors", 0),
    "weights are a pickle by another name": content(
        "model.safetensors", b"\x80\x04\x95" + b"." * 100
    ),
    "weights as a pickle": pickled,
    "header of 2^60 bytes": content("model.safetensors", (2**60).to_bytes(8, "little")),
    "header is a list": content("model.safetensors", (2).to_bytes(8, "little") + b"[]"),
    "header nested deeply": content(
        "model.safetensors", (4000).to_bytes(8, "little") + b"[" * 4000
    ),
    "weights lead out": link("model.safetensors", "/etc/passwd"),
    "index leads out": indexed({"a": "../../../etc/passwd"}),
    "index is a list": indexed(["a"]),
    "config cut off": cut("config.json", 20),
    "config empty": cut("config.json", 0),
    "config nested deeply": content("config.json", b'{"a":' * 5000),
    "config is a list": content("config.json", b"[]"),
    "hidden_size x": config(hidden_size="x"),
    "hidden_size of a billion": config(hidden_size=10**9),
    "0 heads": config(num_attention_heads=0, num_key_value_heads=0),
    "7 heads": config(num_attention_heads=7),
    "layer too many": config(num_hidden_layers=3),
    "20,000 layers": config(num_hidden_layers=20_000),
    "vocabulary of a billion": config(vocab_size=10**9),
    "architectures 5": config(architectures=5),
    "architectures {}": config(architectures={}),
    "architectures unknown": config(architectures=["NoSuchForCausalLM"]),
    "model_type unknown": config(model_type="no-such"),
    "rope_parameters [1]": config(rope_parameters=[1]),
    "hidden_act evil": config(hidden_act="evil"),
    "eos_token_id x": config(eos_token_id="x"),
    "own code": config(auto_map={"AutoModelForCausalLM": "evil.Model"}),
    "card is a list": content("card.json", b"[1]"),
    "tokenizer cut off": cut("tokenizer.json", 500),
    "tokenizer leads out": link("tokenizer.json", "/etc/passwd"),
    "tokenizer_class 5": tokenizer(tokenizer_class=5),
    "extra_special_tokens [5]": tokenizer(extra_special_tokens=[5]),
    "model_max_length x": tokenizer(model_max_length="x"),
    "a rule that cannot be read": split_rule,
    "generation_config is a list": content("generation_config.json", b"[1]"),
    "template without end": template("{% for i in range(10**9) %}x{% endfor %}"),
    "template reaches out": template("{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    "template cut off": template("{% for message in"),
}


def damaged_copy(folder: Path, copy: Path, name: str) -> Path:
    """Copy a whole checkpoint and damage the copy."""
    shutil.copytree(folder, copy)
    DAMAGES[name](copy)
    return copy
