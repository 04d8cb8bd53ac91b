"""A package's GGUF weights as a checkpoint folder: bf16 safetensors, made once.

The folder is written aside and renamed when it is whole; a second process waits for the
first. Also adds what a pretrained model needs to be asked with examples: its chat
template and the line breaks that end an answer. torch and transformers are imported
when something is converted.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from xkde.checkpoints.catalogue import CATALOGUE
from xkde.checkpoints.packages import (
    PackageSource,
    Progress,
    assemble,
    converted,
    notice_files,
)
from xkde.errors import CheckpointError
from xkde.hub import size_text
from xkde.hub.planning import RESERVE, free_bytes_at
from xkde.paths import CARD, CHAT_TEMPLATE, CHAT_TEMPLATES, NOTICE
from xkde.writing import write_aside

GGUF = "weights.gguf"


def total_bytes(source: PackageSource) -> int:
    """Return the bytes that a conversion reads and writes, about."""
    return source.bytes + source.converted_bytes


def convert(
    name: str, source: PackageSource, on_progress: Progress = lambda done, total: None
) -> Path:
    """Convert the package of a catalogue entry; return the finished folder.

    Raises CheckpointError where a part is missing, the checksum is another or the disk
    is full; nothing half-written is left.
    """
    folder, total = source.folder, total_bytes(source)
    aside = folder.with_name(f".{folder.name}.part")
    with _disk_errors(source):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f".{folder.name}.lock")):
            if (finished := converted(source)) is not None:
                return finished
            shutil.rmtree(aside, ignore_errors=True)
            _check_space(source)
            aside.mkdir()
            try:
                assemble(source, aside / GGUF, lambda done: on_progress(done, total))
                _write_checkpoint(aside)
                on_progress(total, total)
                _write_papers(aside, name, source)
                os.replace(aside, folder)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
    return folder


def ask_with_examples(folder: Path) -> None:
    """Let a pretrained model's folder be asked with few-shot examples.

    Writes the chat template that takes them, unless there is one, and every token that
    holds a line break into generation_config.json, as an end of the answer.
    """
    from tokenizers import Tokenizer

    if not (folder / CHAT_TEMPLATE).is_file():
        shutil.copyfile(CHAT_TEMPLATES / "few-shot.jinja", folder / CHAT_TEMPLATE)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    line_breaks = sorted(
        token_id
        for text, token_id in tokenizer.get_vocab().items()
        # As it is, in ByteLevel's alphabet, as a byte token
        if ("\n" in text or "Ċ" in text or text == "<0x0A>")
        and "\n" in tokenizer.decode([token_id], skip_special_tokens=False)
    )
    file = folder / "generation_config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    ends = config.get("eos_token_id")
    ends = ends if isinstance(ends, list) else [] if ends is None else [ends]
    config["eos_token_id"] = [*dict.fromkeys((*ends, *line_breaks))]
    write_aside(file, json.dumps(config, indent=1) + "\n")


@contextmanager
def _disk_errors(source: PackageSource) -> Iterator[None]:
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            "{name} could not be converted: {reason}. Free some space, or set "
            "XKDE_HOME to a folder on a larger disk.",
            name=source.distribution,
            reason=str(getattr(error, "strerror", None) or error).rstrip("."),
        ) from error


def _check_space(source: PackageSource) -> None:
    needed = total_bytes(source) + RESERVE
    free = free_bytes_at(source.folder.parent)
    if needed > free:
        raise CheckpointError(
            "The conversion needs {needed} and the disk has {free} free. Free some "
            "space, or set XKDE_HOME to a folder on a larger disk.",
            needed=size_text(needed),
            free=size_text(free),
        )


def _write_checkpoint(folder: Path) -> None:
    """Turn the GGUF file of a folder into safetensors, configuration and tokenizer."""
    import torch
    from tokenizers.processors import TemplateProcessing
    from transformers import (
        AutoModelForCausalLM,
        AutoTokenizer,
        PreTrainedModel,
        PreTrainedTokenizerBase,
    )

    loaded: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=GGUF, dtype=torch.bfloat16, local_files_only=True
    )
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, gguf_file=GGUF, local_files_only=True
    )
    # The weights are plain numbers now; nothing may say that they are quantised.
    for owner, names in (
        (loaded.config, ("quantization_config",)),
        (loaded, ("hf_quantizer", "is_quantized", "quantization_method")),
    ):
        for attribute in names:
            owner.__dict__.pop(attribute, None)
    bos, bos_id = tokenizer.bos_token, tokenizer.bos_token_id
    if bos is not None:
        # A tokenizer that is read from GGUF does not begin a text with its BOS.
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{bos} $A",
            pair=f"{bos} $A {bos} $B",
            special_tokens=[(bos, bos_id)],
        )
    loaded.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / GGUF).unlink()


def _write_papers(folder: Path, name: str, source: PackageSource) -> None:
    """Write template, notices and card beside the weights."""
    entry = CATALOGUE[name]
    if entry.few_shot:
        ask_with_examples(folder)
    for file in notice_files(source):
        shutil.copyfile(file, folder / file.name)
    write_aside(folder / NOTICE, source.notice + "\n")
    card = {
        "name": name,
        "label": entry.label,
        "stage": entry.stage,
        "revision": source.sha256[:12],
        "upstream": source.upstream,
        "package": f"{source.distribution}=={source.version}",
        "sha256": source.sha256,
        "licence": source.licence,
        "terms": source.terms,
    }
    text = json.dumps(card, ensure_ascii=False, indent=1)
    write_aside(folder / CARD, text + "\n")
