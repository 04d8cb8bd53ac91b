"""Conversations for instruction tuning: read or drawn, then token ids with labels.

Reads Atlas's own corpus, local files and Hub datasets. A record is a conversation in
one of the usual formats, such as that of ``YukinoKaren/X_KDE_train_data``:

    {"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}
    {"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}
    {"prompt": …, "completion": …}   or   {"instruction": …, "input": …, "output": …}
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import datasets

from xkde.data.atlas.corpus import MIXES, FactQuery, conversations
from xkde.data.atlas.questions import name, question, wordings
from xkde.data.atlas.records import World
from xkde.data.atlas.world import atlas
from xkde.engines.engine import Engine
from xkde.errors import DataError
from xkde.prompts import Tokenizer, ask, encode
from xkde.text import normalise
from xkde.types import Message, Role, Sampling

logger = logging.getLogger(__name__)

IGNORED = -100  # the label that a loss skips
MAX_NEW_TOKENS = 24  # of an answer to a question about a fact
ROLES: dict[str, Role] = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "system": "system",
}
FORMATS = {".json": "json", ".jsonl": "json", ".parquet": "parquet"}


def read_record(record: Mapping[str, object]) -> list[Message]:
    """Return one record's conversation; raises DataError for an unknown form."""
    for key, role, content in (
        ("messages", "role", "content"),
        ("conversations", "from", "value"),
        ("conversation", "role", "content"),
    ):
        if record.get(key):
            return _turns(record[key], role, content)
    # A table of mixed records has every field in each, with None where it is not.
    fields = {name: value for name, value in record.items() if value is not None}
    if {"prompt", "completion"} <= set(fields):
        prompt, answer = fields["prompt"], fields["completion"]
    elif {"instruction", "output"} <= set(fields):
        prompt, answer = fields["instruction"], fields["output"]
        if extra := fields.get("input"):
            prompt = f"{_text(prompt)}\n{_text(extra)}"
    else:
        raise DataError(
            f"A record has the fields {', '.join(sorted(fields))}; expected "
            "“messages”, “conversations”, “prompt” and “completion”, or “instruction” "
            "and “output”."
        )
    return [Message("user", _text(prompt)), Message("assistant", _text(answer))]


def _turns(turns: Any, role: str, content: str) -> list[Message]:
    try:
        named = [(turn[role], turn[content]) for turn in turns]
    except (KeyError, TypeError) as error:
        raise DataError(f"A turn needs “{role}” and “{content}”.") from error
    for speaker, _ in named:
        if speaker not in ROLES:
            raise DataError(f"“{speaker}” is none of the roles {', '.join(ROLES)}.")
    messages = [Message(ROLES[speaker], _text(text)) for speaker, text in named]
    if all(message.role != "assistant" for message in messages):
        raise DataError("A conversation has no answer to learn.")
    return messages


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DataError(f"A text is missing or no text: {value!r:.60}.")
    return value


def read_dataset(source: str) -> list[list[Message]]:
    """Read a file, a folder or a Hub dataset; bad records are counted and left out."""
    path = Path(source)
    if path.is_file() and path.suffix not in FORMATS:
        raise DataError(f"{path.name} is none of {', '.join(FORMATS)}.")
    if path.is_file() and not path.stat().st_size:
        raise DataError(f"{path.name} is empty. Write one conversation a line into it.")
    try:
        if path.is_file():
            records = datasets.load_dataset(
                FORMATS[path.suffix], data_files=str(path), split="train"
            )
        else:
            records = datasets.load_dataset(source, split="train")
    except (
        datasets.exceptions.DatasetGenerationError,
        OSError,
        ValueError,
        RuntimeError,  # of a dataset with a script, which is not run
    ) as error:
        reason = (str(error.__cause__ or error).splitlines() or ["it is empty"])[0]
        raise DataError(
            f"{source} cannot be read as a dataset: {reason.rstrip('.')}. Check the "
            "file, the folder or the Hub id."
        ) from error
    good: list[list[Message]] = []
    reasons: list[str] = []
    for number, record in enumerate(records):
        try:
            good.append(read_record(record))
        except DataError as error:
            reasons.append(f"record {number}: {error}")
    if reasons:
        logger.warning("%d records left out; first: %s", len(reasons), reasons[0])
    if not good:
        reason = reasons[0] if reasons else "it has no records."
        raise DataError(f"{source} holds no conversation; {reason}")
    return good


def atlas_conversations(
    mix: str,
    samples: int,
    seed: int,
    *,
    cross_lingual: bool = True,
    again: Sequence[FactQuery] = (),
) -> list[list[Message]]:
    """Draw samples from Atlas's corpus, in the proportions of one of ``MIXES``."""
    drawn = conversations(
        atlas(), MIXES[mix], seed, cross_lingual=cross_lingual, again=again
    )
    return [list(c.messages) for c in islice(drawn, samples)]


def tokenised(
    tokenizer: Tokenizer,
    chats: Iterable[Sequence[Message]],
    max_length: int | None,
    *,
    learn_all: bool = False,
) -> datasets.Dataset:
    """Return rows of ``input_ids``, ``labels`` and ``length``; nothing is cut silently.

    Labels are the ids where an answer stands, its end mark included, and -100
    elsewhere; with ``learn_all`` every id is a label. A conversation longer than
    ``max_length`` tokens is left out and counted.
    """
    rows: dict[str, list[object]] = {"input_ids": [], "labels": [], "length": []}
    too_long = 0
    for chat in chats:
        encoded = encode(tokenizer, chat)
        if max_length is not None and len(encoded.ids) > max_length:
            too_long += 1
            continue
        rows["input_ids"].append(encoded.ids)
        rows["labels"].append(
            [
                i if a or learn_all else IGNORED
                for i, a in zip(encoded.ids, encoded.is_answer, strict=True)
            ]
        )
        rows["length"].append(len(encoded.ids))
    if too_long:
        logger.warning(
            "%d conversations exceed %s tokens, left out", too_long, max_length
        )
    if not rows["length"]:
        raise DataError(
            f"No conversation fits into {max_length} tokens. Raise max_length."
        )
    return datasets.Dataset.from_dict(rows)


def forgotten_facts(
    engine: Engine, world: World, batch_size: int = 256
) -> list[FactQuery]:
    """Return the facts that a model answers wrongly in some wording, without an edit.

    Each round of stage one makes a model forget a few true facts, a subject's in one
    language mostly. Before the last round they can be drawn more often than the rest.
    """
    queries = [
        (subject, relation, code)
        for subject in sorted(world.facts)
        for relation in sorted(world.facts[subject])
        for code in world.languages
    ]
    questions = [
        (query, question(world, *query, number))
        for query in queries
        for number in range(len(wordings(world, query[1], query[2])))
    ]
    prompts = [engine.encode(ask(text)).ids for _, text in questions]
    answers = engine.generate(prompts, Sampling(MAX_NEW_TOKENS), batch_size=batch_size)
    wrong = {
        query
        for (query, _), answer in zip(questions, answers, strict=True)
        if normalise(answer.text) != normalise(_gold(world, query))
    }
    return sorted(wrong)


def _gold(world: World, query: FactQuery) -> str:
    subject, relation, code = query
    return name(world, world.facts[subject][relation], code)
