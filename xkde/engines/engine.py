"""The interface of an engine, which runs a causal LM; opening and asking one.

``transformers`` runs a checkpoint in this process, ``vllm`` does so with vLLM, and an
address ("http://…/v1") asks a server that speaks the OpenAI protocol. ``chat``,
``completion`` and ``chat_server`` ask many questions at once: text in, replies out.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import openai

from xkde.checkpoints import resolve
from xkde.data.instructions.targets import Ask, Reply
from xkde.engines.loading import Dtype, load, source_of
from xkde.engines.server import open_server
from xkde.engines.vllm import load_vllm
from xkde.errors import CheckpointError, InputError
from xkde.prompts import Encoded, Tokenizer, Wrapper, ask
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


def open_engine(
    name: str,
    checkpoint: str,
    revision: str | None = None,
    *,
    device: str = "auto",
    dtype: Dtype = "auto",
    as_released: bool = False,
) -> Engine:
    """Return an engine for a checkpoint; ``name`` is one of ENGINES or an address.

    ``device``, ``dtype`` and ``as_released`` (see ``loading.load``) are of the engine
    transformers. Raises InputError for another name, CheckpointError for a checkpoint
    that cannot be used and for a server that does not answer.
    """
    reference = resolve(checkpoint, revision)
    if name.startswith(("http://", "https://")):
        # Of a checkpoint on the Hub a server's user needs the tokenizer alone.
        is_far = reference.path is None and reference.repository
        tokenizer_of = reference.repository if is_far else source_of(reference)
        return open_server(name, str(tokenizer_of), revision=reference.revision)
    source = source_of(reference)
    if name == "vllm":
        return load_vllm(source, revision=reference.revision)
    if name == "transformers":
        return load(
            source,
            revision=reference.revision,
            device=device,
            dtype=dtype,
            as_released=as_released,
        )
    raise InputError(
        f"There is no engine “{name}”: {', '.join(ENGINES)}, or a server's address "
        "that begins with http://."
    )


WORKERS = 8
RETRIES = 5
PATIENCE = 120.0  # seconds that one request may take


def chat(engine: Engine, max_new_tokens: int) -> Ask:
    """Return a function that asks an engine each prompt as one user turn."""

    def replies(prompts: Sequence[str]) -> list[Reply]:
        ids = [engine.encode(ask(prompt)).ids for prompt in prompts]
        return _replies(engine, ids, max_new_tokens)

    return replies


def completion(engine: Engine, max_new_tokens: int) -> Ask:
    """Return a function that lets an engine continue each prompt, after one BOS."""
    tokenizer = engine.tokenizer
    bos = tokenizer.bos_token_id
    begin = () if bos is None or bos not in tokenizer("")["input_ids"] else (bos,)

    def replies(prompts: Sequence[str]) -> list[Reply]:
        ids = [
            (*begin, *tokenizer(prompt, add_special_tokens=False)["input_ids"])
            for prompt in prompts
        ]
        return _replies(engine, ids, max_new_tokens)

    return replies


def _replies(
    engine: Engine, ids: Sequence[Sequence[int]], max_new_tokens: int
) -> list[Reply]:
    """Ask what fits; a prompt that leaves no room for an answer gets none."""
    limit = engine.max_length
    fits = [limit is None or len(one) + max_new_tokens <= limit for one in ids]
    asked = [one for one, is_short in zip(ids, fits, strict=True) if is_short]
    given = iter(engine.generate(asked, Sampling(max_new_tokens)) if asked else ())
    too_long = Reply("", error="the prompt is too long for the model")
    return [_reply(next(given)) if is_short else too_long for is_short in fits]


def _reply(given: Generation) -> Reply:
    return Reply(given.text, given.finish == "stop")


def chat_server(
    address: str,
    model: str = "",
    max_new_tokens: int = 512,
    *,
    retries: int = RETRIES,
    patience: float = PATIENCE,
) -> tuple[Ask, str]:
    """Return a function that asks a server, and the name of its model.

    The key is in OPENAI_API_KEY, where a server wants one. Raises CheckpointError
    where nothing answers; a request that fails later is a Reply with an error.
    """
    client = openai.OpenAI(
        base_url=address,
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
        max_retries=retries,
        timeout=patience,
    )
    name = model or _first_model(client, address)

    def one(prompt: str) -> Reply:
        try:
            given = client.chat.completions.create(
                model=name,
                messages=[{"role": "user", "content": prompt}],
                temperature=0,
                max_tokens=max_new_tokens,
                seed=0,
            )
        except openai.APIStatusError as error:
            return Reply("", error=f"the server: error {error.status_code}")
        except openai.APIError:  # a lost connection, a reply that cannot be read
            return Reply("", error="no answer from the server")
        if not given.choices:
            return Reply("", error="no answer from the server")
        text = given.choices[0].message.content or ""
        return Reply(text.strip(), given.choices[0].finish_reason != "length")

    def replies(prompts: Sequence[str]) -> list[Reply]:
        with ThreadPoolExecutor(WORKERS) as pool:
            return list(pool.map(one, prompts))

    return replies, name


def _first_model(client: openai.OpenAI, address: str) -> str:
    try:
        models = list(client.with_options(max_retries=1).models.list())
    except (openai.APIConnectionError, openai.APIStatusError) as error:
        raise CheckpointError(
            f"No server answers at {address}. Start it, give its address up to “/v1”, "
            "and its model by --model."
        ) from error
    if not models:
        raise CheckpointError(f"The server at {address} has no model.")
    return models[0].id
