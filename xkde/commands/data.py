"""Make and check training data: instructions from public sources (section 3.1).

    python -m xkde data targets --sources zsre=FOLDER,halluedit=FOLDER,atlas \\
        --held-out FILE_OR_FOLDER … --checkpoint gemma-3-270m --prompt few-shot \\
        --count 4200 --out targets.jsonl
    python -m xkde data build --sources zsre=FOLDER,halluedit=FOLDER,atlas \\
        --held-out FILE_OR_FOLDER … --targets targets.jsonl --samples 40000 \\
        --settings gemma-3-270m --out train.jsonl
    python -m xkde data check train.jsonl --against FILE_OR_FOLDER …
    python -m xkde data describe train.jsonl
    python -m xkde data generate --sources halluedit=FOLDER --languages zh,de \\
        --engine http://127.0.0.1:8000/v1 --model NAME --out generated.jsonl
    python -m xkde data encoder --sources zsre=FOLDER --held-out FILE_OR_FOLDER … \\
        --settings gemma-3-270m --checkpoint gemma-3-270m --out FOLDER

“targets” lets the base answer questions without any edit; “build” mixes samples and
writes a report beside them; “check” ends with 1 if the file has a subject or question
of test files; “generate” lets a large model write samples by the paper's prompts
(then: --sources generated=FILE). Stopped and started again, all go on where they were.
“encoder” makes an encoder for the memory out of a model's token embeddings, in seconds.
Sources: zsre, knowedit, halluedit, mquake, rippleedits, generated, conversations, each
with a file or folder, and atlas, which needs none. docs/training.md says where they are
published.
"""

import argparse
import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from xkde.checkpoints import resolve, weights_of
from xkde.commands.output import print_json, print_table, progress
from xkde.data.atlas.world import atlas
from xkde.data.instructions.build import BuildPlan, beside, build
from xkde.data.instructions.generation import (
    GenerationPlan,
    edits_of,
    generate,
    reasons,
)
from xkde.data.instructions.held_out import HeldOut, digest, read_held_out
from xkde.data.instructions.kinds import KINDS
from xkde.data.instructions.records import Material, Recipe, read_recipe
from xkde.data.instructions.report import (
    SETS,
    Leak,
    TrainingFile,
    as_json,
    as_markdown,
    describe,
    leaks,
    report,
    shares,
)
from xkde.data.instructions.sources import read_sources
from xkde.data.instructions.stock import make_stock
from xkde.data.instructions.targets import (
    AnswerSetting,
    Ask,
    answer_all,
    draw_questions,
    read_targets,
)
from xkde.errors import DataError, InputError
from xkde.languages import language
from xkde.writing import write_aside

