"""The engine that asks a server which speaks the OpenAI protocol, such as vLLM's.

Many requests are under way at a time, and the server forms the batches. A request that
fails for a moment is repeated by the client library with growing pauses. Prompts are
token ids, encoded by ``xkde.prompts``, and every sampling setting is stated, so neither
a chat template nor the defaults of a server change an answer.

Several models may be served: a base with adapters as its LoRA modules, or models of
several servers. ``served_engine`` finds the one that a folder's checkpoint is.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import openai
from openai.types import CompletionChoice
from openai.types import Model as ServedModel

from xkde import prompts as prompting
from xkde.checkpoints import CATALOGUE, resolve
from xkde.engines.loading import load_tokenizer, stop_ids_of
from xkde.errors import CheckpointError, InputError
from xkde.prompts import Encoded, Tokenizer, Wrapper
from xkde.types import Finish, Generation, Message, Sampling, samplings_for

WORKERS = 16  # requests under way at a time
RETRIES = 5
TIMEOUT = 120.0  # seconds that one request may take

Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class ServerEngine:
    """One model of a server, with its tokenizer here."""

    client: openai.OpenAI
    model: str
    tokenizer: Tokenizer
    max_length: int | None = None
    workers: int = WORKERS
    stop_ids: tuple[int, ...] = ()
    is_remote: bool = True  # its weights cannot be edited here

    def encode(
        self, messages: Sequence[Message], wrapper: Wrapper = "hf_template"
    ) -> Encoded:
        """Turn a conversation into token ids."""
        return prompting.encode(self.tokenizer, messages, wrapper)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        batch_size: int = 64,
        on_progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer every prompt, in the given order; the server forms the batches.

        Raises CheckpointError if the server does not answer or fails, InputError if it
        refuses a prompt.
        """
        if any(not prompt for prompt in prompts):
            raise InputError("The prompt is empty. Please type a question.")
        samplings = samplings_for(sampling, len(prompts))
        answers: list[Generation] = []
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for answer in pool.map(self._complete, prompts, samplings):
                    answers.append(answer)
                    if on_progress is not None:
                        on_progress(len(answers), len(prompts))
            except (CheckpointError, InputError):
                pool.shutdown(cancel_futures=True)
                raise
        return answers

    def stream(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling,
        cancelled: threading.Event | None = None,
    ) -> Iterator[list[Generation]]:
        """Yield the Generation of every prompt whenever one has grown.

        All prompts go in one request, which ends with the stream. Raises as
        ``generate`` does.
        """
        began = monotonic()
        grown = [_Growing(len(prompt)) for prompt in prompts]
        with (
            self._in_words(max(map(len, prompts))),
            self.client.completions.create(
                prompt=[list(prompt) for prompt in prompts],
                model=self.model,
                max_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p if sampling.temperature else 1.0,
                seed=sampling.seed,
                stream=True,
                extra_body=self._own_parameters(),
            ) as chunks,
        ):
            for chunk in chunks:
                if cancelled is not None and cancelled.is_set():
                    yield [each.generation("cancelled") for each in grown]
                    return
                for choice in chunk.choices:
                    grown[choice.index].add(choice, monotonic() - began)
                yield [each.generation() for each in grown]

    def _complete(self, prompt: Sequence[int], sampling: Sampling) -> Generation:
        began = monotonic()
        with self._in_words(len(prompt)):
            completion = self.client.completions.create(
                model=self.model,
                prompt=list(prompt),
                max_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p if sampling.temperature else 1.0,
                seed=sampling.seed,
                extra_body=self._own_parameters(),
            )
        if not completion.choices:
            raise self._broke_off("no answer came")
        grown = _Growing(len(prompt))
        grown.add(completion.choices[0], monotonic() - began)
        return grown.generation()

    def _own_parameters(self) -> dict[str, object]:
        """Return vLLM's own parameters; other servers ignore them."""
        return {
            "return_token_ids": True,
            "repetition_penalty": 1.0,
            "stop_token_ids": list(self.stop_ids),
        }

    @contextmanager
    def _in_words(self, prompt_tokens: int) -> Iterator[None]:
        """Raise what the client raises as an error that says how to mend it."""
        address = self.client.base_url
        try:
            yield
        except openai.APIConnectionError as error:  # a timeout is one, too
            raise CheckpointError(
                "The server at {address} does not answer, after {n} tries. What was "
                "sampled before is kept: start the server again, then repeat the "
                "command.",
                address=address,
                n=self.client.max_retries + 1,
            ) from error
        except openai.BadRequestError as error:
            raise InputError(
                "The server refuses a prompt of {n} tokens: {reason}. Shorten it, or "
                "ask for fewer new tokens.",
                n=prompt_tokens,
                reason=_reason(error),
            ) from error
        except openai.APIStatusError as error:
            raise CheckpointError(
                "The server at {address} answers with error {code}: {reason}. Read its "
                "log, mend it, then repeat the command.",
                address=address,
                code=error.status_code,
                reason=_reason(error),
            ) from error
        except openai.APIError as error:  # an event within a stream, a broken record
            raise self._broke_off(_reason(error)) from error

    def _broke_off(self, reason: str) -> CheckpointError:
        return CheckpointError(
            "The server at {address} broke off: {reason}. Read its log, mend it, then "
            "ask again.",
            address=self.client.base_url,
            reason=reason,
        )


