"""Try what a hostile visitor, a full disk or a pulled plug would do, and report it.

    python -m xkde campaign fuzz --count 3000
    python -m xkde campaign kills --kills 30
    python -m xkde campaign kills --jobs sample,train --kills 3 --json
    python -m xkde campaign markup
    python -m xkde campaign soak --minutes 60

“fuzz” gives damaged files to every reader and damaged arguments to the command line;
“kills” ends each job that resumes, again and again, while it writes; “markup” opens
every tab in Chromium while every text that it shows is hostile; “soak” lets visitors
come for an hour and watches the app's memory. Ends with 1 if anything failed.
docs/reliability.md has what was measured and what is promised.
"""

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from xkde.commands.output import print_json, print_table
from xkde.errors import DataError, InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", choices=("fuzz", "kills", "markup", "soak"))
    parser.add_argument("--count", type=int, default=3000, help="fuzz: how many files")
    parser.add_argument(
        "--kills", type=int, default=3, help="kills: of each job; 30 take hours"
    )
    parser.add_argument("--jobs", default="", help="kills: names, with commas")
    parser.add_argument("--minutes", type=int, default=60, help="soak: how long")
    parser.add_argument(
        "--visits", type=int, default=60, help="soak: how many come in a minute"
    )
    parser.add_argument("--seed", default="1", help="another one draws other damage")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> None:
    """Try everything; print what became of it."""
    for name in ("count", "kills", "minutes", "visits"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name} must be 1 or more.")
    parts = {"fuzz": _fuzz, "kills": _kills, "markup": _markup, "soak": _soak}
    failed = parts[arguments.what](arguments)
    if failed:
        raise DataError(f"{failed} of them failed; see the table above.")


def _fuzz(arguments: argparse.Namespace) -> int:
    from xkde.__main__ import command_parser, main
    from xkde.bench.campaign.fuzz import fuzz, fuzz_commands

    counts = fuzz(arguments.count, arguments.seed)
    calls = max(10, arguments.count // 10)
    counts.append(
        fuzz_commands(main, lambda name: command_parser(name)[0], calls, arguments.seed)
    )
    failures = [failure for count in counts for failure in count.failures]
    if arguments.json:
        print_json([asdict(count) for count in counts])
        return len(failures)
    print_table(
        ["reader", "form", "inputs", "read", "sentences", "failed", "seconds"],
        [
            [c.reader, c.ending, str(c.inputs), str(c.accepted), str(c.sentences),
             str(len(c.failures)), f"{c.seconds:.1f}"]
            for c in counts
        ],
    )  # fmt: skip
    for failure in failures:
        print(f"{failure.reader} {failure.ending} {failure.number}: {failure.why}")
    return len(failures)


def _kills(arguments: argparse.Namespace) -> int:
    from xkde.bench.campaign.kills import JOBS, kill_often

    names = [name.strip() for name in arguments.jobs.split(",") if name.strip()]
    unknown = set(names) - set(JOBS)
    if unknown:
        raise InputError(
            f"“{', '.join(sorted(unknown))}” is no job. Use {', '.join(JOBS)}."
        )
    counts = []
    for name in names or JOBS:
        with tempfile.TemporaryDirectory() as folder:
            counts.append(
                kill_often(name, Path(folder), arguments.kills, arguments.seed)
            )
    if arguments.json:
        print_json([asdict(count) for count in counts])
    else:
        print_table(
            ["job", "kills", "ends compared", "ends the same", "seconds"],
            [
                [c.job, str(c.kills), str(c.ends), c.why or "yes", f"{c.seconds:.0f}"]
                for c in counts
            ],
        )
    return sum(not count.is_same for count in counts)


def _markup(arguments: argparse.Namespace) -> int:
    from xkde.bench.campaign.markup import PAYLOADS, look_everywhere

    looked = look_everywhere(tuple(PAYLOADS))
    if arguments.json:
        print_json([asdict(each) for each in looked])
    else:
        print_table(
            ["page", "the text is on it", "wrong"],
            [
                [each.page, "yes" if each.seen else "no", "; ".join(each.wrong)]
                for each in looked
            ],
        )
    return sum(bool(each.wrong) for each in looked)


def _soak(arguments: argparse.Namespace) -> int:
    from xkde.bench.campaign.soak import grown, soak

    minutes = []
    for minute in soak(arguments.minutes, arguments.visits):
        minutes.append(minute)
        print(f"minute {len(minutes)}: {minute.memory:.0f} MB", file=sys.stderr)
    if arguments.json:
        print_json([asdict(minute) for minute in minutes])
    else:
        step = max(1, len(minutes) // 12)
        print_table(
            ["minute", "answered", "failed", "median, s", "slowest, s", "memory, MB"],
            [
                [str(n), str(m.answered), str(len(m.failed)), f"{m.median or 0:.2f}",
                 f"{m.slowest or 0:.2f}", f"{m.memory:.0f}"]
                for n, m in enumerate(minutes, 1)
                if n % step == 0 or m.failed
            ],
        )  # fmt: skip
        print(f"{sum(m.answered for m in minutes)} visits were answered;", end=" ")
        print(f"after the first tenth memory grew by {grown(minutes):.1f} MB.")
        for reason in sorted({reason for m in minutes for reason in m.failed}):
            print(f"failed: {reason}")
    return sum(len(minute.failed) for minute in minutes)
