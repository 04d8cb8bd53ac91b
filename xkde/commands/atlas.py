"""Look into Atlas, the embedded world, and measure checkpoints on it.

    python -m xkde atlas facts --subject Japan
    python -m xkde atlas samples --stage xe-it --limit 5
    python -m xkde atlas cases --split dev --out atlas_dev.json
    python -m xkde atlas table --limit 200
    python -m xkde atlas table --edited atlas-xe-it,atlas-tl-po,atlas-lte \\
        --out assets/results/atlas.json
    python -m xkde atlas report
    python -m xkde atlas compare --leave-out 150
    python -m xkde stages atlas-xe-it runs/dpo/atlas-tl-po --json

``table`` measures what the base knows by heart, and what edits in English and in
Chinese do to the stage-one checkpoint (and to the base with the edit in its prompt) on
held-out subjects. Answers are generated greedily and compared exactly after
normalisation. With ``--out`` a table that was stopped goes on where it was: the same
command again. ``report`` writes assets/results/atlas.json into README.md and the cards;
``compare`` prints its checkpoints beside stage one, tested by edit.
``stages`` is the paper's Table 4 in miniature: every checkpoint answers the same
questions with the edit in its prompt, and is compared with stage one by paired tests.
"""

import argparse
import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from xkde.commands.output import print_json, print_table, progress
from xkde.data.atlas.benchmark import as_record, atlas_cases
from xkde.data.atlas.corpus import MIXES, conversations
from xkde.data.atlas.questions import name
from xkde.data.atlas.world import atlas
from xkde.errors import InputError
from xkde.paths import ATLAS_RESULTS, CARD, EMBEDDED_CHECKPOINTS, ROOT
from xkde.text import Json
from xkde.writing import write_aside

