"""Speed of the evaluation runner against the released code and against plain batches.

All score the same cases and directions with the same model, teacher-forced, and must
give equal scores: Atlas's model, and a random one of the shape of Qwen2.5 0.5B. The
released code reads one text at a time and keeps what gradients need. The plain batches
are what one would write: every text once, sorted by length, padded, no gradients. The
time to aggregate shares of many rows is measured, too.

Times are of the processor: other work on the machine affects them less.

Run it: ``python -m xkde bench evaluation``
"""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xkde.evaluation.run.questions import choose
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Case

if TYPE_CHECKING:  # torch comes with it
    from xkde.engines.transformers import TransformersEngine

CHECKPOINT = "atlas-xe-it"
DIRECTIONS = "en-zh,zh-en"
ATLAS_CASES = 48
QWEN_CASES = 6
QWEN_BATCH = 16
ROWS = 300_000
PROBES = ("reliability", "generality", "portability")
Key = tuple[str, ...]  # case, source, target, probe
Text = tuple[str, str]  # question, answer
Scores = dict[Key, float]
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
    shape: Mapping[str, object] = QWEN_SHAPE,
    rows: int = ROWS,
) -> dict[str, object]:
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
        "protocol": "teacher-forced, wrapper xkde_eval, processor seconds; one by one: "
        "five full forward passes a case, one at a time, without gradients, and as "
        "released with them; plain batches: sorted by length; equal scores of "
        "the runner asserted",
    }


def _compare(
    name: str, engine: "TransformersEngine", count: int, batch_size: int
) -> dict[str, object]:
    chosen = choose("atlas", DIRECTIONS, limit=count)
    asked = texts_of(chosen.cases, chosen.directions)
    warm = texts_of(chosen.cases[:1], chosen.directions)
    one_by_one(engine, warm)
    plain_batches(engine, warm, batch_size)
    by_runner(engine, chosen.cases[:1], chosen.directions)
    ways: dict[str, Callable[[], Scores]] = {
        # The runner is timed before and after the others: other load affects both.
        "before": lambda: by_runner(
            engine, chosen.cases, chosen.directions, batch_size
        ),
        "plain": lambda: plain_batches(engine, asked, batch_size),
        "one_by_one": lambda: one_by_one(engine, asked),
        "released": lambda: one_by_one(engine, asked, gradients=True),
    }
    ways["after"] = ways["before"]
    seconds: dict[str, float] = {}
    scores: dict[str, Scores] = {}
    for name_, way in ways.items():
        began = time.process_time()
        scores[name_] = way()
        seconds[name_] = time.process_time() - began
    for name_ in ("before", "after", "one_by_one"):
        assert scores[name_] == scores["released"], f"{name_} scores otherwise"
    # Rows padded together round otherwise: a tie may fall to another token.
    equal = sum(scores["plain"][key] == scores["released"][key] for key in asked)
    fast = (seconds["before"] + seconds["after"]) / 2
    return {
        f"{name}_scores": len(asked),
        f"{name}_plain_batches_equal_scores": equal,
        f"{name}_runner_s": round(fast, 2),
        f"{name}_plain_batches_s": round(seconds["plain"], 2),
        f"{name}_one_by_one_s": round(seconds["one_by_one"], 2),
        f"{name}_released_s": round(seconds["released"], 2),
        f"{name}_times_faster_than_plain": round(seconds["plain"] / fast, 2),
        f"{name}_times_faster": round(seconds["one_by_one"] / fast, 1),
        f"{name}_times_faster_than_released": round(seconds["released"] / fast, 1),
    }


def by_runner(
    engine: "TransformersEngine",
    cases: Sequence[Case],
    directions: Sequence[tuple[str, str]],
    batch_size: int = 64,
) -> Scores:
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


def texts_of(
    cases: Sequence[Case], directions: Sequence[tuple[str, str]]
) -> dict[Key, list[Text]]:
    """Return what the released code reads for each score: (question, answer).

    Locality has two texts, without the edit and with it, which are compared.
    """
    texts: dict[Key, list[Text]] = {}
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
                    texts[*key, probe] = [(instruction + item.question, item.answer)]
            item = case.probes["locality"][target]
            texts[*key, "locality"] = [
                (item.question, item.answer),
                (instruction + item.question, item.answer),
            ]
    return texts


def one_by_one(
    engine: "TransformersEngine",
    asked: Mapping[Key, Sequence[Text]],
    *,
    gradients: bool = False,
) -> Scores:
    """Score as the released code does: one full forward pass for each text.

    The released code keeps what gradients need, though it uses none.
    """
    from xkde.engines.forward import pad

    engine.model.requires_grad_(gradients)
    predicted: dict[Key, list[list[int]]] = {}
    for key, texts in asked.items():
        predicted[key] = []
        for text in texts:
            ids, places, _ = encoded(engine, text)
            row, _ = pad([ids], "right", engine.device)
            logits = engine.model(input_ids=row).logits
            predicted[key].append(logits.argmax(dim=-1)[0, places].tolist())
    engine.model.requires_grad_(False)
    return _scores(engine, asked, predicted)


def plain_batches(
    engine: "TransformersEngine", asked: Mapping[Key, Sequence[Text]], batch_size: int
) -> Scores:
    """Score in padded batches of like length, every text once, without gradients."""
    from xkde.engines.forward import pad

    engine.model.requires_grad_(False)
    every = list(dict.fromkeys(text for texts in asked.values() for text in texts))
    read = {text: encoded(engine, text) for text in every}
    every.sort(key=lambda text: len(read[text][0]))
    first: dict[Text, list[int]] = {}
    for start in range(0, len(every), batch_size):
        batch = every[start : start + batch_size]
        ids, mask = pad([read[text][0] for text in batch], "right", engine.device)
        logits = engine.model(input_ids=ids, attention_mask=mask).logits
        for text, choices in zip(batch, logits.argmax(dim=-1), strict=True):
            written, places, _ = read[text]
            first[text] = choices[: len(written)][places].tolist()
    return _scores(
        engine, asked, {key: [first[t] for t in own] for key, own in asked.items()}
    )


def _scores(
    engine: "TransformersEngine",
    asked: Mapping[Key, Sequence[Text]],
    predicted: Mapping[Key, Sequence[Sequence[int]]],
) -> Scores:
    """Return shares of equal tokens: with the answer, or of two texts with each other.

    All are first choices.
    """
    return {
        key: _agreement(
            predicted[key][0],
            predicted[key][1] if len(texts) > 1 else encoded(engine, texts[0])[2],
        )
        for key, texts in asked.items()
    }


def encoded(
    engine: "TransformersEngine", text: Text
) -> tuple[list[int], slice, list[int]]:
    """Return a text's ids, where its answer is predicted, and what should be there."""
    question, answer = text
    tokenizer, template = engine.tokenizer, str(engine.tokenizer.chat_template)
    target = tokenizer(answer)["input_ids"]
    if "[INST]" in template:
        written = f" [INST] {question} [/INST] {answer}"
        places, gold = slice(-len(target), -1), target[1:]
    elif "<|im_start|>" in template:
        written = (
            "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>"
            f"user\n{question}<|im_end|>\n<|im_start|>assistant\n{answer}<|im_end|>"
        )
        places, gold = slice(-(len(target) + 2), -2), target
    else:
        target = tokenizer(f" {answer}\n")["input_ids"]
        written = f"{question} {answer}"
        places, gold = slice(-len(target), -1), target[:-1]
    return tokenizer(written)["input_ids"], places, gold


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
