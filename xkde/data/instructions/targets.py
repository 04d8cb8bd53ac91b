"""The base model's own greedy answers: what samples out of scope are taught.

An edit must not change what it is not about. So the right answer to such a question is
what the base says without any edit, right or wrong, and it is asked just once:

    python -m xkde data targets --checkpoint gemma-3-270m --prompt few-shot …

A base that no one has taught to chat reads four questions with their answers in the
question's language (``few_shot_prompt``); its answer ends with the line. A file of
answers grows, and goes on where it was.
"""

import random
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from pathlib import Path

from xkde import locks
from xkde.data.atlas.questions import question
from xkde.data.file_settings import keep_settings
from xkde.data.instructions.held_out import HeldOut
from xkde.data.instructions.lines import append_lines, read_lines, resume
from xkde.data.instructions.records import Material, Recipe, Target
from xkde.data.instructions.stock import ATLAS, Stock
from xkde.errors import DataError, SettingsError
from xkde.paths import FEW_SHOT

AT_ONCE = 64  # questions between two appends to the file
_FIELDS = tuple(field.name for field in fields(Target))
_NOT_ASKED = ("person/", "company/")  # invented: no base knows them


@dataclass(frozen=True)
class Reply:
    """What a model says to one prompt; ``error`` in words where it says nothing."""

    text: str
    ended: bool = True
    error: str = ""


Ask = Callable[[Sequence[str]], list[Reply]]


@dataclass(frozen=True)
class AnswerSetting:
    """How a file of answers is made; going on in it otherwise is refused.

    ``weights`` is the revision or fingerprint of the checkpoint.
    """

    checkpoint: str
    weights: str = ""
    engine: str = "transformers"
    few_shot: bool = False
    max_new_tokens: int = 16


@lru_cache(maxsize=1)
def shots() -> dict[str, list[tuple[str, str]]]:
    """Return four questions with their answers in each language."""
    known = tomllib.loads(FEW_SHOT.read_text(encoding="utf-8"))
    return {code: [(q, a) for q, a in pairs] for code, pairs in known.items()}


def few_shot_prompt(code: str, asked: str) -> str:
    """Return a question after four that have their answers, ready to be continued."""
    before = "".join(f"Q: {q}\nA: {a}\n\n" for q, a in shots()[code])
    return f"{before}Q: {asked}\nA:"


def few_shot_answer(reply: Reply) -> tuple[str, bool]:
    """Return the answer in what continues the prompt, and whether it came to its end.

    It ends with its line; what begins with the next question is no answer.
    """
    line, newline, _ = reply.text.partition("\n")
    answer = line.strip()
    if answer.startswith("Q:"):
        return "", True
    return answer, bool(newline) or reply.ended


def draw_questions(
    material: Material,
    stock: Stock,
    held: HeldOut,
    recipe: Recipe,
    count: int,
    seed: int,
) -> list[Target]:
    """Return ``count`` questions that the base is to answer, the same for a seed.

    They are of facts, of neighbours of edits, and of Atlas's places and words; fewer
    where the sources have fewer.
    """
    random_ = random.Random(f"targets {seed}")
    questions: list[Target] = []
    for kind, wanted in _quotas(recipe.target_questions, count).items():
        if kind == "facts":
            questions += _of_facts(stock, recipe, wanted, random_)
        elif kind == "neighbours":
            entries = [
                Target(entry.id, entry.source, entry.language, entry.query)
                for entry in material.neighbours
                if not held.hit(entry.query)
            ]
            questions += random_.sample(entries, min(wanted, len(entries)))
        else:
            questions += _of_atlas(stock, recipe, wanted, random_)
    return questions


def _quotas(weights: Mapping[str, float], count: int) -> dict[str, int]:
    whole = sum(weights.values())
    return {name: round(count * weight / whole) for name, weight in weights.items()}


def _language(recipe: Recipe, random_: random.Random) -> str:
    weights = recipe.target_languages
    return random_.choices(list(weights), list(weights.values()))[0]


def _of_facts(
    stock: Stock, recipe: Recipe, count: int, random_: random.Random
) -> list[Target]:
    questions = []
    for fact in random_.sample(stock.facts, min(count, len(stock.facts))):
        code = _language(recipe, random_)
        if code in fact.questions:
            questions.append(Target(fact.id, fact.source, code, fact.questions[code]))
    return questions


def _of_atlas(
    stock: Stock, recipe: Recipe, count: int, random_: random.Random
) -> list[Target]:
    known = [f for f in stock.atlas_facts if not f[0].startswith(_NOT_ASKED)]
    questions = []
    for subject, relation in random_.sample(known, min(count, len(known))):
        code = _language(recipe, random_)
        asked = question(stock.world, subject, relation, code, random_.randrange(4))
        questions.append(Target(f"{ATLAS}:{subject}:{relation}", ATLAS, code, asked))
    return questions


def answer_all(
    questions: Sequence[Target],
    ask: Ask,
    setting: AnswerSetting,
    path: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Target]:
    """Answer every question and append to a file; return all that is in it.

    Raises SettingsError if the file holds answers to other questions, or answers that
    were made otherwise.
    """
    with locks.held(path):
        resume(path)
        done = read_targets(path) if path.exists() else []
        asked = [replace(target, answer="", ended=False) for target in done]
        if asked != list(questions[: len(asked)]):
            raise SettingsError(
                f"{path.name} holds answers to other questions. Choose another file, "
                "or repeat the command with the sources, settings and seed it was "
                "begun with."
            )
        keep_settings(path, asdict(setting), is_whole=len(done) == len(questions))
        for first in range(len(done), len(questions), AT_ONCE):
            batch = questions[first : first + AT_ONCE]
            prompts = [
                few_shot_prompt(t.language, t.question)
                if setting.few_shot
                else t.question
                for t in batch
            ]
            made = [
                _answered(target, reply, setting.few_shot)
                for target, reply in zip(batch, ask(prompts), strict=True)
            ]
            append_lines(path, map(asdict, made))
            done += made
            if on_progress is not None:
                on_progress(len(done), len(questions))
    return done


def _answered(target: Target, reply: Reply, few_shot: bool) -> Target:
    if reply.error:
        return target
    if few_shot:
        answer, ended = few_shot_answer(reply)
    else:
        answer, ended = " ".join(reply.text.split()), reply.ended
    return replace(target, answer=answer, ended=ended)


def read_targets(path: Path) -> list[Target]:
    """Read a file of answers; raises DataError for a line that is none."""
    values, broken = read_lines(path)
    targets: list[Target] = []
    for number, value in values.items():
        if not isinstance(value, dict) or set(value) != set(_FIELDS):
            broken.append(number)
            break
        targets.append(Target(**value))
    if broken:
        raise DataError(
            f"{path.name} holds a line that is no answer of a base model. Make the "
            "file with “python -m xkde data targets”."
        )
    return targets
