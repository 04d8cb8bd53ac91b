"""Look inside a model: one question, or many facts of a benchmark.

    python -m xkde inside lens --edit "What is the capital of Japan?" --answer Osaka \\
        --query "日本的首都是哪里？" --language zh
    python -m xkde inside attribution --edit "What is the capital of Japan?" \\
        --answer Osaka --json
    python -m xkde inside trace --edit "What is the capital of Japan?" --answer Osaka
    python -m xkde inside trace --facts 100 --languages en,zh,de
    python -m xkde inside geometry --facts 120 --languages en,zh,de,ru --editor rome

“lens” reads the layers, “attribution” what an answer looks at, “trace” which states
carry the fact; “geometry” compares the updates of one fact made in several languages.
With --facts, many edits are measured: the edit's language is the first of --languages,
and --out writes the tables into a folder. Given --out, geometry goes on after an
interruption. The tab Inside shows the tables that lie in assets/results/inside.
"""

import argparse
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from xkde.asking.looking_inside import InsideQuestion, inside_question
from xkde.checkpoints import default_pair, name_and_weights
from xkde.commands.output import print_json, print_table, progress
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.languages import language
from xkde.types import Case, Edit, Query

if TYPE_CHECKING:
    from xkde.engines.transformers import TransformersEngine
    from xkde.inside.averages import Rows