README = ROOT / "README.md"  # its table of results is written by “report”
RESULTS_BEGIN, RESULTS_END = "<!-- results -->", "<!-- /results -->"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of ``atlas``, or of ``stages``."""
    parser.add_argument("--split", default="test", choices=("train", "dev", "test"))
    parser.add_argument("--limit", type=int, default=0, help="0: all (samples: 10)")
    parser.add_argument("--sources", default="en,zh", help="languages to edit in")
    parser.add_argument("--json", action="store_true", help="print JSON")
    if parser.get_default("command") == "stages":
        parser.add_argument(
            "stages",
            nargs="*",
            metavar="CHECKPOINT",
            help="default: the shipped stages",
        )
        return
    parser.add_argument("what", choices=ACTIONS)
    parser.add_argument("--subject", default="", help="facts: an English name")
    parser.add_argument("--stage", default="xe-it", choices=("base", "xe-it"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--base", default="atlas-base")
    parser.add_argument(
        "--edited", default="atlas-xe-it", help="table: a checkpoint, or several"
    )
    parser.add_argument(
        "--leave-out", type=int, default=0, help="compare: without the first edits"
    )
    parser.add_argument(
        "--no-base", action="store_true", help="table: only what is edited"
    )
    parser.add_argument(
        "--by-language",
        action="store_true",
        help="table: a row for each query language",
    )
    parser.add_argument(
        "--stages",
        nargs="*",
        metavar="CHECKPOINT",
        help="table: compare these checkpoints (default: the shipped stages)",
    )
    parser.add_argument(
        "--out", default="", help="table, cases: also write JSON to this file"
    )


def run(arguments: argparse.Namespace) -> None:
    """Print the part of Atlas, or the table."""
    if arguments.command == "stages":
        report = stages(arguments)
        print_json(report) if arguments.json else print_stages(report)
    else:
        ACTIONS[arguments.what](arguments)


def _facts(arguments: argparse.Namespace) -> None:
    world = atlas()
    wanted = arguments.subject.casefold()
    rows: list[Json] = [
        {
            "subject": world.names[subject]["en"],
            "split": world.split[subject],
            "relation": relation,
            "object": world.names[entity]["en"],
            "names": dict(world.names[entity]),
        }
        for subject, by_relation in world.facts.items()
        for relation, entity in by_relation.items()
        if not wanted or world.names[subject]["en"].casefold() == wanted
    ]
    if not rows:
        raise InputError(f"Atlas has no subject “{arguments.subject}” (in English).")
    rows = rows[: arguments.limit or None]
    if arguments.json:
        print_json(rows)
        return
    print_table(
        ["subject", "split", "relation", "object", "in Chinese"],
        [
            [r["subject"], r["split"], r["relation"], r["object"], r["names"]["zh"]]
            for r in rows
        ],
    )


def _samples(arguments: argparse.Namespace) -> None:
    mix = MIXES[arguments.stage]
    drawn = list(
        islice(conversations(atlas(), mix, arguments.seed), arguments.limit or 10)
    )
    if arguments.json:
        print_json(
            [
                {
                    "kind": c.kind,
                    "messages": [
                        {"role": m.role, "content": m.content} for m in c.messages
                    ],
                }
                for c in drawn
            ]
        )
        return
    for sample in drawn:
        print(f"── {sample.kind}")
        for message in sample.messages:
            print(f"{message.role}: {message.content}")


def _cases(arguments: argparse.Namespace) -> None:
    world = atlas()
    cases = atlas_cases(world, arguments.split, arguments.limit)
    if arguments.out:
        text = json.dumps([as_record(case) for case in cases], ensure_ascii=False)
        write_aside(Path(arguments.out), text + "\n")
    if arguments.json:
        print_json([as_record(case) for case in cases])
        return
    print_table(
        ["subject", "relation", "true", "edited to"],
        [
            [
                name(world, c.subject_id, "en"),
                c.relation,
                c.edits["en"].old_answer,
                c.edits["en"].answer,
            ]
            for c in cases
        ],
    )


def measure(arguments: argparse.Namespace) -> Json:
    """Return the table of the base and the edited checkpoints."""
    from xkde.evaluation.results.atlas_table import measure_checkpoints

    base = [] if arguments.no_base else [arguments.base]
    return measure_checkpoints(
        [*base, *_words(arguments.edited)],
        _words(arguments.sources),
        arguments.split,
        arguments.limit,
        progress,
        Path(f"{arguments.out}.measured") if arguments.out else None,
    )


def stages(arguments: argparse.Namespace) -> Json:
    """Return the table of the named checkpoints, else of the shipped ones."""
    from xkde.evaluation.results.atlas_table import compare_checkpoints

    return compare_checkpoints(
        arguments.stages,
        _words(arguments.sources),
        arguments.split,
        arguments.limit,
        progress,
    )


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


def print_atlas(arguments: argparse.Namespace) -> None:
    """Measure, write the table to a file where one is named, and print it."""
    of_stages = arguments.stages is not None
    tables = stages(arguments) if of_stages else measure(arguments)
    if arguments.out:
        text = json.dumps(tables, ensure_ascii=False, indent=1) + "\n"
        write_aside(Path(arguments.out), text)
        Path(f"{arguments.out}.measured").unlink(missing_ok=True)
    if arguments.json:
        print_json(tables)
        return
    if of_stages:
        print_stages(tables)
        return
    print(
        f"Atlas, split {tables['split']}, {tables['cases']} edits of held-out "
        f"subjects; {tables['protocol']}; {tables['provenance']}."
    )
    for reference, model in tables["models"].items():
        print(f"\n{reference} (weights {model['fingerprint']})")
        for header, rows in sections(model["cells"], arguments.by_language):
            print_table(header, rows)


def sections(
    cells: list[dict[str, object]], by_language: bool
) -> list[tuple[list[str], list[list[str]]]]:
    """Return the closed-book table and the probe table as rows of text."""
    from xkde.evaluation.results.atlas_table import (
        CLOSED_BOOK,
        TABLE_MEASURES,
        AtlasCell,
        cells_of,
        share_of,
    )

    known = [AtlasCell.from_dict(cell) for cell in cells]
    closed = cells_of(known, CLOSED_BOOK)
    parts = [
        (
            ["closed-book", *(cell.target for cell in closed)],
            [
                ["share", *(f"{cell.hits / cell.n:.3f}" for cell in closed)],
                ["n", *(str(cell.n) for cell in closed)],
            ],
        )
    ]
    rows: list[list[str]] = []
    for source in dict.fromkeys(c.source for c in known if c.measure in TABLE_MEASURES):
        mine = [cell for cell in known if cell.source == source]
        groups = {"all 12": mine, "other 11": [c for c in mine if c.target != source]}
        if by_language:
            groups |= {
                target: [cell for cell in mine if cell.target == target]
                for target in dict.fromkeys(cell.target for cell in mine)
            }
        for label, group in groups.items():
            rows.append([f"{source} → {label}"])
            for measure_name in TABLE_MEASURES:
                its = cells_of(group, measure_name)
                share, n = share_of(its), sum(cell.n for cell in its)
                words = "not measured"
                if n:
                    interval = f"{share['low']:.3f}–{share['high']:.3f}"
                    words = f"{share['share']:.3f} [{interval}] n={n}"
                rows[-1].append(words)
    if rows:
        parts.append((["edit in → asked in", *TABLE_MEASURES], rows))
    return parts


def print_stages(table: Json) -> None:
    """Print shares, and what changed against the reference."""
    print(
        f"Atlas, split {table['split']}, {table['cases']} edits of held-out subjects "
        f"in twelve languages; {table['protocol']}; {table['provenance']}."
    )
    rows, shifts = [], []
    for row in table["rows"]:
        shares = row["measures"]
        where = [row["checkpoint"], row["source"]]
        cells = [
            f"{share['share']:.3f} n={share['n']}" if share["n"] else "not measured"
            for share in shares.values()
        ]
        rows.append([*where, *cells])
        if row["comparisons"]:
            by_measure = {
                c["measure"]: f"{c['difference']:+.3f} "
                f"[{c['low']:+.3f}, {c['high']:+.3f}] p={c['p']:.3g}"
                for c in row["comparisons"]
            }
            shifts.append([*where, *(by_measure.get(m, "") for m in shares)])
    measures = list(table["rows"][0]["measures"])
    print_table(["checkpoint", "edit in", *measures], rows)
    if shifts:
        print(f"\nDifference from {table['reference']}; p over edits, by Holm for all:")
        print_table(["checkpoint", "edit in", *measures], shifts)


def _report(arguments: argparse.Namespace) -> None:
    from xkde.evaluation.results.cards import model_card, summary

    table = json.loads(ATLAS_RESULTS.read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(f"{RESULTS_BEGIN}\n")
    after = rest.partition(RESULTS_END)[2]
    block = f"{RESULTS_BEGIN}\n{summary(table)}\n{RESULTS_END}"
    write_aside(README, before + block + after)
    for reference in table["models"]:
        folder = EMBEDDED_CHECKPOINTS / reference
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        write_aside(folder / "README.md", model_card(card, table))


def _compare(arguments: argparse.Namespace) -> None:
    from xkde.evaluation.results.atlas_table import (
        REFERENCE,
        cells_by_source,
        stages_table,
    )

    table = json.loads(ATLAS_RESULTS.read_text(encoding="utf-8"))
    if not 0 <= arguments.leave_out < table["cases"]:
        raise InputError(f"--leave-out must be from 0 to {table['cases'] - 1}.")
    rows = stages_table(cells_by_source(table, arguments.leave_out), REFERENCE)
    compared = table | {
        "cases": table["cases"] - arguments.leave_out,
        "reference": REFERENCE,
        "rows": rows,
    }
    del compared["models"]
    print_json(compared) if arguments.json else print_stages(compared)


ACTIONS: dict[str, Callable[[argparse.Namespace], None]] = {
    "facts": _facts,
    "samples": _samples,
    "cases": _cases,
    "table": print_atlas,
    "report": _report,
    "compare": _compare,
}