@dataclass
class _Growing:
    """One answer of a server while it arrives."""

    prompt_tokens: int
    text: str = ""
    token_ids: tuple[int, ...] = ()
    finish: Finish | None = None
    seconds: float = 0.0

    def add(self, choice: CompletionChoice, seconds: float) -> None:
        """Take what has come; a server need not say which tokens."""
        self.text += choice.text
        self.token_ids += tuple(getattr(choice, "token_ids", None) or ())
        self.seconds = seconds
        reason: str | None = choice.finish_reason  # None while it streams
        if reason is not None:
            self.finish = "length" if reason == "length" else "stop"

    def generation(self, otherwise: Finish | None = None) -> Generation:
        """Return the answer so far; ``otherwise`` is how an unfinished one ends."""
        return Generation(
            text=self.text.strip(),
            token_ids=self.token_ids,
            prompt_tokens=self.prompt_tokens,
            seconds=self.seconds,
            finish=self.finish or otherwise,
        )


def _reason(error: openai.APIError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    reason = str(body.get("message") or error.message).strip() or "no reason given"
    return reason.splitlines()[0].rstrip(".")[:300]


def open_server(
    address: str,
    checkpoint: str,
    *,
    revision: str | None = None,
    workers: int = WORKERS,
    retries: int = RETRIES,
    timeout: float = TIMEOUT,
) -> ServerEngine:
    """Connect to a server and its first model, with the checkpoint's tokenizer.

    ``address`` usually ends in /v1. Raises CheckpointError if nothing answers there.
    """
    client = _client(address, retries, timeout)
    models = _models(client, address, checkpoint)
    return _engine(client, models[0], checkpoint, revision, workers)


def served_engine(addresses: str, folder: Path) -> ServerEngine:
    """Connect to the model of one of several servers that a folder's checkpoint is.

    ``addresses`` stand with commas between them. A model is served under the folder's
    path or name, or under its name in the catalogue. Raises CheckpointError, with what
    to serve, if there is none.
    """
    known = {str(folder), folder.name} | {
        name for name in CATALOGUE if _is_at(name, folder)
    }
    served: list[str] = []
    for address in addresses.split(","):
        client = _client(address.strip(), RETRIES, TIMEOUT)
        for model in _models(client, address, folder.name):
            if known & {model.id, str(getattr(model, "root", ""))}:
                return _engine(client, model, str(folder), None, WORKERS)
            served.append(model.id)
    raise CheckpointError(
        "The server has no model “{name}”, only {served}. Start vLLM with "
        "--served-model-name {name}, or for an adapter --lora-modules {name}={folder}.",
        name=folder.name,
        served=tuple(served),
        folder=folder,
    )


def _is_at(name: str, folder: Path) -> bool:
    try:
        return resolve(name).path == folder
    except CheckpointError:
        return False


def _client(address: str, retries: int, timeout: float) -> openai.OpenAI:
    # A server of one's own needs no key, but openai requires one.
    key = os.environ.get("OPENAI_API_KEY", "none")
    return openai.OpenAI(
        base_url=address, api_key=key, max_retries=retries, timeout=timeout
    )


def _models(client: openai.OpenAI, address: str, checkpoint: str) -> list[ServedModel]:
    try:
        models = list(client.with_options(max_retries=1).models.list())
    except (openai.APIConnectionError, openai.APIStatusError) as error:
        raise CheckpointError(
            "No server answers at {address}. Start one, for instance with “vllm serve "
            "{checkpoint}”, and give its address up to “/v1”.",
            address=address,
            checkpoint=checkpoint,
        ) from error
    if not models:
        raise CheckpointError("The server at {address} has no model.", address=address)
    return models


def _engine(
    client: openai.OpenAI,
    model: ServedModel,
    checkpoint: str,
    revision: str | None,
    workers: int,
) -> ServerEngine:
    tokenizer = load_tokenizer(checkpoint, revision=revision)
    length = getattr(model, "max_model_len", None)  # only vLLM states it
    stop_ids = stop_ids_of(checkpoint)
    return ServerEngine(client, model.id, tokenizer, length, workers, stop_ids)