WHAT = ("lens", "attribution", "trace", "geometry")
HIDDEN = ("map",)  # a table of points, for the picture alone
KEPT = ".updates"  # in the folder of --out, until the tables are written there


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    base, edited = default_pair()
    parser.add_argument("what", choices=WHAT)
    parser.add_argument(
        "--base", default=base, help=f"asked without the edit (default: {base})"
    )
    parser.add_argument(
        "--edited", default=edited, help=f"asked with the edit (default: {edited})"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or mps")
    one = parser.add_argument_group("one question")
    one.add_argument("--edit", default="", help="the question whose answer changes")
    one.add_argument("--answer", default="", help="its new answer")
    one.add_argument("--old-answer", default="", help="its old answer, if known")
    one.add_argument("--edit-language", default="en", help="default: en")
    one.add_argument("--subject", default="", help="the subject, as the edit has it")
    one.add_argument("--query", default="", help="default: the edit's own question")
    one.add_argument("--language", default="en", help="of the query (default: en)")
    many = parser.add_argument_group("many facts")
    many.add_argument("--facts", type=int, default=0, help="how many; 0: one question")
    many.add_argument("--languages", default="en,zh", help="default: en,zh")
    many.add_argument(
        "--benchmark",
        default="atlas",
        help="atlas, or a file or folder (default: atlas)",
    )
    many.add_argument("--seed", type=int, default=7, help="draws the facts")
    many.add_argument("--editor", default="rome", help="of geometry: rome or memit")
    many.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE",
        help="a setting of the editor, such as layer=4; repeatable",
    )  # fmt: skip
    many.add_argument("--out", type=Path, help="a folder to write the tables into")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Look, and print."""
    if arguments.facts > 0:
        _many(arguments)
    elif arguments.what == "geometry":
        raise InputError("Geometry compares many facts. Say how many with --facts.")
    else:
        _one(arguments)


def _open(name: str, device: str) -> "TransformersEngine":
    from xkde.engines.loading import load, local_folder

    return load(local_folder(name), device=device)


def _one(arguments: argparse.Namespace) -> None:
    edit = Edit(
        arguments.edit.strip(),
        arguments.answer.strip(),
        language(arguments.edit_language).code,
        arguments.subject.strip(),
        arguments.old_answer.strip(),
    )
    code = language(arguments.language).code
    asked = inside_question(
        atlas(), edit, Query(arguments.query.strip() or edit.question, code)
    )
    found: dict[str, dict[str, object]] = {}
    for pane, name in (("base", arguments.base), ("edited", arguments.edited)):
        engine = _open(name, arguments.device)
        found[pane] = {"checkpoint": name, **_seen(arguments.what, engine, asked, pane)}
    if arguments.json:
        print_json({"edit": asdict(asked.edit), "query": asdict(asked.query), **found})
        return
    for pane, seen in found.items():
        print(f"\n{pane}: {seen.pop('checkpoint')}")
        rows = seen.pop("rows")
        print(", ".join(f"{name}: {value}" for name, value in seen.items()) + "\n")
        assert isinstance(rows, list)
        _print_rows(rows)


def _seen(
    what: str, engine: "TransformersEngine", asked: InsideQuestion, pane: str
) -> dict[str, object]:
    """Return what one look at one model shows: a few values, and rows."""
    from xkde.asking.looks import look_inside
    from xkde.inside.attribution import Attribution
    from xkde.inside.lens import Lens
    from xkde.inside.trace import CausalTrace

    look = next(each for each in ("lens", "attribution", "trace") if each == what)
    seen = look_inside(look, engine, asked, pane == "edited", progress(what))
    if isinstance(seen, Lens):
        words = [f"{w.which} {w.language} “{w.token}”" for w in seen.words]
        rows: list[dict[str, object]] = [
            {"layer": n, "first choice": each.best,
             "p": round(each.best_probability, 4),
             **{w: f"{p:.4f} (rank {rank})" for w, p, rank in
                zip(words, each.probabilities, each.ranks, strict=True)}}
            for n, each in enumerate(seen.layers)
        ]  # fmt: skip
        first = seen.first
        return {"decides at layer": seen.decides,
                "appears first": first.language if first else None,
                "rows": rows}  # fmt: skip
    if isinstance(seen, Attribution):
        attention = seen.attention or (float("nan"),) * len(seen.tokens)
        triples = zip(seen.tokens, attention, seen.gradient, strict=True)
        return {"answer": seen.answer, "rows": [
            {"token": token.text, "part": token.part, "attention": round(a, 4),
             "input × gradient": round(g, 4)} for token, a, g in triples
        ]}  # fmt: skip
    assert isinstance(seen, CausalTrace)
    effects = zip(seen.groups, seen.texts, *seen.effects, strict=True)
    return {
        "answer": seen.answer,
        "clean": round(seen.clean, 4),
        "corrupted": round(seen.corrupted, 4),
        "rows": [
            {"place": places[0], "text": text,
             **{f"layer {n}": round(value, 3) for n, value in enumerate(values, 1)}}
            for places, text, *values in effects
        ],
    }  # fmt: skip


def _many(arguments: argparse.Namespace) -> None:
    from xkde.inside.facts import choose_facts
    from xkde.inside.files import InsideReport, write_report

    codes = tuple(language(c.strip()).code for c in arguments.languages.split(","))
    chosen = choose_facts(arguments.benchmark, codes, arguments.facts, arguments.seed)
    checkpoint = arguments.edited if arguments.what == "attribution" else arguments.base
    name, revision = name_and_weights(checkpoint)
    is_geometry = arguments.what == "geometry"
    report = InsideReport(
        arguments.what,
        {
            "checkpoint": name,
            "revision": revision,
            "benchmark": chosen.benchmark,
            "benchmark_sha256": chosen.sha256,
            "editor": arguments.editor if is_geometry else "",
            "settings": ",".join(arguments.set),
            "facts": len(chosen.cases),
            "languages": ",".join(codes),
            "seed": arguments.seed,
            "other": arguments.edited if arguments.what == "lens" else "",
        },
        _tables(arguments, chosen.cases, codes),
    )
    if arguments.out:
        print(write_report(report, arguments.out))
        shutil.rmtree(arguments.out / KEPT, ignore_errors=True)
    elif arguments.json:
        print_json(asdict(report))
    else:
        for title, rows in report.tables.items():
            if title not in HIDDEN:
                print(f"\n{title}")
                _print_rows([dict(row) for row in rows])


def _tables(
    arguments: argparse.Namespace, cases: tuple[Case, ...], codes: tuple[str, ...]
) -> "dict[str, Rows]":
    """Return the tables of one measurement over many facts."""
    from xkde.editors.registry import read_settings
    from xkde.inside import averages
    from xkde.inside.edits_measured import GeometryTask, tables_of

    show, device, source = progress(arguments.what), arguments.device, codes[0]
    if arguments.what == "attribution":
        engine = _open(arguments.edited, device)
        rows = averages.attribution_rows(engine, cases, source, codes, show)
        return {"shares": rows}
    engine = _open(arguments.base, device)
    if arguments.what == "trace":
        return {"effects": averages.trace_rows(engine, cases, codes, show)}
    if arguments.what == "lens":
        edited = _open(arguments.edited, device)
        rows = averages.lens_rows(engine, edited, cases, source, codes, show)
        return {"layers": rows}
    settings = read_settings(arguments.set)
    return tables_of(
        GeometryTask(
            engine, arguments.editor, cases, codes, settings, show,
            name_and_weights(arguments.base)[1],
            arguments.out / KEPT if arguments.out else None,
        )
    )  # fmt: skip


def _print_rows(rows: list[dict[str, object]]) -> None:
    """Print rows of equal fields."""
    if rows:
        print_table(
            list(rows[0]),
            [[str(row.get(name, "")) for name in rows[0]] for row in rows],
        )
