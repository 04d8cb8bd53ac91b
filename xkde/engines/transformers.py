"""The engine that runs a causal LM with transformers: generate, stream, score.

Takes and returns the records of ``xkde.types``; text becomes token ids through
``xkde.prompts`` alone. It has no state besides the model, so any thread may use it, one
at a time. Load one with ``xkde.engines.loading.load``.
"""

import string
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from xkde import prompts as prompting
from xkde.engines.decoding import DecodedRow, decode
from xkde.engines.forward import (
    Padding,
    Pair,
    TokenMeasure,
    batches_by_length,
    hidden_states,
    longest_input,
    measure,
)
from xkde.errors import InputError
from xkde.prompts import Encoded, Wrapper
from xkde.types import (
    AnswerScore,
    Generation,
    Message,
    Sampling,
    TokenScore,
    samplings_for,
)

Progress = Callable[[int, int], None]  # how many are done, of how many
REPLACEMENT = "\ufffd"  # stands for an incomplete character in decoded text
TRAILING = REPLACEMENT + string.whitespace  # cut off at the end of an answer
LONGEST_CHARACTER = 4  # bytes in UTF-8, so at most as many tokens


@dataclass(frozen=True)
class TransformersEngine:
    """One model with its tokenizer. Ids in a Generation include the end mark."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    device: torch.device

    @property
    def stop_ids(self) -> frozenset[int]:
        """The ids that end an answer, of the generation config and of the tokenizer."""
        settings = self.model.generation_config
        configured = settings.eos_token_id if settings is not None else None
        ids = configured if isinstance(configured, list) else [configured]
        return frozenset(
            token_id
            for token_id in (*ids, self.tokenizer.eos_token_id)
            if token_id is not None
        )

    @property
    def max_length(self) -> int | None:
        """How many tokens prompt and answer may have together, if there is a limit."""
        return longest_input(self.model)

    def encode(
        self, messages: Sequence[Message], wrapper: Wrapper = "hf_template"
    ) -> Encoded:
        """Turn a conversation into token ids."""
        return prompting.encode(self.tokenizer, messages, wrapper)

    def encode_query(self, text: str, language: str = "") -> tuple[int, ...]:
        """Turn one question into the ids of a prompt."""
        return self.encode(prompting.ask(text, language)).ids

    def stream(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        cancelled: threading.Event | None = None,
    ) -> Iterator[list[Generation]]:
        """Yield the Generation of every prompt after each token.

        A single Sampling gives all rows the same seed. Text never ends within a
        character. Raises InputError for a prompt that does not fit the model.
        """
        samplings = samplings_for(sampling, len(prompts))
        latest: list[Generation | None] = [None] * len(prompts)
        for rows in self.rows(prompts, samplings, cancelled, rows_are_alike=True):
            for index, row in enumerate(rows):
                before = latest[index]
                if before is None or before.finish is None:
                    latest[index] = self.generation(row)
            yield [generation for generation in latest if generation is not None]

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        batch_size: int = 64,
        on_progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer every prompt, in the given order; batches have similar lengths."""
        samplings = samplings_for(sampling, len(prompts))
        answers: dict[int, Generation] = {}
        lengths = [len(prompt) for prompt in prompts]
        for batch in batches_by_length(lengths, batch_size):
            states = self.rows(
                [prompts[i] for i in batch],
                [samplings[i] for i in batch],
                rows_are_alike=True,
            )
            rows = deque(states, maxlen=1).pop()
            answers.update(zip(batch, map(self.generation, rows), strict=True))
            if on_progress is not None:
                on_progress(len(answers), len(prompts))
        return [answers[i] for i in range(len(prompts))]

    def score(
        self,
        pairs: Sequence[Pair],
        batch_size: int = 64,
        padding: Padding = "right",
        on_progress: Progress | None = None,
    ) -> list[AnswerScore]:
        """Score each answer token by token, teacher-forced; in the given order."""
        for prompt, answer in pairs:
            if not answer:
                raise InputError("An answer to score has no tokens. Please give it.")
            self._check_length(len(prompt), len(answer))
        scores: dict[int, AnswerScore] = {}
        lengths = [len(prompt) for prompt, _ in pairs]
        for batch in batches_by_length(lengths, batch_size):
            measured = measure(self.model, [pairs[i] for i in batch], padding)
            scores.update(zip(batch, map(self._answer_score, measured), strict=True))
            if on_progress is not None:
                on_progress(len(scores), len(pairs))
        return [scores[i] for i in range(len(pairs))]

    def hidden_states(
        self, sequences: Sequence[Sequence[int]], layers: Sequence[int] | None = None
    ) -> list[Tensor]:
        """Return (layers + 1, time, hidden) for each sequence, on the CPU in float32.

        Index 0 is the embeddings; ``layers`` selects indices. The tensors are copies
        outside inference mode, so gradients may flow through them.
        """
        for sequence in sequences:
            self._check_length(len(sequence), 0)
        return [
            hidden_states(self.model, sequence, layers).clone()
            for sequence in sequences
        ]

    def rows(
        self,
        prompts: Sequence[Sequence[int]],
        samplings: Sequence[Sampling],
        cancelled: threading.Event | None = None,
        *,
        rows_are_alike: bool = False,
    ) -> Iterator[list[DecodedRow]]:
        """Yield the rows after each token, always the same list, without text.

        For ``rows_are_alike`` see ``decode``. Between two tokens, a row whose
        ``finish`` is set is decoded no further.
        """
        self.check(prompts, samplings)
        if prompts:
            yield from decode(
                self.model,
                prompts,
                samplings,
                self.stop_ids,
                self.max_length,
                cancelled,
                rows_are_alike=rows_are_alike,
            )

    def check(
        self, prompts: Sequence[Sequence[int]], samplings: Sequence[Sampling]
    ) -> None:
        """Raise InputError for a prompt that leaves no room for an answer."""
        for prompt, sampling in zip(prompts, samplings, strict=True):
            self._check_length(len(prompt), 1)
            if sampling.max_new_tokens < 1:
                raise InputError("An answer needs at least one new token.")

    def _check_length(self, prompt_tokens: int, answer_tokens: int) -> None:
        if not prompt_tokens:
            raise InputError("The prompt is empty. Please type a question.")
        limit = self.max_length
        if limit is not None and prompt_tokens + answer_tokens > limit:
            raise InputError(
                "The prompt has {n} tokens, but this model takes at most {most} before "
                "its answer. Please shorten it, or use fewer edits.",
                n=prompt_tokens,
                most=limit - answer_tokens,
            )

    def generation(self, row: DecodedRow) -> Generation:
        """Return a row with its text up to the last whole character."""
        return Generation(
            text=self._text(row.token_ids).rstrip(TRAILING).lstrip(),
            token_ids=tuple(row.token_ids),
            prompt_tokens=row.prompt_tokens,
            seconds=row.seconds,
            finish=row.finish,
        )

    def _text(self, token_ids: Sequence[int], special: bool = False) -> str:
        """Decode up to the last whole character."""
        text = self._decoded(token_ids, special)
        if not text.endswith(REPLACEMENT):
            return text
        # With byte tokens an incomplete character spoils whole ones before it, too.
        shorter = [
            self._decoded(token_ids[:end], special)
            for end in range(max(0, len(token_ids) - LONGEST_CHARACTER), len(token_ids))
        ]
        return max((t.rstrip(REPLACEMENT) for t in (text, *shorter)), key=len)

    def _decoded(self, token_ids: Sequence[int], special: bool) -> str:
        text = self.tokenizer.decode(
            list(token_ids),
            skip_special_tokens=not special,
            clean_up_tokenization_spaces=False,
        )
        return str(text)

    def _answer_score(self, measured: Sequence[TokenMeasure]) -> AnswerScore:
        """Return each token with the text that it adds to those before it.

        A token that leaves a character incomplete adds nothing yet; of the first choice
        in its place, the whole characters are returned.
        """
        ids = [token.token_id for token in measured]
        texts = [self._text(ids[:end], special=True) for end in range(len(ids) + 1)]
        tokens = []
        for place, token in enumerate(measured):
            first_choice = self._decoded([*ids[:place], token.best_id], special=True)
            if not first_choice.startswith(texts[place]):
                first_choice = texts[place] + self._decoded(
                    [token.best_id], special=True
                )
            tokens.append(
                TokenScore(
                    token_id=token.token_id,
                    text=texts[place + 1][len(texts[place]) :],
                    probability=float(torch.tensor(token.log_probability).exp()),
                    rank=token.rank,
                    best_id=token.best_id,
                    best_text=first_choice[len(texts[place]) :],
                )
            )
        return AnswerScore(
            tuple(tokens), sum(token.log_probability for token in measured)
        )
