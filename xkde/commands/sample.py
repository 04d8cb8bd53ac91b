"""Sample answers to Atlas's training prompts: the first step of stage two (TL-PO).

    python -m xkde sample --checkpoint atlas-xe-it --count 2000 --out runs/samples.jsonl
    python -m xkde sample --checkpoint atlas-xe-it --engine vllm --out runs/vllm.jsonl
    python -m xkde sample --checkpoint FOLDER --engine http://127.0.0.1:8000/v1 --out …

Every line is one prompt with its answers, each with the seed that drew it. Stopped and
started again, it goes on where it was. Next: ``python -m xkde align``.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from xkde.commands.output import print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--checkpoint", default="atlas-xe-it", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument(
        "--engine",
        default="transformers",
        help="transformers, vllm, or the address of a server (http://…/v1)",
    )
    parser.add_argument("--count", type=int, default=2000, help="how many prompts")
    parser.add_argument("--answers", type=int, default=5, help="answers a prompt")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top-p", type=float, default=1.0)
    parser.add_argument("--max-new-tokens", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl file")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Sample, and say how many answers differ."""
    from xkde.checkpoints import resolve
    from xkde.data.atlas.world import atlas
    from xkde.engines.engine import open_engine
    from xkde.errors import InputError
    from xkde.training.preference.sampling import (
        SamplingPlan,
        atlas_prompts,
        distinct_rate,
        sample,
    )

    if min(arguments.count, arguments.answers, arguments.max_new_tokens) < 1:
        raise InputError("--count, --answers and --max-new-tokens must be 1 or more.")
    place = resolve(arguments.checkpoint, arguments.revision)
    prompts = [
        replace(
            prompt,
            engine="server" if "://" in arguments.engine else arguments.engine,
            checkpoint=arguments.checkpoint,
            revision=place.revision or "",
        )
        for prompt in atlas_prompts(atlas(), arguments.count, arguments.seed)
    ]
    plan = SamplingPlan(
        arguments.answers,
        arguments.temperature,
        arguments.top_p,
        arguments.seed,
        arguments.max_new_tokens,
    )
    engine = open_engine(arguments.engine, arguments.checkpoint, arguments.revision)

    def say(done: int, total: int) -> None:
        print(f"\r{done} of {total} prompts", end="", file=sys.stderr, flush=True)

    made = sample(engine, prompts, plan, arguments.out, say)
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
