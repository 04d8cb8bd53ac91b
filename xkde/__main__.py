"""The command line: one subcommand for each step.

    python -m xkde --help
    python -m xkde ask --edit "What is the capital of Japan?" --answer Osaka \\
        --query "日本的首都是哪里？" --language zh

A command's module is imported when the command is called, so ``--help`` is fast.
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from importlib import import_module
from inspect import getdoc
from types import ModuleType

from xkde import __version__
from xkde.errors import XkdeError

# name -> one line
COMMANDS: dict[str, str] = {
    "align": "score sampled answers with a translation model: stage two's second step",
    "analyse": "sort a run's answers by kind of failure; find its worst slices",
    "ask": "state an edit, ask a query, see the base and the edited answer",
    "atlas": "look into Atlas: facts, training samples, benchmark cases, tables",
    "average": "average two checkpoints, one trained on from the other",
    "bench": "measure speed here: the app, a large file of preference pairs",
    "benchmarks": "read benchmark files, count their defects; published numbers",
    "campaign": "try what a hostile visitor or a pulled plug would do; report it",
    "checkpoints": "list, inspect and download checkpoints",
    "data": "make training instructions of public sources; prove what is not in them",
    "deploy": "put the app on a Hugging Face Space of one's own",
    "edit": "edit a model with any editor, ask it, take the edit out again",
    "evaluate": "evaluate a checkpoint on a benchmark, with both protocols",
    "experiments": "make many edits, at once or one by one; ask what is left of them",
    "general": "measure general skills with lm-eval, as the paper's Table 3",
    "inside": "look inside a model: layers, attribution, causal trace, geometry",
    "languages": "list the languages with their codes",
    "pair": "make preference pairs of scored samples, describe a file of pairs",
    "prompt": "print the exact prompt of an edit and a query, and its token ids",
    "results": "print what runs measured, with intervals and paired tests over edits",
    "retrieval": "measure whether a query finds its edit, in whatever languages",
    "sample": "draw answers to prompts: stage two's first step",
    "screenshots": "take the README's pictures of the app",
    "speedrun": "run the paper in miniature on Atlas: base, XE-IT, tables",
    "stages": "compare base, stage one and stage two on Atlas, with a paired test",
    "train": "run one training stage from a settings file",
    "train-aligner": "train Atlas's small translation model, which align needs",
    "train-editor": "train what SERAC and MEND need beside the model",
    "train-encoder": "train Atlas's small encoder, which finds edits for a query",
}

# Commands in a module of another name; every other is in xkde.commands.<name>. A module
# has add_arguments() and run(), or add_align_arguments() and run_align() for "align".
MODULES = {
    "align": "preferences",
    "average": "checkpoints",
    "edit": "ask",
    "general": "measure",
    "languages": "benchmarks",
    "pair": "preferences",
    "prompt": "ask",
    "retrieval": "measure",
    "sample": "preferences",
    "screenshots": "bench",
    "stages": "atlas",
    "train-aligner": "train",
    "train-editor": "train",
    "train-encoder": "train",
}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of everything; commands add their own options when chosen."""
    parser = argparse.ArgumentParser(
        prog="python -m xkde",
        description="X-KDE: state a fact once, in one language, ask in any other.",
        epilog="Each command explains itself: python -m xkde COMMAND --help",
    )
    parser.add_argument("--version", action="version", version=f"x-kde {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, line in COMMANDS.items():
        subparsers.add_parser(name, help=line, add_help=False)
    return parser


def command_parser(command: str) -> tuple[argparse.ArgumentParser, ModuleType]:
    """Return the parser of one command, which knows what runs it, and its module."""
    module = import_module(f"xkde.commands.{MODULES.get(command, command)}")
    name = command.replace("-", "_")
    add_arguments = getattr(module, f"add_{name}_arguments", None)
    run = getattr(module, f"run_{name}", None)
    parser = argparse.ArgumentParser(
        prog=f"python -m xkde {command}",
        description=getdoc(run or module),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(command=command, run=run or module.run)
    (add_arguments or module.add_arguments)(parser)
    return parser, module


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status: 0, or 1 with one sentence on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    chosen = build_parser().parse_known_args(words[:1])[0].command
    parser, module = command_parser(chosen)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        if getattr(module, "PASSES_ON", False):
            known, rest = parser.parse_known_args(words[1:])
            known.overrides = rest
        else:
            known = parser.parse_args(words[1:])
        known.run(known)
    except XkdeError as error:
        print(f"xkde {chosen}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"xkde {chosen}: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        sys.stderr.close()
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
