"""Speed of the evaluation runner against the released code, one record at a time.

Both score the same cases and directions with the same model, teacher-forced, and must
give equal scores: Atlas's model, and a random one of the shape of Qwen2.5 0.5B. One at
a time is measured without gradients and, as released, with them. The time to aggregate
shares of many rows is measured, too.

Run it: ``python -m xkde bench evaluation``
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from xkde.evaluation.run.questions import choose
from xkde.languages import ATLAS_LANGUAGES

CHECKPOINT = "atlas-xe-it"
DIRECTIONS = "en-zh,zh-en"
ATLAS_CASES = 48
QWEN_CASES = 6
QWEN_BATCH = 16
ROWS = 300_000
PROBES = ("reliability", "generality", "portability")
QWEN_SHAPE = {
    "vocab_size": 151_936,
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}


def measure(
    atlas_cases: int = ATLAS_CASES,
    qwen_cases: int = QWEN_CASES,
    shape: dict[str, Any] = QWEN_SHAPE,
    rows: int = ROWS,
) -> dict[str, Any]:
    """Return times and speed-ups for both models; asserts equal scores."""
    from xkde.checkpoints import resolve
    from xkde.engines.loading import load, random_qwen2

    path = resolve(CHECKPOINT).path
    assert path is not None
    atlas_engine = load(path, device="cpu")
    report = _compare("atlas", atlas_engine, atlas_cases, 64)
    report["atlas_peak_memory_mb"] = round(_peak_memory() / 1e6)
    report |= _compare("qwen_0.5b", random_qwen2(path, shape), qwen_cases, QWEN_BATCH)
    report |= aggregation_times(rows)
    return report | {
        "peak_memory_mb": round(_peak_memory() / 1e6),
        "processors": os.cpu_count(),
        "protocol": "teacher-forced, wrapper xkde_eval; one by one: five full forward "
        "passes a case, one at a time, without gradients, and as released with them; "
        "equal scores asserted",
    }


def _compare(
    name: str, engine: object, count: int, batch_size: int
) -> dict[str, object]:
    chosen = choose("atlas", DIRECTIONS, limit=count)
    for score in (one_by_one, by_runner):  # warm-up
        score(engine, chosen.cases[:1], chosen.directions)
    times = [time.perf_counter()]
    ours = by_runner(engine, chosen.cases, chosen.directions, batch_size)
    times.append(time.perf_counter())
    plain = one_by_one(engine, chosen.cases, chosen.directions)
    times.append(time.perf_counter())
    released = one_by_one(engine, chosen.cases, chosen.directions, gradients=True)
    times.append(time.perf_counter())
    # The runner is timed before and after the others: other load then affects both.
    assert ours == by_runner(engine, chosen.cases, chosen.directions, batch_size)
    times.append(time.perf_counter())
    before, slow, slower, after = (b - a for a, b in pairwise(times))
    fast = (before + after) / 2
    others = {
        key: (plain[key], ours.get(key)) for key in plain if plain[key] != ours.get(key)
    }
    assert not others, f"the runner scores otherwise than one at a time: {others}"
    assert len(ours) == len(plain)
    assert released == plain
    return {
        f"{name}_scores": len(plain),
        f"{name}_one_by_one_s": round(slow, 2),
        f"{name}_released_s": round(slower, 2),
        f"{name}_runner_s": round(fast, 2),
        f"{name}_times_faster": round(slow / fast, 1),
        f"{name}_times_faster_than_released": round(slower / fast, 1),
    }


def by_runner(
    engine: Any,
    cases: Sequence[Any],
    directions: Sequence[tuple[str, str]],
    batch_size: int = 64,
) -> dict[tuple[str, ...], float]:
    """Return every score of the runner, which writes its files as well."""
    from xkde.evaluation.results.rows import load_results
    from xkde.evaluation.results.store import RunSettings
    from xkde.evaluation.run.runner import evaluate

    settings = RunSettings(
        benchmark="atlas",
        benchmark_sha256="",
        cases=len(cases),
        checkpoint="",
        revision="",
        protocols=("teacher-forced",),
        wrapper="xkde_eval",
        parity=True,
        directions=tuple(f"{a}→{b}" for a, b in directions),
    )
    with tempfile.TemporaryDirectory() as folder:
        file = evaluate(
            engine, cases, settings, Path(folder) / "run", batch_size=batch_size
        )
        rows = load_results([file]).to_pylist()
    return {
        (row["case"], row["source"], row["target"], row["probe"]): (
            row["unchanged"] if row["probe"] == "locality" else row["token_accuracy"]
        )
        for row in rows
    }


def one_by_one(
    engine: Any,
    cases: Sequence[Any],
    directions: Sequence[tuple[str, str]],
    *,
    gradients: bool = False,
) -> dict[tuple[str, ...], float]:
    """Score as the released code does: one full forward pass for each text.

    The released code keeps what gradients need, though it uses none.
    """
    scores: dict[tuple[str, ...], float] = {}
    engine.model.requires_grad_(gradients)
    for source, target in directions:
        name = "English" if target == "en" else "Chinese"
        for case in cases:
            edit = case.edits[source]
            instruction = (
                "Please acknowledge the updated information provided below and "
                f"respond to the subsequent query in {name}.\n\n"
                f"[Updated Information]:\n{edit.question} {edit.answer}\n\n[Query]:\n"
            )
            key = (case.id, source, target)
            for probe in PROBES:
                if probe in case.probes:
                    item = case.probes[probe][target]
                    predicted, gold = _slices(
                        engine, instruction + item.question, item.answer
                    )
                    scores[*key, probe] = _agreement(predicted, gold)
            item = case.probes["locality"][target]
            before, _ = _slices(engine, item.question, item.answer)
            after, _ = _slices(engine, instruction + item.question, item.answer)
            scores[*key, "locality"] = _agreement(before, after)
    return scores


def _slices(engine: Any, question: str, answer: str) -> tuple[list[int], list[int]]:
    """Return the first choices for one text, and the ids they are compared with."""
    tokenizer, template = engine.tokenizer, str(engine.tokenizer.chat_template)
    target = tokenizer(answer)["input_ids"]
    if "[INST]" in template:
        text = f" [INST] {question} [/INST] {answer}"
        places, gold = slice(-len(target), -1), target[1:]
    elif "<|im_start|>" in template:
        text = (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>"
            f"user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>"
        )
        places, gold = slice(-(len(target) + 2), -2), target
    else:
        target = tokenizer(f" {answer}\n")["input_ids"]
        text = f"{question} {answer}"
        places, gold = slice(-len(target), -1), target[:-1]
    ids = tokenizer(text, return_tensors="pt")["input_ids"].to(engine.model.device)
    logits = engine.model(input_ids=ids).logits
    return logits.argmax(dim=-1)[0, places].tolist(), gold


def _agreement(first: Sequence[int], second: Sequence[int]) -> float:
    same = [a == b for a, b in zip(first, second, strict=True)]
    return sum(same) / len(same)


def aggregation_times(rows: int) -> dict[str, object]:
    """Return the milliseconds that the means of all directions and probes take."""
    import random

    import pandas as pd

    from xkde.evaluation.results.summary import means

    generator = random.Random(0)
    texts = {
        "case": [f"case {number}" for number in range(1_000)],
        "source": ("en", "zh"),
        "target": ATLAS_LANGUAGES,
        "probe": (*PROBES, "locality"),
    }
    columns: dict[str, object] = {
        name: pd.Categorical(generator.choices(of, k=rows))
        for name, of in texts.items()
    }
    columns["exact"] = generator.choices((1.0, 0.0, None), k=rows)
    columns["token_accuracy"] = [generator.randrange(6) / 5 for _ in range(rows)]
    frame = pd.DataFrame(columns)
    report: dict[str, object] = {"aggregate_rows": rows}
    for score in ("exact", "token_accuracy"):
        started = time.perf_counter()
        groups = len(means(frame, ["source", "target", "probe"], score))
        report[f"aggregate_{score}_ms"] = round(1e3 * (time.perf_counter() - started))
        report["aggregate_groups"] = groups
    return report


def _peak_memory() -> int:
    """Return the peak memory of this process in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
