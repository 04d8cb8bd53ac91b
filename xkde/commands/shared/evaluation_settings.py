"""What ``evaluate``'s options mean: protocols, judge, folder, a run's settings.

No command of its own.
"""

import argparse
import re
from pathlib import Path
from typing import Any


def protocols_of(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return what to measure; refuse options that do not fit together."""
    from xkde.errors import InputError
    from xkde.evaluation.results.rows import GENERATED, PROTOCOLS, TEACHER_FORCED

    least = (arguments.limit, arguments.leave_out, arguments.languages_per_case)
    if min(arguments.batch_size, arguments.max_new_tokens) < 1 or min(least) < 0:
        raise InputError(
            "--batch-size and --max-new-tokens must be 1 or more; --limit, --leave-out "
            "and --languages-per-case 0 or more."
        )
    both = arguments.protocol == "both"
    protocols = PROTOCOLS if both else (str(arguments.protocol),)
    if TEACHER_FORCED in protocols and arguments.engine != "transformers":
        raise InputError(
            "The protocol teacher-forced runs on the engine transformers only: other "
            "engines do not show the model's choice at every token. Add “--protocol "
            "generated”, or leave --engine out."
        )
    if arguments.export_released and TEACHER_FORCED not in protocols:
        raise InputError(
            "--export-released writes teacher-forced scores. Use --protocol "
            "teacher-forced or both."
        )
    if arguments.judge and GENERATED not in protocols:
        raise InputError(
            "--judge reads generated answers. Use --protocol generated or both."
        )
    return protocols


def judge_of(arguments: argparse.Namespace) -> Any:
    """Return the judge, if one is asked for; its server must answer."""
    from xkde.errors import InputError

    if not arguments.judge:
        return None
    from xkde.evaluation.run.judge import PROMPT, open_judge

    prompt = PROMPT
    if arguments.judge_prompt:
        try:
            prompt = arguments.judge_prompt.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"The judge's prompt {arguments.judge_prompt} cannot be read. Give a "
                "text file in UTF-8."
            ) from error
    temperature = arguments.judge_temperature
    return open_judge(arguments.judge, arguments.judge_model, prompt, temperature)


def settings_of(
    arguments: argparse.Namespace,
    protocols: tuple[str, ...],
    chosen: Any,
    editor: str,
    editor_settings: str,
) -> Any:
    """Return a run's settings: all that decides what its rows say."""
    from xkde.evaluation.results.store import RunSettings

    checkpoint, revision = known_as(arguments.checkpoint, arguments.revision)
    base, base_revision = known_as(arguments.base) if arguments.base else ("", "")
    return RunSettings(
        benchmark=chosen.benchmark,
        benchmark_sha256=chosen.sha256,
        cases=len(chosen.cases),
        checkpoint=checkpoint,
        revision=revision,
        engine="server" if "://" in arguments.engine else arguments.engine,
        editor=editor,
        editor_settings=editor_settings,
        base=base,
        base_revision=base_revision,
        protocols=protocols,
        wrapper=arguments.wrapper,
        parity=arguments.parity,
        directions=tuple(f"{source}→{target}" for source, target in chosen.directions),
        left_out=arguments.leave_out,
        languages_per_case=arguments.languages_per_case,
        max_new_tokens=arguments.max_new_tokens,
        seed=arguments.seed,
    )


def known_as(reference: str, revision: str | None = None) -> tuple[str, str]:
    """Return a checkpoint's name without its place, and which weights it has."""
    from xkde.checkpoints import resolve
    from xkde.checkpoints.weights import fingerprint

    place = resolve(reference, revision)
    name = place.name
    if place.path is None:
        return name, place.revision or "main"
    if place.kind == "hub":
        return name, place.path.name
    return place.path.name, fingerprint(place.path)


def folder_of(arguments: argparse.Namespace, settings: Any) -> Path:
    """Return a run's folder; equal settings find theirs again."""
    from xkde import paths

    several = "," in arguments.editor
    if arguments.out is not None:
        return Path(arguments.out) / settings.editor if several else arguments.out
    words = f"{settings.checkpoint} {settings.benchmark} {settings.editor}"
    name = re.sub(r"[^\w.-]+", "_", words)[:80]
    return paths.runs() / "evaluations" / f"{name}-{settings.run}"
