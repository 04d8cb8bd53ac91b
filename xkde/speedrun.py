"""The paper in miniature, from nothing: world, base, XE-IT, samples, pairs, TL-PO.

Every step is a run that resumes; a second speedrun does only what is missing. Writes
into ``runs/``; the shipped checkpoints of ``assets/`` stay as they are.
Run it: ``python -m xkde speedrun --preset smoke``.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from xkde.checkpoints.weights import fingerprint
from xkde.data.atlas.world import atlas
from xkde.data.preferences.files import read_samples, read_scores, write_pairs
from xkde.data.preferences.pairing import make_pairs, split_by_fact
from xkde.engines.aligner import load_aligner
from xkde.engines.loading import load
from xkde.errors import SettingsError
from xkde.paths import CARD, runs
from xkde.training.atlas_models.aligner import train_aligner
from xkde.training.preference.alignment import (
    AlignmentSetting,
    Measures,
    align,
    chrf,
    chrf_version,
)
from xkde.training.preference.sampling import SamplingPlan, atlas_prompts, sample
from xkde.training.stages import train

DEV_SHARE = 0.1  # of the facts whose pairs are kept from training


@dataclass(frozen=True)
class Preset:
    """Settings by name: stage one's in order, each on the checkpoint before it."""

    stage_one: tuple[str, ...]
    aligner: str
    prompts: int
    tl_po: str


PRESETS: dict[str, Preset] = {
    "smoke": Preset(
        ("atlas-base-smoke", "atlas-xe-it-smoke"),
        "atlas-aligner-smoke",
        60,
        "atlas-tl-po-smoke",
    ),
    "laptop": Preset(
        (
            "atlas-base-reading",
            "atlas-base-laptop",
            "atlas-base-laptop-last",
            "atlas-xe-it-laptop",
            "atlas-xe-it-laptop-more",
        ),
        "atlas-aligner-laptop",
        4000,
        "atlas-tl-po-laptop",
    ),
    "full": Preset(
        ("atlas-base-reading-full", "atlas-base-full", "atlas-xe-it-full"),
        "atlas-aligner-laptop",
        20_000,
        "atlas-tl-po-full",
    ),
}
Say = Callable[[str], None]


def speedrun(preset: str, say: Say) -> dict[str, str]:
    """Train every stage of a preset; return where the three checkpoints are.

    Raises SettingsError for a preset that is not there.
    """
    if preset not in PRESETS:
        raise SettingsError(f"There is no preset “{preset}”: {', '.join(PRESETS)}.")
    chosen = PRESETS[preset]
    folders: list[Path] = []
    for name in chosen.stage_one:
        checkpoint = "atlas-base" if "-base-" in name else "atlas-xe-it"
        begun = ["--model_name_or_path", str(folders[-1])] if folders else []
        folders.append(_stage(name, checkpoint, begun, say))
    pairs = preferences(chosen, folders[-1], say)
    begun = ["--model_name_or_path", str(folders[-1]), "--data", str(pairs)]
    final = _stage(chosen.tl_po, "atlas-tl-po", begun, say)
    base = next(each for each in reversed(folders) if each.name == "atlas-base")
    return {"base": str(base), "edited": str(folders[-1]), "tl-po": str(final)}


def _stage(name: str, checkpoint: str, begun: list[str], say: Say) -> Path:
    folder = runs() / name
    if (folder / checkpoint / CARD).is_file():
        say(f"{name}: done before, in {folder}")
    else:
        say(f"{name}: training, in {folder}")
        train(name, ["--output_dir", str(folder), *begun])
    return folder / checkpoint


def preferences(preset: Preset, edited: Path, say: Say) -> Path:
    """Sample the edited model, align, pair; return the file of pairs to train on."""
    data = runs() / f"{preset.tl_po}-data"
    pairs = data / "pairs.parquet"
    if pairs.is_file():
        say(f"pairs: done before, in {data}")
        return pairs
    data.mkdir(parents=True, exist_ok=True)
    say(f"{preset.aligner}: training, in {runs() / preset.aligner}")
    folder = str(runs() / preset.aligner)
    aligner = train_aligner(preset.aligner, ["--output_dir", folder])
    say(f"samples, scores and pairs: in {data}")
    prompts = [
        replace(each, engine="transformers", checkpoint=edited.name)
        for each in atlas_prompts(atlas(), preset.prompts, seed=0)
    ]
    sample(
        load(edited),
        prompts,
        SamplingPlan(),
        data / "samples.jsonl",
        weights=fingerprint(edited),
    )
    align(
        data / "samples.jsonl",
        data / "scores.jsonl",
        Measures(load_aligner(aligner), chrf()),
        AlignmentSetting(aligner.name, fingerprint(aligner), chrf=chrf_version()),
    )
    made = make_pairs(
        read_samples(data / "samples.jsonl"), read_scores(data / "scores.jsonl"), "ours"
    ).pairs
    learned, kept = split_by_fact(made, DEV_SHARE, seed=0)
    write_pairs(data / "dev.parquet", kept)
    write_pairs(pairs, learned)  # last: where it is, all of it was done
    return pairs