ACTIONS = ("build", "targets", "generate", "check", "describe", "encoder")
SHOWN = 20  # places that “check” lists


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("file", nargs="?", type=Path, help="check, describe: a file")
    parser.add_argument(
        "--sources", default="", help="name=FOLDER, several with commas; atlas"
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        nargs="+",
        default=[],
        metavar="PATH",
        help="test files or folders: none of their subjects and questions is used",
    )
    parser.add_argument(
        "--against", type=Path, nargs="+", default=[], metavar="PATH",
        help="check: test files or folders",
    )  # fmt: skip
    parser.add_argument(
        "--answers-too",
        action="store_true",
        help="check: answers that name a test subject count as well",
    )
    parser.add_argument(
        "--settings",
        default="paper",
        help="shares: paper, gemma-3-270m or a YAML file",
    )
    parser.add_argument("--targets", type=Path, help="build: the base's own answers")
    parser.add_argument("--samples", type=int, default=40_000, help="build: how many")
    parser.add_argument("--seed", type=int, default=2025)
    parser.add_argument("--out", type=Path, help="the file to write, .jsonl")
    _add_model(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_model(parser: argparse.ArgumentParser) -> None:
    model = parser.add_argument_group("a model", "for targets and generate")
    model.add_argument("--checkpoint", default="", help="name, folder or Hub id")
    model.add_argument("--revision", help="of a Hub id")
    model.add_argument(
        "--engine",
        default="transformers",
        help="transformers, vllm, or a server's address (http://…/v1)",
    )
    model.add_argument(
        "--model", default="", help="generate: the server's model, default its first"
    )
    model.add_argument(
        "--prompt",
        choices=("chat", "few-shot"),
        default="chat",
        help="targets: few-shot for a base that was not taught to chat",
    )
    model.add_argument(
        "--count", type=int, default=4200, help="how many questions, or edits"
    )
    model.add_argument("--max-new-tokens", type=int, help="targets: 16, generate: 512")
    model.add_argument(
        "--languages", default="zh", help="generate: to translate into, with commas"
    )
    model.add_argument(
        "--lowest-score", type=float, default=5.0, help="generate: 1 to 10"
    )


def run(arguments: argparse.Namespace) -> None:
    """Do what was asked."""
    {
        "build": _build,
        "targets": _targets,
        "generate": _generate,
        "check": _check,
        "describe": _describe,
        "encoder": _encoder,
    }[arguments.action](arguments)


def _sources(text: str) -> tuple[dict[str, Path], bool]:
    """Return the folders by source, and whether Atlas is among them."""
    places: dict[str, Path] = {}
    names = [word.strip() for word in text.split(",") if word.strip()]
    if not names:
        raise InputError("Name the sources: --sources zsre=FOLDER,atlas")
    for word in names:
        name, equals, place = word.partition("=")
        if name == "atlas" and not equals:
            continue
        if not place:
            raise InputError(
                f"“{word}” has no place. Write a source with its file or folder: "
                f"{name}=FOLDER"
            )
        path = Path(place).expanduser()
        if not path.exists():
            raise InputError(f"There is no file or folder “{place}” for {name}.")
        places[name] = path
    return places, "atlas" in names


def _material(
    arguments: argparse.Namespace,
) -> tuple[Material, HeldOut, Recipe, bool]:
    """Return what the sources give, what is held out, the recipe, and if with Atlas."""
    recipe = read_recipe(arguments.settings, tuple(KINDS))
    places, with_atlas = _sources(arguments.sources)
    held = read_held_out(arguments.held_out) if arguments.held_out else HeldOut()
    return read_sources(places), held, recipe, with_atlas


def _out(arguments: argparse.Namespace) -> Path:
    if arguments.out is None or arguments.out.suffix != ".jsonl":
        raise InputError("Name the file to write, ending in .jsonl: --out FILE.jsonl")
    if min(arguments.samples, arguments.count) < 1:
        raise InputError("--samples and --count must be 1 or more.")
    path: Path = arguments.out
    return path


def _build(arguments: argparse.Namespace) -> None:
    path = _out(arguments)
    material, held, recipe, with_atlas = _material(arguments)
    targets = read_targets(arguments.targets) if arguments.targets else []
    stock = make_stock(material, targets, held, atlas(), recipe, with_atlas)
    inputs = {f"{file.source}/{file.name}": file.sha256 for file in material.files}
    inputs |= {"held out": digest(held), "atlas": str(with_atlas)}
    if arguments.targets:
        inputs["targets"] = hashlib.sha256(arguments.targets.read_bytes()).hexdigest()
    plan = BuildPlan(arguments.samples, arguments.seed, recipe, inputs)
    build(plan, stock, held, path, progress("samples"))
    made = report(path, plan, material, stock, held)
    write_aside(beside(path, "report.json"), as_json(made))
    write_aside(beside(path, "report.md"), as_markdown(made))
    if arguments.json:
        print_json(asdict(made))
        return
    _print_file(made.file)
    left_out = sum(entry.records for entry in made.left_out)
    print(f"\n{left_out} records of the sources are left out. Why, and all counts:")
    print(beside(path, "report.md"))


def _targets(arguments: argparse.Namespace) -> None:
    from xkde.engines.engine import chat, completion, open_engine

    path = _out(arguments)
    _needs_checkpoint(arguments)
    material, held, recipe, with_atlas = _material(arguments)
    stock = make_stock(material, [], held, atlas(), recipe, with_atlas)
    questions = draw_questions(
        material, stock, held, recipe, arguments.count, arguments.seed
    )
    engine = open_engine(arguments.engine, arguments.checkpoint, arguments.revision)
    setting = AnswerSetting(
        checkpoint=arguments.checkpoint,
        weights=_weights(arguments),
        engine="server" if "://" in arguments.engine else arguments.engine,
        few_shot=arguments.prompt == "few-shot",
        max_new_tokens=arguments.max_new_tokens or 16,
    )
    ask = (completion if setting.few_shot else chat)(engine, setting.max_new_tokens)
    targets = answer_all(questions, ask, setting, path, progress("answers"))
    usable = sum(target.is_usable(recipe.longest_target) for target in targets)
    if arguments.json:
        counts = {
            "languages": dict(Counter(t.language for t in targets).most_common()),
            "sources": dict(Counter(t.source for t in targets).most_common()),
        }
        size = {"file": str(path), "questions": len(targets), "usable": usable}
        print_json(size | counts)
        return
    print(
        f"{path}: {len(targets)} questions, {usable} whole answers of at most "
        f"{recipe.longest_target} characters"
    )


def _encoder(arguments: argparse.Namespace) -> None:
    from xkde.engines.loading import local_folder
    from xkde.training.embedding_encoder import train_embedding_encoder

    if arguments.out is None:
        raise InputError("Name the folder to write: --out FOLDER")
    _needs_checkpoint(arguments)
    material, held, recipe, _ = _material(arguments)
    stock = make_stock(material, [], held, atlas(), recipe, False)
    chosen = train_embedding_encoder(
        arguments.checkpoint,
        local_folder(arguments.checkpoint, arguments.revision),
        stock.facts,
        stock.dev_facts,
        arguments.out,
        arguments.seed,
        {f"{file.source}/{file.name}": file.sha256 for file in material.files},
    )
    if arguments.json:
        print_json(asdict(chosen))
        return
    print(
        f"{arguments.out}: of {chosen.queries} queries in twelve languages "
        f"{chosen.hit:.1%} find their edit among the three nearest of {chosen.edits}; "
        f"threshold {chosen.threshold:.2f}, lexical weight {chosen.weight}"
    )


def _weights(arguments: argparse.Namespace) -> str:
    """Return which weights the checkpoint to ask has; its engine is open already."""
    return weights_of(resolve(arguments.checkpoint, arguments.revision))


def _needs_checkpoint(arguments: argparse.Namespace) -> None:
    if not arguments.checkpoint:
        raise InputError("Name the model to ask: --checkpoint NAME_OR_FOLDER")


def _generate(arguments: argparse.Namespace) -> None:
    path = _out(arguments)
    codes = tuple(language(c.strip()).code for c in arguments.languages.split(","))
    material, held, _, _ = _material(arguments)
    edits = [
        edit
        for edit in edits_of(material)
        if not held.hit(edit.question) and not held.hit(edit.subject)
    ]
    ask, plan = _generator(arguments, codes)
    rows = generate(edits[: arguments.count], ask, plan, path, progress("edits"))
    why = reasons(rows)
    kept = len(rows) - why.total()
    if arguments.json:
        counts = {"rows": len(rows), "kept": kept, "rejected": dict(why.most_common())}
        print_json({"file": str(path), "model": plan.model} | counts)
        return
    print(f"{path}: {len(rows)} edits, {kept} with samples that passed")
    for reason, count in why.most_common():
        print(f"{count:6}  {reason}")


def _generator(
    arguments: argparse.Namespace, codes: tuple[str, ...]
) -> tuple[Ask, GenerationPlan]:
    """Return whom to ask: a server by chat alone, or a checkpoint that runs here."""
    from xkde.engines.engine import chat, chat_server, open_engine

    longest, lowest = arguments.max_new_tokens or 512, arguments.lowest_score
    if "://" in arguments.engine:
        ask, model = chat_server(arguments.engine, arguments.model, longest)
        return ask, GenerationPlan(model, codes, lowest, max_new_tokens=longest)
    _needs_checkpoint(arguments)
    engine = open_engine(arguments.engine, arguments.checkpoint, arguments.revision)
    plan = GenerationPlan(
        arguments.checkpoint,
        codes,
        lowest,
        arguments.engine,
        _weights(arguments),
        longest,
    )
    return chat(engine, longest), plan


def _file(arguments: argparse.Namespace) -> Path:
    if arguments.file is None:
        raise InputError(f"Name a file: python -m xkde data {arguments.action} FILE")
    path: Path = arguments.file
    return path


def _check(arguments: argparse.Namespace) -> None:
    path = _file(arguments)
    if not arguments.against:
        raise InputError("Name the test files: --against FILE_OR_FOLDER …")
    held = read_held_out(arguments.against)
    file = describe(path)
    everywhere = list(leaks(path, held, True))
    answers = [leak for leak in everywhere if leak.where == "answer"]
    counted = [leak for leak in everywhere if leak not in answers]
    if arguments.answers_too:
        counted = everywhere
    if arguments.json:
        print_json(
            {
                "file": asdict(file),
                "subjects": len(held.names),
                "questions": len(held.questions),
                "test_files": [asdict(one) for one in held.files],
                "leaks": [asdict(leak) for leak in counted],
                "answers_that_name_a_subject": len(answers),
            }
        )
    else:
        _print_check(file, held, counted, len(answers))
    if counted:
        raise DataError(
            f"{path.name} has something of the test files in "
            f"{len({leak.line for leak in counted})} of its {file.rows} samples. "
            "Remove these, or build it again with --held-out."
        )


def _print_check(
    file: TrainingFile, held: HeldOut, counted: Sequence[Leak], answers: int
) -> None:
    print(
        f"{file.file}: {file.rows} samples against {len(held.names)} subjects and "
        f"{len(held.questions)} questions of {len(held.files)} test files"
    )
    if counted:
        texts = Counter((leak.where, leak.kind, leak.text) for leak in counted)
        print_table(
            ["samples", "in", "what", "text"],
            [
                [str(count), where, kind, text[:60]]
                for (where, kind, text), count in texts.most_common(SHOWN)
            ],
        )
    else:
        print("No sample edits or asks about any of them.")
    if answers:
        print(f"{answers} answers name a test subject (--answers-too counts them).")


def _describe(arguments: argparse.Namespace) -> None:
    file = describe(_file(arguments))
    if arguments.json:
        print_json(asdict(file))
    else:
        _print_file(file)


def _print_file(file: TrainingFile) -> None:
    print(f"{file.file}: {file.rows} samples, sha256 {file.sha256}")
    if file.unreadable:
        print(f"{file.unreadable} lines are no sample")
    for title, name in SETS.items():
        if name != "directions":
            print()
            print_table([title, "samples", "share"], shares(file, name))
