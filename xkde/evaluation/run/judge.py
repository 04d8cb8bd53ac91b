"""A judge: another model says whether a generated answer means the reference answer.

Off unless asked for. It fills a column of its own (``judged``) and nothing else: where
it fails the column stays empty and is counted, and no other score takes its place. Any
server that speaks the OpenAI protocol can judge.

Stopped and started again it goes on; its files are those of ``judged``.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import openai
import pyarrow as pa
import pyarrow.compute as pc

from xkde.errors import CheckpointError, InputError, SettingsError
from xkde.evaluation.results.judged import (
    ABSENT,
    FOLDER,
    SETTINGS,
    Item,
    JudgedAnswer,
    item_of,
    part_files,
    read_verdicts,
)
from xkde.evaluation.results.rows import GENERATED
from xkde.writing import write_aside

PROMPT = """\
Compare an answer with the reference answer to a question. The answer is correct if it \
means what the reference means, in whatever language, spelling or wording, and adds \
nothing that contradicts it.

Question: {question}
Reference answer: {reference}
Answer: {answer}

Reply with one word: CORRECT or INCORRECT."""
FIELDS = ("question", "reference", "answer")
BATCH, WORKERS, RETRIES, PATIENCE = 64, 8, 3, 60.0
LONGEST_REPLY = 256  # tokens
_VERDICT = re.compile(r"\W*(incorrect|correct)\b", re.IGNORECASE)
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Judge:
    """Who judges, and in which words it is asked."""

    address: str  # of the server, up to /v1
    model: str
    prompt: str = PROMPT
    temperature: float = 0.0
    retries: int = RETRIES
    patience: float = PATIENCE  # seconds that one request may take

    @property
    def recorded(self) -> dict[str, object]:
        """What decides its verdicts, as it is kept."""
        names = ("model", "prompt", "temperature")
        return {name: getattr(self, name) for name in names}


def open_judge(
    address: str, model: str = "", prompt: str = PROMPT, temperature: float = 0.0
) -> Judge:
    """Return a judge; without a name it is the server's first model.

    Raises InputError for a prompt without its fields, CheckpointError where nothing
    answers.
    """
    lacking = [name for name in FIELDS if "{" + name + "}" not in prompt]
    if lacking:
        raise InputError(
            f"The judge's prompt lacks {{{lacking[0]}}}. It needs "
            f"{', '.join('{' + name + '}' for name in FIELDS)}."
        )
    if model:
        return Judge(address, model, prompt, temperature)
    try:
        with _client(Judge(address, "", retries=1)) as client:
            models = list(client.models.list())
    except (openai.APIConnectionError, openai.APIStatusError) as error:
        raise CheckpointError(
            f"No judge answers at {address}. Start its server and give its address up "
            "to “/v1”, or leave --judge out."
        ) from error
    if not models:
        raise CheckpointError(f"The server at {address} has no model to judge with.")
    return Judge(address, models[0].id, prompt, temperature)


def check_same(judge: Judge, folder: Path) -> None:
    """Write down who judges a run.

    Raises SettingsError where another judge, or another prompt, was at work in it.
    """
    file = folder / FOLDER / SETTINGS
    if not file.exists():
        _write(file, judge.recorded)
        return
    before = json.loads(file.read_text("utf-8"))
    changed = [name for name, value in judge.recorded.items() if before[name] != value]
    if changed:
        raise SettingsError(
            f"This run was judged with another {changed[0]}. Use the same one, or "
            f"remove the folder {file.parent} to judge anew."
        )


def judge_answers(
    judge: Judge, table: pa.Table, folder: Path, on_progress: Progress | None = None
) -> None:
    """Judge the generated answers of a run that are not judged yet.

    Stops asking when a whole batch fails. ``check_same`` comes first.
    """
    place = folder / FOLDER
    known = {item_of(verdict) for verdict in read_verdicts(folder)}
    items = _items(table)
    left = [item for item in items if item not in known]
    number = len(part_files(folder))
    absent: Counter[str] = Counter()
    with _client(judge) as client, ThreadPoolExecutor(WORKERS) as pool:
        for first in range(0, len(left), BATCH):
            batch = left[first : first + BATCH]
            verdicts = list(pool.map(lambda item: _ask(client, judge, item), batch))
            absent.update(verdict.said for verdict in verdicts if verdict.right is None)
            done = [
                asdict(verdict) for verdict in verdicts if verdict.right is not None
            ]
            if not done:
                rest = len(left) - first - len(batch)
                absent.update({"not asked, since it failed before": rest})
                break
            _write(place / f"{number:06d}.json", done)
            number += 1
            if on_progress is not None:
                on_progress(first + len(batch), len(left))
    _write(place / ABSENT, +absent)


def _ask(client: openai.OpenAI, judge: Judge, item: Item) -> JudgedAnswer:
    fields = dict(zip(FIELDS, item, strict=True))
    try:
        given = client.chat.completions.create(
            model=judge.model,
            messages=[{"role": "user", "content": filled(judge.prompt, fields)}],
            temperature=judge.temperature,
            max_tokens=LONGEST_REPLY,
            seed=0,
        )
    except openai.APIConnectionError:  # a timeout is one, too
        return JudgedAnswer(*item, None, "no answer from the judge's server")
    except openai.APIStatusError as error:
        return JudgedAnswer(
            *item, None, f"the judge's server: error {error.status_code}"
        )
    except openai.APIError:
        return JudgedAnswer(*item, None, "a reply that cannot be read")
    said = (given.choices[0].message.content or "") if given.choices else ""
    found = verdict_in(said)
    if found is None:
        return JudgedAnswer(
            *item, None, "a reply that is neither CORRECT nor INCORRECT"
        )
    return JudgedAnswer(*item, found, said.strip())


def filled(prompt: str, fields: Mapping[str, str]) -> str:
    """Return a prompt with its fields; what stands in them is left as it is."""
    names = "|".join(fields)
    return re.sub(rf"\{{({names})\}}", lambda match: fields[match[1]], prompt)


def verdict_in(reply: str) -> bool | None:
    """Return what a reply says first, its thoughts apart; None for anything else."""
    match = _VERDICT.match(_THOUGHT.sub("", reply))
    return None if match is None else match[1].lower() == "correct"


def _client(judge: Judge) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=judge.address,
        # A server of one's own wants no key; openai refuses to go without.
        api_key=os.environ.get("OPENAI_API_KEY", "none"),
        max_retries=judge.retries,
        timeout=judge.patience,
    )


def _items(table: pa.Table) -> list[Item]:
    """Return what is to be judged, equal answers to equal questions once."""
    rows = table.filter(pc.equal(table["protocol"], GENERATED))
    columns = [rows[name].to_pylist() for name in ("query", "gold", "answer")]
    found = dict.fromkeys(zip(*columns, strict=True))
    return [item for item in found if item[2] is not None]


def _write(file: Path, value: object) -> None:
    write_aside(file, json.dumps(value, ensure_ascii=False, indent=1))
