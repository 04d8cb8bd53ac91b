"""State an edit, ask a query, and see the base model's answer beside the edited one's.

    python -m xkde ask --edit "What is the currency of Japan?" --answer Euro \\
        --query "日本的货币是什么？" --language zh --json
    python -m xkde ask --edit "What is the capital of Japan?" --answer Osaka \\
        --language all

    python -m xkde ask --record

Without --query the edit's own question is asked, in the words of each language where
Atlas knows it.
"""

import argparse
import threading
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from xkde.asking.expected_answers import expected, in_languages, recognise, restate
from xkde.asking.recorded import first_edit, write_recorded
from xkde.asking.session import PANES, Pane, PaneAnswers, sent_to, stream_together
from xkde.checkpoints import default_pair, name_and_weights
from xkde.commands.output import print_json, print_table
from xkde.data.atlas.world import atlas
from xkde.editors.registry import EDITORS, entry_of
from xkde.errors import CheckpointError, InputError, XkdeError
from xkde.evaluation.scoring.verdict import Expected, Kind, judge
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES, language
from xkde.memory.files import BadRow, read_edits
from xkde.prompts import WRAPPERS, ask, edit_prompt, encode
from xkde.text import Json
from xkde.types import Edit, Query, Sampling

DEFAULT_LENGTH = 48
WORDS: dict[Kind, str] = {
    "both_same": "true",
    "repeats": "repeats the new answer; whether it should, you decide",
    "leaked": "leaked",
    "unaided": "without the edit",
    "runs_on": "runs on",
}
FOLLOWS = {"yes": True, "no": False}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    base, edited = default_pair()
    parser.add_argument("--edit", default="", help="the question whose answer changes")
    parser.add_argument("--answer", default="", help="its new answer")
    parser.add_argument(
        "--record",
        action="store_true",
        help="ask the first screen's example; keep the answers in assets/recorded",
    )
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
    parser.add_argument(
        "--should-follow",
        choices=tuple(FOLLOWS),
        help="whether the query should follow the edit, where X-KDE cannot tell",
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
    edit, _ = restate(world, _stated_edit(arguments))
    codes = (
        list(ATLAS_LANGUAGES)
        if arguments.language == "all" or arguments.record
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
    if arguments.record:
        pair = arguments.base, arguments.edited
        print(write_recorded(*pair, edit, queries, answers))
    follows = FOLLOWS.get(arguments.should_follow or "")
    base = answers["base"].generations
    rows = [
        _row(
            query,
            expected(world, edit, about, query.language).decided(follows, said.text),
            answers,
            index,
        )
        for index, (query, said) in enumerate(zip(queries, base, strict=True))
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


def _stated_edit(arguments: argparse.Namespace) -> Edit:
    """Return the edit that the options state; with --record the first screen's."""
    if arguments.record:
        return first_edit()
    asked, answer = arguments.edit.strip(), arguments.answer.strip()
    if not asked:
        raise InputError("State an edit: --edit QUESTION --answer ANSWER.")
    code, old = language(arguments.edit_language).code, arguments.old_answer.strip()
    return Edit(asked, answer, code, old_answer=old)


def _row(
    query: Query, wanted: Expected, answers: dict[Pane, PaneAnswers], index: int
) -> dict[str, object]:
    """Return one query with what each model said to it."""
    row: dict[str, object] = {
        "query": query.text,
        "language": query.language,
        "expected": {"new": wanted.new, "old": wanted.old},
        "should_follow": wanted.is_affected,
    }
    for pane, given in answers.items():
        generation = given.generations[index]
        verdict = judge(
            generation.text, wanted, query.language, generation.finish or "stop"
        )
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


def _print(edit: Edit, rows: list[Json]) -> None:
    print(f"Edit ({language(edit.language).name}): {edit.question} → {edit.answer}\n")
    panes = [pane for pane in PANES if pane in rows[0]]
    print_table(
        ["language", "query", *panes],
        [
            [r["language"], r["query"]]
            + [
                f"{r[p]['answer']} [{WORDS.get(r[p]['verdict'], r[p]['verdict'])}]"
                for p in panes
            ]
            for r in rows
        ],
    )


MOST_QUESTIONS = 20  # of the edits' own, where no query is given


def add_edit_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--editor", default="ft-m", help=f"one of: {', '.join(EDITORS)}"
    )
    parser.add_argument("--list", action="store_true", help="list the editors")
    parser.add_argument(
        "--checkpoint", default="atlas-base", help="embedded name, folder or Hub id"
    )
    parser.add_argument("--revision", help="of a Hub id")
    edits = parser.add_argument_group("what is edited")
    edits.add_argument("--edits", type=Path, help="a file: .jsonl, .json or .csv")
    edits.add_argument("--question", default="", help="whose answer changes")
    edits.add_argument("--answer", default="", help="its new answer")
    edits.add_argument("--subject", default="", help="whom or what the fact is about")
    edits.add_argument("--old-answer", default="", help="the answer so far")
    edits.add_argument("--language", default="en", help="of the edit (default: en)")
    edits.add_argument("--load-delta", type=Path, help="a change saved before")
    edits.add_argument(
        "--at-once", type=int, help="so many edits at a time (default: all together)"
    )
    edits.add_argument(
        "--sum-languages",
        type=float,
        metavar="SCALE",
        help="edit in each language apart, and put in the sum times SCALE",
    )
    asked = parser.add_argument_group("what is asked")
    asked.add_argument(
        "--query", action="append", default=[], help="as TEXT or zh:TEXT; repeatable"
    )
    asked.add_argument(
        "--ask-in", default="", help="the edits' questions in these languages, or all"
    )
    asked.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--save-delta", type=Path, help="write the change alone here")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the editor, such as layer=4; repeatable",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_edit(arguments: argparse.Namespace) -> None:
    """Edit a model with any editor, ask it, and take the edit out again.

        python -m xkde edit --editor ft-m --question "What is the capital of Japan?" \\
            --answer Osaka --subject Japan --query "zh:日本的首都是哪里？" --json
        python -m xkde edit --editor memit --edits edits.jsonl --ask-in all
        python -m xkde edit --editor ft-m --edits edits.csv \\
            --save-delta osaka.safetensors
        python -m xkde edit --load-delta osaka.safetensors --query "Where is Tokyo?"
        python -m xkde edit --list

    Prints every query's answer before the edits, with them, and after they were
    reverted, which must be as before. A query may begin with its language; without any,
    the edits' own questions are asked.
    """
    if arguments.list:
        _print_editors(arguments.json)
        return
    kind = entry_of(arguments.editor).kind  # before anything is loaded
    if kind == "prompt" and arguments.save_delta and not arguments.load_delta:
        raise InputError(
            f"The editor “{arguments.editor}” changes no weights, so there is no delta "
            "to save. Choose one that does, such as ft-m."
        )
    edits, bad = _edits_to_make(arguments)
    from xkde.engines.loading import local_folder

    folder = local_folder(arguments.checkpoint, arguments.revision)
    checkpoint, revision = name_and_weights(arguments.checkpoint, arguments.revision)
    saved = None
    if arguments.load_delta is not None:
        from xkde.editors.weights.deltas import load as load_delta

        saved = load_delta(arguments.load_delta, revision)
        edits = list(saved.edits)
    queries = _edit_queries(arguments, edits)
    report = _report(arguments, edits, queries, (checkpoint, revision, folder), saved)
    report["left_out"] = [asdict(row) for row in bad]
    if arguments.json:
        print_json(report)
    else:
        _print_edits(report)
    if not report["reverted"]:
        raise XkdeError("After the revert the model was not as before. Load it again.")


def _report(
    arguments: argparse.Namespace,
    edits: list[Edit],
    queries: list[Query],
    checkpoint: tuple[str, str, Path],  # name, weights, folder
    saved: Any,
) -> dict[str, object]:
    from xkde.asking.temporary_edits import as_record, before_and_after
    from xkde.editors.registry import make, read_settings
    from xkde.editors.weights import deltas
    from xkde.editors.weights.base import SavedDeltaEditor, WeightEditor
    from xkde.editors.weights.mixed_language import MixedLanguage
    from xkde.engines.loading import load

    settings = read_settings(arguments.set)
    editor = SavedDeltaEditor(saved) if saved else make(arguments.editor, settings)
    if arguments.sum_languages is not None:
        if not isinstance(editor, WeightEditor):
            raise InputError(
                f"The changes of “{editor.name}” cannot be summed. Choose an editor of "
                "weights, such as memit."
            )
        editor = MixedLanguage(editor, arguments.sum_languages)
    engine = load(checkpoint[2], device=arguments.device)
    at_once = None if saved else arguments.at_once
    sampling = Sampling(arguments.max_new_tokens)
    seen = before_and_after(editor, engine, edits, queries, sampling, at_once)
    if arguments.save_delta is not None:
        made = deltas.SavedDelta(
            seen.applied.delta, editor.name, tuple(edits), *checkpoint[:2]
        )
        deltas.save(arguments.save_delta, made)
    return {
        "editor": editor.name,
        "checkpoint": checkpoint[0],
        "revision": checkpoint[1],
        "device": str(engine.device),
        "settings": settings,
        "protocol": "greedy",
        "delta": str(arguments.save_delta or ""),
        **as_record(seen, queries),
    }


def _edits_to_make(
    arguments: argparse.Namespace,
) -> tuple[list[Edit], tuple[BadRow, ...]]:
    """Return the file's edits and the one that was typed, and the file's bad rows."""
    if arguments.load_delta is not None:
        if arguments.edits or arguments.question:
            raise InputError(
                "A saved change has its own edits. Leave out --edits and --question, "
                "or --load-delta."
            )
        return [], ()
    edits: list[Edit] = []
    bad: tuple[BadRow, ...] = ()
    if arguments.edits:
        read = read_edits(arguments.edits, language(arguments.language).code)
        edits, bad = list(read.edits), read.bad
    if arguments.question or arguments.answer:
        edits.append(
            Edit(
                arguments.question.strip(),
                arguments.answer.strip(),
                language(arguments.language).code,
                arguments.subject.strip(),
                arguments.old_answer.strip(),
            )
        )
    if not edits:
        raise InputError(
            "State an edit: --question TEXT --answer TEXT, or --edits FILE."
        )
    return edits, bad


def _edit_queries(arguments: argparse.Namespace, edits: list[Edit]) -> list[Query]:
    """Return what was typed, then the edits' questions in the languages asked for."""
    queries = []
    for typed in arguments.query:
        code, colon, text = typed.partition(":")
        if colon and code in LANGUAGES:
            queries.append(Query(text.strip(), code))
        else:
            queries.append(Query(typed.strip(), edits[0].language))
    if any(not query.text for query in queries):
        raise InputError("A query is empty. Type it after --query.")
    own = edits[:MOST_QUESTIONS]
    if arguments.ask_in:
        from xkde.asking.expected_answers import in_languages, recognise
        from xkde.data.atlas.world import atlas

        codes = (
            list(ATLAS_LANGUAGES)
            if arguments.ask_in == "all"
            else [language(code.strip()).code for code in arguments.ask_in.split(",")]
        )
        for edit in own:
            about = recognise(atlas(), edit, edit.question, [edit.language])
            queries += in_languages(atlas(), about.question, edit.question, codes)
    return queries or [Query(edit.question, edit.language) for edit in own]


def _print_editors(as_json: bool) -> None:
    if as_json:
        print_json([asdict(entry) for entry in EDITORS.values()])
        return
    print_table(
        ["editor", "kind", "needs", "what it does"],
        [[e.name, e.kind, ", ".join(e.needs), e.sentence] for e in EDITORS.values()],
    )


def _print_edits(report: Json) -> None:
    print(
        f"{len(report['edits'])} edit(s) with {report['editor']} on "
        f"{report['checkpoint']} ({report['revision']}), {report['device']}\n"
    )
    print_table(
        ["language", "query", "before", "after", "reverted"],
        [
            [q["language"], q["query"], q["before"], q["after"], q["reverted"]]
            for q in report["queries"]
        ],
    )
    print(
        f"\n{report['seconds']} s, peak memory {report['peak_bytes'] / 2**20:.0f} MiB, "
        f"{len(report['changed'])} weights changed; after the revert all is "
        + ("bit-exactly as before." if report["reverted"] else "NOT as before.")
    )
    for row in report["left_out"]:
        print(f"Left out, line {row['line']}: {row['why']}. {row['remedy']}")
    for note in report["notes"]:
        print(f"Note: {note}")


def add_prompt_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--edit", default="", help="the edit's question; none: bare query"
    )
    parser.add_argument("--answer", default="", help="the edit's new answer")
    parser.add_argument("--query", required=True)
    parser.add_argument("--language", default="en", help="language of the query")
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="whose tokenizer")
    parser.add_argument("--wrapper", default="hf_template", choices=WRAPPERS)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_prompt(arguments: argparse.Namespace) -> None:
    """Print the exact prompt of an edit and a query, and its token ids.

        python -m xkde prompt --edit "What is the capital of Japan?" --answer Osaka \\
            --query "日本的首都是哪里？" --language zh --checkpoint atlas-xe-it
    """
    from xkde.engines.loading import load_tokenizer, local_folder

    tokenizer = load_tokenizer(local_folder(arguments.checkpoint))
    edits = [Edit(arguments.edit, arguments.answer, "")] if arguments.edit else []
    text = edit_prompt(edits, arguments.query, language(arguments.language).name)
    encoded = encode(tokenizer, ask(text, arguments.language), arguments.wrapper)
    pieces = [tokenizer.decode([token_id]) for token_id in encoded.ids]
    if arguments.json:
        print_json(
            {
                "text": encoded.text,
                "ids": encoded.ids,
                "tokens": pieces,
                "wrapper": arguments.wrapper,
                "checkpoint": arguments.checkpoint,
            }
        )
        return
    print(encoded.text)
    print(f"\n{len(encoded.ids)} tokens:")
    print(
        " ".join(f"{i}:{piece!r}" for i, piece in zip(encoded.ids, pieces, strict=True))
    )
