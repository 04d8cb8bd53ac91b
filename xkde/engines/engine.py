"""The interface of an engine, which runs a causal LM, and how to open one by name.

``transformers`` runs a checkpoint in this process, ``vllm`` does so with vLLM, and an
address ("http://…/v1") asks a server that speaks the OpenAI protocol.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from xkde.checkpoints import resolve
from xkde.engines.loading import load, source_of
from xkde.engines.vllm import load_vllm, open_server
from xkde.errors import InputError
from xkde.prompts import Encoded, Tokenizer, Wrapper
from xkde.types import Generation, Message, Sampling

ENGINES = ("transformers", "vllm")


class Engine(Protocol):
    """Answers prompts of token ids, which are the same for every engine."""

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's tokenizer, for plain text."""

    @property
    def max_length(self) -> int | None:
        """How many tokens prompt and answer may have together; None if unknown."""

    def encode(
        self, messages: Sequence[Message], wrapper: Wrapper = "hf_template"
    ) -> Encoded:
        """Turn a conversation into token ids."""

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        batch_size: int = 64,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Generation]:
        """Answer every prompt, in the given order."""


def open_engine(name: str, checkpoint: str, revision: str | None = None) -> Engine:
    """Return an engine for a checkpoint; ``name`` is one of ENGINES or an address.

    Raises InputError for another name, CheckpointError for a checkpoint that cannot be
    used and for a server that does not answer.
    """
    reference = resolve(checkpoint, revision)
    source = source_of(reference)
    if name.startswith(("http://", "https://")):
        return open_server(name, source, revision=reference.revision)
    if name == "vllm":
        return load_vllm(source, revision=reference.revision)
    if name == "transformers":
        return load(source, revision=reference.revision)
    raise InputError(
        f"There is no engine “{name}”: {', '.join(ENGINES)}, or a server's address "
        "that begins with http://."
    )
