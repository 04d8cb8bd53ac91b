"""Sample answers to prompts: TL-PO's first step, on any engine.

Every answer has a seed of its own, written down with it; the file's order is the
prompts' order. A job that was killed goes on after the last whole line. Which
answers are good is decided by ``align`` and ``pair``.
"""

import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from xkde.data.atlas.corpus import PREFERENCE_MIX, conversations
from xkde.data.atlas.records import Conversation, World
from xkde.data.file_settings import keep_settings
from xkde.data.instructions.lines import read_lines
from xkde.data.instructions.records import Instruction, read_instruction
from xkde.data.preferences.files import Sample, SampledAnswer, append, read_samples
from xkde.engines.engine import Engine
from xkde.errors import DataError, SettingsError
from xkde.locks import held
from xkde.prompts import ask
from xkde.text import normalise
from xkde.types import Sampling

AT_ONCE = 64  # prompts between two appends to the file
IN_SCOPE = ("in_scope", "in_scope_atlas", "paraphrase")  # the edit gives the gold


@dataclass(frozen=True)
class SamplingPlan:
    """How answers are drawn; the paper takes five at temperature 0.8."""

    answers: int = 5
    temperature: float = 0.8
    top_p: float = 1.0
    seed: int = 0
    max_new_tokens: int = 48


def atlas_prompts(world: World, count: int, seed: int) -> list[Sample]:
    """Draw distinct prompts about subjects that may be trained on, without answers."""
    found: dict[str, Sample] = {}
    for conversation in conversations(world, PREFERENCE_MIX, seed):
        prompt = conversation.messages[0].content
        if len(found) == count:
            break
        if prompt not in found and _fact(conversation):
            found[prompt] = _sample(conversation, len(found))
    return list(found.values())


def file_prompts(path: Path, count: int, seed: int) -> list[Sample]:
    """Draw distinct prompts from a file of instructions, without answers.

    The gold in the language of the edit is known where a sample in scope states its
    edit alone. Raises DataError for a file without edit prompts.
    """
    values, _ = read_lines(path)
    rows: dict[str, Instruction] = {}
    for value in values.values():
        made = read_instruction(value)
        if made.edits:
            rows.setdefault(made.prompt, made)
    if not rows:
        raise DataError(
            f"{path.name} has no prompt that states an edit. Make a file with "
            "“python -m xkde data build”."
        )
    drawn = random.Random(f"prompts {seed}").sample(
        list(rows.values()), min(count, len(rows))
    )
    return [_of_instruction(made, number) for number, made in enumerate(drawn)]


def _of_instruction(made: Instruction, number: int) -> Sample:
    knows_gold = made.kind in IN_SCOPE and len(made.edits) == 1
    return Sample(
        id=f"{made.kind}-{number:06d}",
        kind=made.kind,
        fact=made.fact,
        relation="",
        source=made.source,
        target=made.target,
        prompt=made.prompt,
        golds=(made.answer,),
        source_gold=made.edits[0].answer if knows_gold else "",
        answers=(),
        engine="",
        checkpoint="",
        revision="",
        wrapper="hf_template",
    )


def _fact(conversation: Conversation) -> str:
    return next(filter(None, (*conversation.edited, conversation.asked)), "")


def _sample(conversation: Conversation, number: int) -> Sample:
    return Sample(
        id=f"{conversation.kind}-{number:06d}",
        kind=conversation.kind,
        fact=_fact(conversation),
        relation=conversation.relation,
        source=conversation.source,
        target=conversation.target,
        prompt=conversation.messages[0].content,
        golds=(conversation.messages[1].content,),
        source_gold=conversation.source_gold,
        answers=(),
        engine="",
        checkpoint="",
        revision="",
        wrapper="hf_template",
    )


def sample(
    engine: Engine,
    prompts: Sequence[Sample],
    plan: SamplingPlan,
    file: Path,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    weights: str = "",
) -> list[Sample]:
    """Answer every prompt and append to ``file``; return all that is in it.

    ``prompts`` name the engine and checkpoint that they go to, ``weights`` is the
    checkpoint's revision or fingerprint. A prompt that leaves the model no room for an
    answer stays without answers. Raises SettingsError if the file holds samples of
    other prompts, weights or settings.
    """
    with held(file):
        done = read_samples(file) if file.exists() else []
        _refuse_others(done, prompts, plan, file)
        settings = {**asdict(plan), "weights": weights}
        keep_settings(file, settings, is_whole=len(done) == len(prompts))
        for first in range(len(done), len(prompts), AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, len(prompts)))
            made = _answered(engine, prompts, numbers, plan)
            append(file, made)
            done += made
            if on_progress is not None:
                on_progress(len(done), len(prompts))
    return done


def _seeds(number: int, plan: SamplingPlan) -> range:
    """Return the seeds of a prompt's answers: no two requests of a job share one."""
    first = plan.seed + number * plan.answers
    return range(first, first + plan.answers)


def _answered(
    engine: Engine,
    prompts: Sequence[Sample],
    numbers: Sequence[int],
    plan: SamplingPlan,
) -> list[Sample]:
    """Return some of the prompts with their answers."""
    ids = {n: engine.encode(ask(prompts[n].prompt)).ids for n in numbers}
    room = (engine.max_length or sys.maxsize) - plan.max_new_tokens
    requests = [
        (n, seed) for n in numbers if len(ids[n]) <= room for seed in _seeds(n, plan)
    ]
    drawn = engine.generate(
        [ids[n] for n, _ in requests],
        [
            Sampling(plan.max_new_tokens, plan.temperature, plan.top_p, seed)
            for _, seed in requests
        ],
        batch_size=256,
    )
    answers: dict[int, list[SampledAnswer]] = {n: [] for n in numbers}
    for (n, seed), given in zip(requests, drawn, strict=True):
        answers[n].append(
            SampledAnswer(given.text, seed, plan.temperature, given.finish)
        )
    return [replace(prompts[n], answers=tuple(answers[n])) for n in numbers]


def _refuse_others(
    done: Sequence[Sample], prompts: Sequence[Sample], plan: SamplingPlan, file: Path
) -> None:
    for number, before in enumerate(done):
        if number >= len(prompts) or replace(before, answers=()) != prompts[number]:
            raise SettingsError(
                f"{file.name} holds samples of other prompts or of another checkpoint "
                f"(line {number + 1}). Choose another file, or remove that one."
            )
        drawn = [(a.seed, a.temperature) for a in before.answers]
        if drawn and drawn != [
            (seed, plan.temperature) for seed in _seeds(number, plan)
        ]:
            raise SettingsError(
                f"{file.name} was begun with another number of answers, temperature or "
                "seed. Choose another file, or remove that one."
            )


def distinct_rate(samples: Sequence[Sample]) -> float:
    """Return how many of a prompt's answers are distinct, as a mean share."""
    shares = [
        len({normalise(answer.text) for answer in each.answers}) / len(each.answers)
        for each in samples
        if each.answers
    ]
    return sum(shares) / len(shares) if shares else 0.0
