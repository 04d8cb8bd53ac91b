"""Preference pairs for stage two (TL-PO): sample answers, score them, pair them."""

import argparse
import sys
import time
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from xkde import paths
from xkde.commands.measure import open_encoder
from xkde.commands.output import print_json, print_table, progress
from xkde.data.preferences.files import SCORE_NAMES, Pair
from xkde.data.preferences.pairing import REASONS, STRATEGIES, PairingOptions
from xkde.errors import CheckpointError, InputError
from xkde.text import Json
from xkde.writing import write_aside

if TYPE_CHECKING:
    from xkde.data.preferences.files import Sample
    from xkde.engines.aligner import TranslationScorer

ATLAS_ALIGNER = "atlas-aligner"


def add_align_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "action", nargs="?", default="score", choices=("score", "check")
    )
    parser.add_argument("--samples", type=Path, help="sampled answers, JSON lines")
    parser.add_argument("--out", type=Path, help="file of scores, or of the check")
    parser.add_argument(
        "--aligner",
        "--scorer",
        default=ATLAS_ALIGNER,
        help="a translation model, or a language model that translates",
    )
    parser.add_argument(
        "--parity", action="store_true", help="score as the released script does"
    )
    parser.add_argument(
        "--no-language-token",
        action="store_true",
        help="leave the forced language out of the mean",
    )
    parser.add_argument(
        "--encoder", default="", help="sentence-transformers model, for cosines"
    )
    parser.add_argument("--device", default="auto", help="auto, cuda, mps or cpu")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument(
        "--limit", type=int, default=24, help="check: entities a direction"
    )
    parser.add_argument(
        "--by-direction", action="store_true", help="check: show all 132"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run_align(arguments: argparse.Namespace) -> None:
    """Score sampled answers with a translation model: TL-PO's second step.

        python -m xkde align --samples runs/samples.jsonl --out runs/scores.jsonl
        python -m xkde align --samples FILE --out FILE --aligner FOLDER --parity
        python -m xkde align check --aligner atlas-aligner
        python -m xkde align check --aligner FOLDER --by-direction --json

    Each answer, and the gold, is scored against the gold in the edit's language, in
    both directions; --parity scores as the released script does, whatever the languages
    are. Stopped and started again, it goes on where it was. The aligner is
    atlas-aligner, a folder or Hub id of NLLB-200 with safetensors weights, or a
    language model that XE-IT taught to translate, such as gemma-3-270m-x-kde. Next:
    ``python -m xkde pair``.

    check: how often the gold ranks above a wrong name, in Atlas's 132 directions.
    """
    if min(arguments.batch_size, arguments.limit) < 1:
        raise InputError("--batch-size and --limit must be 1 or more.")
    if arguments.parity and arguments.no_language_token:
        raise InputError(
            "The released script counts the language: leave out --parity or "
            "--no-language-token."
        )
    if arguments.action == "check":
        _check(arguments)
    else:
        _score(arguments)


def open_aligner(
    reference: str, device: str = "auto"
) -> "tuple[TranslationScorer, str]":
    """Return an aligner by name, folder or Hub id, and which weights it has.

    An adapter is one of a language model, which then must have learned to translate.
    """
    from xkde.checkpoints.catalogue import folder_of, resolve, weights_of
    from xkde.checkpoints.folders import is_adapter
    from xkde.checkpoints.weights import fingerprint
    from xkde.engines.aligner import load_aligner
    from xkde.engines.loading import load, source_of
    from xkde.engines.translation import TranslatingModel

    if reference == ATLAS_ALIGNER and not (paths.checkpoints() / reference).is_dir():
        raise CheckpointError(
            f"There is no {ATLAS_ALIGNER} here. Train one: python -m xkde "
            f"train-aligner {ATLAS_ALIGNER}-laptop; then give --aligner its folder."
        )
    place = resolve(reference)
    if place.path is not None and is_adapter(place.path):
        engine = load(source_of(place), device=device)
        return TranslatingModel(engine), fingerprint(place.path)
    folder = folder_of(place)
    return load_aligner(folder, device=device), weights_of(place)


def _score(arguments: argparse.Namespace) -> None:
    if arguments.samples is None or arguments.out is None:
        raise InputError("Name the files: --samples FILE --out FILE.")
    from xkde.training.preference.alignment import (
        AlignmentSetting,
        Measures,
        align,
        chrf,
        chrf_version,
    )

    aligner, weights = open_aligner(arguments.aligner, arguments.device)
    encode = None
    if arguments.encoder:
        encoder = open_encoder(arguments.encoder, arguments.device)
        encode = partial(encoder.encode, kind="edit")
    setting = AlignmentSetting(
        aligner=arguments.aligner,
        weights=weights,
        parity=arguments.parity,
        language_token=not arguments.no_language_token,
        encoder=arguments.encoder,
        chrf=chrf_version(),
    )
    began = time.perf_counter()
    counts = align(
        arguments.samples,
        arguments.out,
        Measures(aligner, chrf(), encode),
        setting,
        batch_size=arguments.batch_size,
        on_progress=progress("answers"),
    )
    seconds = time.perf_counter() - began
    report: Json = {
        **counts,
        "seconds": round(seconds, 1),
        "answers_per_second": round(counts["scored"] / seconds, 1),
        "setting": vars(setting),
        "out": str(arguments.out),
    }
    if arguments.json:
        print_json(report)
        return
    print(
        f"{arguments.out}: {counts['scored']} answers and golds of "
        f"{counts['samples']} prompts scored in {seconds:.1f} s, {counts['before']} "
        "were there before."
    )


def _check(arguments: argparse.Namespace) -> None:
    from xkde.checkpoints import read_card, resolve
    from xkde.data.atlas.world import atlas
    from xkde.evaluation.run.alignment_check import check
    from xkde.training.atlas_models.aligner import is_held_out

    aligner, weights = open_aligner(arguments.aligner, arguments.device)
    place = resolve(arguments.aligner)
    card = read_card(place.path) if place.path else None
    one_in = int(card.settings.get("held_out", 0)) if card else 0
    found = check(
        aligner,
        atlas(),
        limit=arguments.limit,
        language_token=not arguments.no_language_token,
        held_out=partial(is_held_out, one_in=one_in),
        on_progress=progress("translations"),
    )
    found = {"aligner": arguments.aligner, "weights": weights, **found}
    if arguments.out:
        import json

        text = json.dumps(found, ensure_ascii=False, indent=1)
        write_aside(arguments.out, text + "\n")
    if arguments.json:
        print_json(found)
    else:
        print_check(found, arguments.by_direction)


def print_check(found: Json, by_direction: bool) -> None:
    """Print how often the gold won, overall and in each direction."""
    for title, part in (("all", "overall"), ("never trained on", "held_out")):
        rows = [
            [reward, *(_share(count) for count in table[part])]
            for reward, table in found["rewards"].items()
        ]
        print_table([f"gold above ({title})", *found["contrasts"]], rows)
        print()
    if by_direction:
        counts = found["rewards"]["symmetric"]["directions"]
        cells = {(c["source"], c["target"], c["contrast"]): _share(c) for c in counts}
        directions = dict.fromkeys((c["source"], c["target"]) for c in counts)
        rows = [
            [f"{s}→{t}", *(cells.get((s, t, kind), "–") for kind in found["contrasts"])]
            for s, t in directions
        ]
        print_table(["symmetric", *found["contrasts"]], rows)


def _share(count: dict[str, object]) -> str:
    if not count["n"]:
        return "– n=0"
    interval = f"{count['low']:.3f}–{count['high']:.3f}"
    return f"{count['share']:.3f} [{interval}] n={count['n']}"


def add_sample_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument(
        "--engine",
        default="transformers",
        help="transformers, vllm, or the address of a server (http://…/v1)",
    )
    parser.add_argument(
        "--prompts", type=Path, help="a file of “data build”; else Atlas's facts"
    )
    parser.add_argument("--count", type=int, default=2000, help="how many prompts")
    parser.add_argument("--answers", type=int, default=5, help="answers a prompt")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl file")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def _prompts(arguments: argparse.Namespace) -> "list[Sample]":
    """Return the prompts of a file, or of Atlas's training facts."""
    from xkde.checkpoints import resolve
    from xkde.data.atlas.world import atlas
    from xkde.training.preference.sampling import atlas_prompts, file_prompts

    if arguments.prompts:
        drawn = file_prompts(arguments.prompts, arguments.count, arguments.seed)
    else:
        drawn = atlas_prompts(atlas(), arguments.count, arguments.seed)
    place = resolve(arguments.checkpoint, arguments.revision)
    return [
        replace(
            prompt,
            engine="server" if "://" in arguments.engine else arguments.engine,
            checkpoint=arguments.checkpoint,
            revision=place.revision or "",
        )
        for prompt in drawn
    ]


def run_sample(arguments: argparse.Namespace) -> None:
    """Sample answers to training prompts: the first step of stage two (TL-PO).

        python -m xkde sample --checkpoint atlas-xe-it --count 2000 \\
            --out runs/samples.jsonl
        python -m xkde sample --checkpoint gemma-3-270m-x-kde --prompts train.jsonl \\
            --out runs/samples.jsonl
        python -m xkde sample --checkpoint atlas-xe-it --engine vllm --out …
        python -m xkde sample --checkpoint FOLDER \\
            --engine http://127.0.0.1:8000/v1 --out …

    The prompts are those of Atlas's training facts, or of a file of “data build”. Every
    line is one prompt with its answers, each with the seed that drew it. Stopped and
    started again, it goes on where it was. Next: ``python -m xkde align``.
    """
    from xkde.checkpoints import resolve, weights_of
    from xkde.engines.engine import open_engine
    from xkde.training.preference.sampling import (
        SamplingPlan,
        distinct_rate,
        sample,
    )

    if min(arguments.count, arguments.answers, arguments.max_new_tokens) < 1:
        raise InputError("--count, --answers and --max-new-tokens must be 1 or more.")
    prompts = _prompts(arguments)
    plan = SamplingPlan(
        arguments.answers,
        arguments.temperature,
        arguments.top_p,
        arguments.seed,
        arguments.max_new_tokens,
    )
    engine = open_engine(arguments.engine, arguments.checkpoint, arguments.revision)
    weights = weights_of(resolve(arguments.checkpoint, arguments.revision))

    def say(done: int, total: int) -> None:
        print(f"\r{done} of {total} prompts", end="", file=sys.stderr, flush=True)

    made = sample(engine, prompts, plan, arguments.out, say, weights=weights)
    print(file=sys.stderr)
    report = {
        "file": str(arguments.out),
        "prompts": len(made),
        "too_long": sum(not each.answers for each in made),
        "distinct": distinct_rate(made),
    }
    if arguments.json:
        print_json(report)
        return
    print(f"{arguments.out}: {len(made)} prompts, {report['distinct']:.0%} distinct")
    if report["too_long"]:
        print(f"{report['too_long']} prompts were too long for the model: no answers")


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
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


def run_pair(arguments: argparse.Namespace) -> None:
    """Make preference pairs of scored samples, and say what a file of pairs is like.

        python -m xkde pair --samples samples.jsonl --scores scores.jsonl \\
            --strategy ours --out pairs.jsonl --dev dev.jsonl
        python -m xkde pair statistics pairs.jsonl
        python -m xkde pair statistics pairs.parquet --samples samples.jsonl --json

    Strategies: paper (the gold over every flawed answer), released (as the released
    script does), ours (margin, correctness, languages, near-duplicates, balance). The
    statistics read any file of pairs: JSON lines, JSON or Parquet, ours, TRL's or the
    released form.
    """
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
    report: Json = {
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
    parts: Json = {}
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
