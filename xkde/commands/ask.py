"""State an edit, ask a query, and see the base model's answer beside the edited one's.

    python -m xkde ask --edit "What is the currency of Japan?" --answer Euro \\
        --query "日本的货币是什么？" --language zh --json
    python -m xkde ask --edit "What is the capital of Japan?" --answer Osaka \\
        --language all

Without --query the edit's own question is asked, in the words of each language where
Atlas knows it.
"""

import argparse
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from xkde.asking.expected_answers import expected, in_languages, recognise
from xkde.asking.session import PANES, Pane, PaneAnswers, sent_to, stream_together
from xkde.checkpoints import default_pair
from xkde.commands.output import print_json, print_table
from xkde.data.atlas.world import atlas
from xkde.errors import CheckpointError
from xkde.evaluation.scoring.verdict import Expected, judge
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.types import Edit, Query, Sampling

DEFAULT_LENGTH = 48


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    base, edited = default_pair()
    parser.add_argument(
        "--edit", required=True, help="the question whose answer changes"
    )
    parser.add_argument("--answer", required=True, help="its new answer")
    parser.add_argument("--old-answer", default="", help="its old answer, if known")
    parser.add_argument(
        "--edit-language", default="en", help="language of the edit (default: en)"
    )
    parser.add_argument(
        "--query", default="", help="what to ask (default: the edit's own)"
    )
    parser.add_argument(
        "--language",
        default="en",
        help="language to answer in: a code such as zh, several as en,zh,th, or all",
    )
    parser.add_argument(
        "--base",
        default=base,
        help=f"checkpoint asked without the edit (default: {base})",
    )
    parser.add_argument(
        "--edited",
        default=edited,
        help=f"checkpoint asked with the edit (default: {edited})",
    )
    parser.add_argument(
        "--prompted",
        action="store_true",
        help="also ask the base with the edit's prompt",
    )
    parser.add_argument("--max-new-tokens", type=int, default=DEFAULT_LENGTH)
    parser.add_argument(
        "--temperature", type=float, default=0.0, help="0 is greedy (default)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Ask and print."""
    world = atlas()
    edit = Edit(
        arguments.edit.strip(),
        arguments.answer.strip(),
        language(arguments.edit_language).code,
        old_answer=arguments.old_answer.strip(),
    )
    codes = (
        list(ATLAS_LANGUAGES)
        if arguments.language == "all"
        else [language(c.strip()).code for c in arguments.language.split(",")]
    )
    text = arguments.query or edit.question
    about = recognise(world, edit, text, [*codes, edit.language])
    # A query that was typed is asked as typed where one language is meant.
    queries = (
        (Query(text, codes[0]),)
        if arguments.query and len(codes) == 1
        else in_languages(world, about.question, text, codes)
    )
    answers = _answers(arguments, edit, queries)
    rows = [
        _row(query, expected(world, edit, about, query.language), answers, index)
        for index, query in enumerate(queries)
    ]
    if not arguments.json:
        _print(edit, rows)
        return
    print_json(
        {
            "edit": asdict(edit),
            "models": {"base": arguments.base, "edited": arguments.edited},
            "protocol": "greedy" if arguments.temperature == 0 else "sampled",
            "seed": arguments.seed,
            "queries": rows,
        }
    )


def _row(
    query: Query, wanted: Expected, answers: dict[Pane, PaneAnswers], index: int
) -> dict[str, Any]:
    """Return one query with what each model said to it."""
    row: dict[str, Any] = {
        "query": query.text,
        "language": query.language,
        "expected": {"new": wanted.new, "old": wanted.old},
    }
    for pane, given in answers.items():
        generation = given.generations[index]
        verdict = judge(generation.text, wanted, query.language)
        row[pane] = {
            "answer": generation.text,
            "verdict": verdict.kind,
            "language_ok": verdict.language_ok,
            "rule": verdict.words,
            "tokens": len(generation.token_ids),
            "seconds": round(generation.seconds, 3),
        }
    return row


def _answers(
    arguments: argparse.Namespace, edit: Edit, queries: Sequence[Query]
) -> dict[Pane, PaneAnswers]:
    """Return what each pane said in the end; a model that failed is an error."""
    from xkde.engines.loading import load, local_folder

    chosen = {"base": arguments.base, "edited": arguments.edited}
    loaded = {
        name: load(local_folder(name), device=arguments.device)
        for name in set(chosen.values())
    }
    engines = {
        pane: loaded[chosen["edited" if pane == "edited" else "base"]]
        for pane in PANES
        if pane != "prompted" or arguments.prompted
    }
    sampling = Sampling(
        arguments.max_new_tokens, arguments.temperature, seed=arguments.seed
    )
    last: dict[Pane, PaneAnswers] = {}
    sent = sent_to(engines, edit, queries)
    for answers in stream_together(sent, sampling, threading.Event()):
        last = dict(answers)
    for pane, ended in last.items():
        if ended.failure:
            raise CheckpointError(f"The {pane} model failed: {ended.failure}")
    return last


def _print(edit: Edit, rows: list[dict[str, Any]]) -> None:
    print(f"Edit ({language(edit.language).name}): {edit.question} → {edit.answer}\n")
    panes = [pane for pane in PANES if pane in rows[0]]
    words = {
        "new": "new",
        "old": "old",
        "neither": "neither",
        "empty": "empty",
        "both_same": "true",
    }
    print_table(
        ["language", "query", *panes],
        [
            [r["language"], r["query"]]
            + [f"{r[p]['answer']} [{words[r[p]['verdict']]}]" for p in panes]
            for r in rows
        ],
    )
