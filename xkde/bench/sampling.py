"""Answers per second when sampling: one by one, in batches, with vLLM.

All use the same checkpoint, prompts and seeds; loading is not timed. vLLM is measured
if it is installed (``make vllm``).

Run it: ``python -m xkde bench sampling``
"""

import importlib.util
import os
import time
from collections.abc import Sequence

from xkde.data.atlas.world import atlas
from xkde.engines.engine import Engine, open_engine
from xkde.prompts import ask
from xkde.training.preference.sampling import SamplingPlan, atlas_prompts
from xkde.types import Sampling

CHECKPOINT = "atlas-xe-it"
ONE_BY_ONE = 100  # answers: fewer than in batches, to take as long
BATCHED = 2000
NAMES = {"transformers": "transformers, batches of 256", "vllm": "vLLM"}


def measure(checkpoint: str = CHECKPOINT) -> dict[str, object]:
    """Return answers per second, and speed-ups against one by one."""
    plan = SamplingPlan()
    engine = open_engine("transformers", checkpoint)
    drawn = atlas_prompts(atlas(), BATCHED // plan.answers, seed=9)
    ids = [
        engine.encode(ask(each.prompt)).ids
        for each in drawn
        for _ in range(plan.answers)
    ]
    samplings = [
        Sampling(plan.max_new_tokens, plan.temperature, plan.top_p, seed)
        for seed in range(len(ids))
    ]
    rates = {
        "transformers, one by one": _rate(
            engine, ids[:ONE_BY_ONE], samplings[:ONE_BY_ONE], 1
        )
    }
    for name in ("transformers", "vllm"):
        if name == "vllm" and importlib.util.find_spec("vllm") is None:
            continue
        if name == "vllm":
            engine = open_engine(name, checkpoint)
            _rate(engine, ids[:8], samplings[:8], 8)  # warm-up
        rates[NAMES[name]] = _rate(engine, ids, samplings, 256)
    first = rates["transformers, one by one"]
    report: dict[str, object] = {
        f"{name}: answers a second": round(rate, 1) for name, rate in rates.items()
    }
    report |= {
        f"{name}: times one by one": round(rate / first, 1)
        for name, rate in rates.items()
        if rate != first
    }
    if NAMES["vllm"] not in rates:
        report["vLLM"] = "not installed (make vllm)"
    return report | {
        "checkpoint": checkpoint,
        "temperature": plan.temperature,
        "processors": os.cpu_count(),
    }


def _rate(
    engine: Engine,
    ids: Sequence[Sequence[int]],
    samplings: Sequence[Sampling],
    batch_size: int,
) -> float:
    began = time.perf_counter()
    if batch_size == 1:
        for prompt, sampling in zip(ids, samplings, strict=True):
            engine.generate([prompt], sampling)
    else:
        engine.generate(ids, samplings, batch_size=batch_size)
    return len(ids) / (time.perf_counter() - began)
