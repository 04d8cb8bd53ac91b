"""The engine that asks a server which speaks the OpenAI protocol: ``vllm serve``.

Takes and gives what the engines of this machine do, and sends token ids, so that the
server's own chat template and BOS have no say. Many requests are under way at once; a
request that fails for a moment is repeated with growing pauses (the client library does
that), one that cannot succeed ends the job with words. Knows no model's files but its
tokenizer.

Run its tests: ``python -m pytest tests/xkde/engines/test_server.py``
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

import openai

from xkde import prompts as prompting
from xkde.engines.loading import load_tokenizer
from xkde.errors import CheckpointError, InputError
from xkde.prompts import Encoded, Tokenizer, Wrapper
from xkde.types import Finish, Generation, Message, Sampling

WORKERS = 16
RETRIES = 5
PATIENCE = 120.0  # seconds that one request may take


@dataclass(frozen=True)
class ServerEngine:
    """One model of a server, with its tokenizer here."""

    client: Any
    model: str
    tokenizer: Tokenizer
    max_length: int | None = None
    workers: int = WORKERS

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
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Generation]:
        """Answer every prompt, in the given order; the server batches by itself.

        Raises CheckpointError where the server stays silent, InputError where it
        refuses a prompt.
        """
        samplings = (
            [sampling] * len(prompts) if isinstance(sampling, Sampling) else sampling
        )
        if any(not prompt for prompt in prompts):
            raise InputError("The prompt is empty. Please type a question.")
        answers: list[Generation] = []
        with ThreadPoolExecutor(self.workers) as pool:
            try:
                for answer in pool.map(self._one, prompts, samplings):
                    answers.append(answer)
                    if on_progress is not None:
                        on_progress(len(answers), len(prompts))
            except (CheckpointError, InputError):
                pool.shutdown(cancel_futures=True)
                raise
        return answers

    def _one(self, prompt: Sequence[int], sampling: Sampling) -> Generation:
        began = monotonic()
        try:
            given = self.client.completions.create(
                model=self.model,
                prompt=list(prompt),
                max_tokens=sampling.max_new_tokens,
                temperature=sampling.temperature,
                top_p=sampling.top_p if sampling.temperature else 1.0,
                seed=sampling.seed,
                # Of vLLM's own, beyond the protocol; other servers ignore them.
                extra_body={"return_token_ids": True, "repetition_penalty": 1.0},
            )
        except openai.APIConnectionError as error:  # a timeout is one, too
            raise CheckpointError(
                f"The server at {self.client.base_url} does not answer, after "
                f"{self.client.max_retries + 1} tries. What was sampled before is "
                "kept: start the server again, then repeat the command."
            ) from error
        except openai.BadRequestError as error:
            raise InputError(
                f"The server refuses a prompt of {len(prompt)} tokens: "
                f"{_reason(error)}. Shorten it, or ask for fewer new tokens."
            ) from error
        except openai.APIStatusError as error:
            raise CheckpointError(
                f"The server at {self.client.base_url} answers with error "
                f"{error.status_code}: {_reason(error)}. Read its log, mend it, then "
                "repeat the command."
            ) from error
        return _generation(given, len(prompt), monotonic() - began)


def _reason(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    said = str(body.get("message") or error.message).strip() or "no reason given"
    return said.splitlines()[0].rstrip(".")[:300]


def _generation(given: Any, prompt_tokens: int, seconds: float) -> Generation:
    answer = given.choices[0]
    finish: Finish = "length" if answer.finish_reason == "length" else "stop"
    return Generation(
        text=answer.text.strip(),
        token_ids=tuple(getattr(answer, "token_ids", None) or ()),
        prompt_tokens=prompt_tokens,
        seconds=seconds,
        finish=finish,
    )


def open_server(
    address: str,
    checkpoint: str,
    *,
    revision: str | None = None,
    workers: int = WORKERS,
    retries: int = RETRIES,
    patience: float = PATIENCE,
) -> ServerEngine:
    """Connect to a server; its first model is asked, with the checkpoint's tokenizer.

    ``address`` ends in /v1 as a rule. Raises CheckpointError where nothing answers.
    """
    client = openai.OpenAI(
        base_url=address,
        # A server of one's own wants no key; openai refuses to go without.
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
        max_retries=retries,
        timeout=patience,
    )
    try:
        asked = client.with_options(max_retries=1).models.list()
        models = list(asked)
    except (openai.APIConnectionError, openai.APIStatusError) as error:
        raise CheckpointError(
            f"No server answers at {address}. Start one, for instance with “vllm serve "
            f"{checkpoint}”, and give its address up to “/v1”."
        ) from error
    if not models:
        raise CheckpointError(f"The server at {address} has no model.")
    tokenizer = load_tokenizer(checkpoint, revision=revision)
    length = getattr(models[0], "max_model_len", None)  # vLLM tells; others do not
    return ServerEngine(client, models[0].id, tokenizer, length, workers)
