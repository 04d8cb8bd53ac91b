"""Make preference pairs of scored samples, and say what a file of pairs is like.

    python -m xkde pair --samples samples.jsonl --scores scores.jsonl \\
        --strategy ours --out pairs.jsonl --dev dev.jsonl
    python -m xkde pair statistics pairs.jsonl
    python -m xkde pair statistics pairs.parquet --samples samples.jsonl --json

Strategies: paper (the gold over every flawed answer), released (as the released script
does), ours (margin, correctness, languages, near-duplicates, balance). The statistics
read any file of pairs: JSON lines, JSON or Parquet, ours, TRL's or the released form.
"""

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from xkde.commands.output import print_json, print_table
from xkde.data.preferences.pairing import REASONS, STRATEGIES, PairingOptions
from xkde.data.preferences.records import SCORE_NAMES, Pair
from xkde.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "action", nargs="?", default="make", choices=("make", "statistics")
    )
    parser.add_argument("file", nargs="?", type=Path, help="statistics: of these pairs")
    parser.add_argument("--samples", type=Path, help="sampled answers, JSON lines")
    parser.add_argument("--scores", type=Path, help="their scores, JSON lines")
    parser.add_argument("--strategy", choices=tuple(STRATEGIES), default="ours")
    parser.add_argument("--out", type=Path, help="file of pairs, .jsonl or .parquet")
    parser.add_argument("--dev", type=Path, help="a file for the facts set apart")
    parser.add_argument("--dev-share", type=float, default=0.1, help="of the facts")
    parser.add_argument(
        "--score", choices=SCORE_NAMES, default="", help="default: the strategy's own"
    )
    default = PairingOptions()
    parser.add_argument(
        "--margin", type=float, default=default.margin, help="ours: smallest difference"
    )
    parser.add_argument(
        "--per-prompt", type=int, default=default.per_prompt, help="ours: most pairs"
    )
    parser.add_argument(
        "--balance",
        type=float,
        default=default.balance,
        help="ours: a direction has at most so many times the median's pairs; 0: any",
    )
    parser.add_argument("--seed", type=int, default=default.seed)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked."""
    if arguments.action == "statistics":
        _statistics(arguments)
    else:
        _make(arguments)


def _make(arguments: argparse.Namespace) -> None:
    from xkde.data.preferences.files import read_samples, read_scores, write_pairs
    from xkde.data.preferences.pairing import make_pairs, split_by_fact

    if arguments.samples is None or arguments.out is None:
        raise InputError("Name the files: --samples FILE --scores FILE --out FILE.")
    samples = read_samples(arguments.samples)
    scores = read_scores(arguments.scores) if arguments.scores else []
    names = [field.name for field in fields(PairingOptions)]
    options = PairingOptions(**{name: getattr(arguments, name) for name in names})
    pairing = make_pairs(samples, scores, arguments.strategy, options)
    train = list(pairing.pairs)
    dev: list[Pair] = []
    if arguments.dev:
        train, dev = split_by_fact(train, arguments.dev_share, arguments.seed)
        write_pairs(arguments.dev, dev)
    write_pairs(arguments.out, train)
    report: dict[str, Any] = {
        "strategy": arguments.strategy,
        "samples": len(samples),
        "pairs": len(train),
        "dev_pairs": len(dev),
        "prompts_without_a_pair": pairing.prompts,
        "answers_without_a_pair": pairing.answers,
        "out": str(arguments.out),
    }
    if arguments.json:
        print_json(report)
        return
    apart = f", {len(dev)} of other facts in {arguments.dev}" if arguments.dev else ""
    print(
        f"{len(train)} pairs in {arguments.out}{apart}, made of {len(samples)} prompts."
    )
    for what in ("prompts", "answers"):
        counts = report[f"{what}_without_a_pair"]
        if counts:
            rows = [[REASONS[reason], str(n)] for reason, n in counts.items()]
            print()
            print_table([f"{what} without a pair", "n"], rows)


def _statistics(arguments: argparse.Namespace) -> None:
    from xkde.data.preferences.files import read_samples, read_scores
    from xkde.data.preferences.opening import REASONS as LEFT_OUT
    from xkde.data.preferences.opening import open_pairs
    from xkde.data.preferences.statistics import (
        lines,
        pair_statistics,
        sample_statistics,
    )
    from xkde.data.preferences.table import pair_frame

    if arguments.file is None and arguments.samples is None:
        raise InputError("Name a file of pairs: python -m xkde pair statistics FILE.")
    parts: dict[str, Any] = {}
    if arguments.samples is not None:
        samples = read_samples(arguments.samples)
        scores = read_scores(arguments.scores) if arguments.scores else []
        score = arguments.score or "symmetric"
        parts["samples"] = sample_statistics(samples, scores, score)
    if arguments.file is not None:
        opened = open_pairs(arguments.file)
        parts["pairs"] = pair_statistics(pair_frame(opened.pairs)) | {
            "form": opened.form,
            "left_out": dict(opened.left_out),
        }
    if arguments.json:
        print_json(parts)
        return
    for name, numbers in parts.items():
        for reason, count in numbers.get("left_out", {}).items():
            print(f"{count} rows left out: {LEFT_OUT[reason]}.")
        kept = {key: value for key, value in numbers.items() if key != "left_out"}
        print_table([name, ""], [[what, value] for what, value in lines(kept)])
        print()
