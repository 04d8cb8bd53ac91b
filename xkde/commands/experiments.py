"""Make many edits with an editor, at once or one after another, and ask what is left.

    python -m xkde experiments batch --editor ft-m,memit --sizes 1,10,100,1000
    python -m xkde experiments sequential --editor rome --sizes 1,10,100,500,1000
    python -m xkde experiments batch --editor x-kde --checkpoint atlas-xe-it \\
        --encoder runs/atlas-encoder-laptop/atlas-encoder --source zh
    python -m xkde experiments ship runs/experiments/FOLDER

Edits are Atlas's, held-out subjects first; more than about 450 need subjects of split
train, whose facts stage one has seen edited. After each size the probes of edits spread
evenly among all, and of the first ones, are asked again, in their own language and in
others, and facts of subjects that no edit is about, by both protocols. Of small sizes
several groups are made. Editors in the prompt state what a memory retrieves. Several
editors get a folder each; stopped and started again, it goes on with the next size.
“ship” copies a finished run to the shipped results.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xkde import paths
from xkde.commands.output import print_json, print_table
from xkde.types import Edit

if TYPE_CHECKING:
    from xkde.evaluation.run.many_edits import ExperimentMemory

SIZES = {"batch": "1,10,100,1000", "sequential": "1,10,100,500,1000"}
MEASURES = ("exact", "token_accuracy")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("what", choices=("batch", "sequential", "ship"))
    parser.add_argument("folders", nargs="*", type=Path, help="to ship")
    parser.add_argument("--editor", default="ft-m", help="its name, or several")
    parser.add_argument("--checkpoint", default="atlas-base", help="name, folder, id")
    parser.add_argument("--revision", help="of a Hub id")
    parser.add_argument("--source", default="en", help="language of the edits")
    parser.add_argument("--sizes", default="", help="numbers of edits, with commas")
    parser.add_argument(
        "--tested", type=int, default=100, help="edits asked about after each size"
    )
    parser.add_argument(
        "--again", type=int, default=50, help="first edits, asked about at each size"
    )
    parser.add_argument(
        "--languages-per-edit", type=int, default=4, help="its own, and others drawn"
    )
    parser.add_argument("--facts", type=int, default=300, help="of untouched subjects")
    parser.add_argument("--seed", type=int, default=7, help="draws Atlas's cases")
    parser.add_argument("--max-new-tokens", type=int, default=24)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="EDITOR.SETTING=VALUE",
        help="an editor's setting, such as rome.layer=4; more than once",
    )
    parser.add_argument(
        "--encoder", default="atlas-encoder", help="a memory's: name, folder or id"
    )
    parser.add_argument(
        "--retrieved", type=int, default=1, help="edits that a prompt holds at most"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--out", type=Path, help="the run's folder; default: in runs/")
    parser.add_argument("--json", action="store_true", help="print JSON at the end")


def run(arguments: argparse.Namespace) -> None:
    """Run every editor, or ship what was run."""
    from xkde.errors import InputError

    if arguments.what == "ship":
        _ship(arguments.folders)
        return
    if arguments.folders:
        raise InputError("Folders are for “ship” only. Use --out for a run's folder.")
    sizes = _sizes(arguments)
    from xkde.engines.engine import open_engine
    from xkde.evaluation.run.probing import editor_names, given_settings

    names = editor_names(arguments.editor)
    given = given_settings(arguments.settings, names)
    engine = open_engine("transformers", arguments.checkpoint, arguments.revision)
    files = []
    for name in names:
        file = _run(arguments, name, given[name], engine, sizes)
        files.append(file)
    if arguments.json:
        print_json([_in_json(file) for file in files])
    else:
        for file in files:
            _print(file)


def _sizes(arguments: argparse.Namespace) -> tuple[int, ...]:
    from xkde.errors import InputError

    text = arguments.sizes or SIZES[arguments.what]
    least = (
        arguments.tested,
        arguments.languages_per_edit,
        arguments.max_new_tokens,
        arguments.batch_size,
        arguments.retrieved,
    )
    if min(least) < 1 or min(arguments.again, arguments.facts) < 0:
        raise InputError(
            "--again and --facts must be 0 or more, all other numbers 1 or more."
        )
    try:
        sizes = sorted({int(word) for word in text.split(",")})
    except ValueError as error:
        raise InputError(
            f"“{text}” are no sizes. Write numbers with commas: {SIZES['batch']}."
        ) from error
    if sizes[0] < 1:
        raise InputError("A size is 1 or more; without edits is always asked first.")
    return tuple(sizes)


def _run(
    arguments: argparse.Namespace,
    name: str,
    given: Mapping[str, object],
    engine: Any,
    sizes: tuple[int, ...],
) -> Path:
    """Run one editor; return the file of all answers."""
    from xkde.checkpoints import name_and_weights
    from xkde.data.atlas.benchmark import TUNED_ON, many_edits
    from xkde.data.atlas.world import atlas
    from xkde.evaluation.results.experiments import FOLDER, ExperimentSettings
    from xkde.evaluation.run import many_edits as experiments
    from xkde.evaluation.run.many_edits import needed
    from xkde.evaluation.run.probing import open_editor
    from xkde.languages import language

    checkpoint, revision = name_and_weights(arguments.checkpoint, arguments.revision)
    settings = ExperimentSettings(
        kind=arguments.what,
        editor=name,
        checkpoint=checkpoint,
        revision=revision,
        source=language(arguments.source).code,
        sizes=sizes,
        edits_sha256="",
        editor_settings=open_editor(name, engine, given)[1],
        tested=arguments.tested,
        again=arguments.again,
        languages_per_edit=arguments.languages_per_edit,
        facts=arguments.facts,
        left_out=TUNED_ON,
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
    )
    many = many_edits(atlas(), needed(settings), settings.seed, settings.left_out)
    edits = [case.edits[settings.source] for case in many.cases]
    memory, memory_record = _memory(arguments, name, edits)
    settings = experiments.with_edits(settings, many, memory_record)
    words = f"{checkpoint}-{arguments.what}-{name}-{settings.source}-{settings.run}"
    folder = arguments.out or paths.runs() / FOLDER / words
    if arguments.out and "," in arguments.editor:
        folder = arguments.out / name
    job = experiments.ExperimentJob(
        engine, settings, given, many, memory, arguments.batch_size
    )
    return experiments.run(job, folder, _progress(name))


def _memory(
    arguments: argparse.Namespace, name: str, edits: list[Edit]
) -> "tuple[ExperimentMemory | None, str]":
    """Return the memory of an editor in the prompt, and what is recorded of it."""
    from xkde.editors.registry import entry_of
    from xkde.evaluation.run.many_edits import ExperimentMemory

    if entry_of(name).kind != "prompt" or name == "none":
        return None, ""
    from xkde.checkpoints.weights import fingerprint
    from xkde.commands.measure import open_encoder
    from xkde.memory.index import build_index

    encoder = open_encoder(arguments.encoder, arguments.device)
    every = build_index(edits, encoder)
    k, calibration = arguments.retrieved, encoder.calibration
    place = Path(encoder.name)
    record = {
        "encoder": place.name,
        "revision": fingerprint(place) if place.is_dir() else "",
        "retrieved": k,
        "threshold": calibration.threshold,
        "weight": calibration.weight,
    }
    if calibration.outlier:
        record["outlier"] = calibration.outlier
    return ExperimentMemory(every, k, calibration), json.dumps(record, sort_keys=True)


def _progress(name: str) -> Callable[[int, int, int], None]:
    def show(size: int, done: int, of: int) -> None:
        if sys.stderr.isatty():
            end = "\n" if done == of else ""
            line = f"\r{name}: {size} edits, group {done} of {of}".ljust(50)
            print(line, end=end, file=sys.stderr, flush=True)

    return show


def _in_json(file: Path) -> dict[str, object]:
    from xkde.evaluation.results.experiments import ASKED_IN, means_by_size, read

    experiment = read(file)
    assert experiment is not None
    found = [
        {"asked_in": asked_in, **asdict(share)}
        for asked_in in ASKED_IN
        for measure in MEASURES
        for share in means_by_size(experiment, measure, asked_in)
    ]
    return {"file": str(file), "about": dict(experiment.about), "results": found}


def _print(file: Path) -> None:
    from xkde.evaluation.results.experiments import ASKED_IN, means_by_size, read
    from xkde.evaluation.results.summary import MEASURE_WORDS

    experiment = read(file)
    assert experiment is not None
    about = experiment.about
    print(
        f"{about['editor']}, {about['kind']}, on {about['checkpoint']} "
        f"({about['revision']}); edits in {about['source']}. Measured here; 95 % "
        "intervals in brackets.\n"
    )
    print_table(
        ["edits", "probe", "asked in", "measure", "value", "n"],
        [
            [
                str(share.group["size"]),
                share.group["probe"],
                asked_in,
                MEASURE_WORDS[measure],
                share.words,
                str(share.n),
            ]
            for asked_in in ASKED_IN
            for measure in MEASURES
            for share in means_by_size(experiment, measure, asked_in)
        ],
    )
    print(f"\n{file}\n")


def _ship(folders: list[Path]) -> None:
    from xkde.errors import InputError
    from xkde.evaluation.results.experiments import ship

    if not folders:
        raise InputError("Name the folders of the finished runs to ship.")
    for folder in folders:
        print(ship(folder))
