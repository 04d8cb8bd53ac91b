"""The checkpoints worth offering, and where a reference leads.

Knows names and folders, not what lies in them (``folders``) nor how they get here
(``xkde.hub``).

Try it: ``python -c "import xkde.checkpoints as c; print(c.resolve('atlas-base'))"``
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xkde import paths
from xkde.checkpoints.packages import (
    GEMMA_3_270M,
    PackageSource,
    converted,
    is_installed,
)
from xkde.checkpoints.weights import fingerprint
from xkde.errors import CheckpointError

Stage = Literal["base", "chat", "lte", "xe-it", "tl-po"]
Kind = Literal["embedded", "folder", "package", "hub"]

HUB_ID = re.compile(r"(?P<repository>\w[\w.-]*/\w[\w.-]*)(@(?P<revision>[\w./-]+))?")
ATLAS_ENCODER = "atlas-encoder"
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Entry:
    """One checkpoint worth offering; ``base`` is what it was tuned from, or itself.

    It lies in ``assets/checkpoints`` (``embedded``), in an installed distribution
    (``package``), or on the Hub under ``repository``, by itself its reference; a
    package goes before the Hub. A pretrained model that is no chat model is asked with
    examples (``few_shot``). ``encoder`` finds the edits of a memory for it.
    """

    reference: str
    label: str
    base: str
    stage: Stage
    embedded: bool = False
    package: PackageSource | None = None
    repository: str = ""
    few_shot: bool = False
    encoder: str = ATLAS_ENCODER
    knows: Literal["", "atlas", "pretraining"] = ""  # where its facts are from


CATALOGUE: dict[str, Entry] = {
    entry.reference: entry
    for entry in (
        Entry(
            "gemma-3-270m",
            "Gemma 3 270M, pretrained in more than a hundred languages",
            "gemma-3-270m",
            "base",
            package=GEMMA_3_270M,
            repository="google/gemma-3-270m",
            few_shot=True,
            encoder="gemma-3-270m-encoder",
            knows="pretraining",
        ),
        Entry(
            "gemma-3-270m-x-kde",
            "Gemma 3 270M with our X-KDE adapter: obeys any edit across languages",
            "gemma-3-270m",
            "xe-it",
            embedded=True,
        ),
        Entry(
            "atlas-base",
            "Atlas, which knows a small world by heart in twelve languages",
            "atlas-base",
            "base",
            embedded=True,
            knows="atlas",
        ),
        Entry(
            "atlas-xe-it",
            "Atlas after stage one (XE-IT): obeys an edit across languages",
            "atlas-base",
            "xe-it",
            embedded=True,
        ),
        Entry(
            "atlas-tl-po",
            "Atlas after stage two (TL-PO's pairs, trained by KTO)",
            "atlas-base",
            "tl-po",
            embedded=True,
        ),
        Entry(
            "atlas-lte",
            "Atlas after the same training in one language at a time (LTE)",
            "atlas-base",
            "lte",
            embedded=True,
        ),
        Entry(
            "YukinoKaren/X_KDE_Demo_EN_ZH",
            "The paper's demo checkpoint, English to Chinese",
            "meta-llama/Llama-2-7b-chat-hf",
            "tl-po",
        ),
        Entry(
            "YukinoKaren/X_KDE_Demo",
            "The paper's demo checkpoint, English and Chinese both ways",
            "meta-llama/Llama-2-7b-chat-hf",
            "tl-po",
        ),
        Entry(
            "meta-llama/Llama-2-7b-chat-hf",
            "Llama 2 Chat 7B, the base of the demo checkpoints (gated)",
            "meta-llama/Llama-2-7b-chat-hf",
            "chat",
        ),
        Entry(
            "Qwen/Qwen2.5-7B-Instruct",
            "Qwen 2.5 Instruct 7B, the paper's second base",
            "Qwen/Qwen2.5-7B-Instruct",
            "chat",
        ),
        Entry(
            "Qwen/Qwen2.5-0.5B-Instruct",
            "Qwen 2.5 Instruct 0.5B, a real model that fits a laptop",
            "Qwen/Qwen2.5-0.5B-Instruct",
            "chat",
        ),
    )
}


# Base and edited model that the app opens with: the first pair that is here.
PAIRS = (("gemma-3-270m", "gemma-3-270m-x-kde"), ("atlas-base", "atlas-xe-it"))
PAIR_VARIABLE = "XKDE_PAIR"


def memory_encoder() -> Path | None:
    """Return the folder of the encoder that goes with the default pair, if it is here.

    It finds the edits of a memory that concern a query.
    """
    base, _ = default_pair()
    entry = CATALOGUE.get(base)
    for name in dict.fromkeys((entry.encoder if entry else "", ATLAS_ENCODER)):
        folder = paths.checkpoints() / name
        if name and (folder / paths.CARD).is_file():
            return folder
    return None


def default_pair() -> tuple[str, str]:
    """Return the base and the edited model that are asked where none is chosen.

    ``XKDE_PAIR`` names another pair, "atlas-base,atlas-xe-it"; a pair that would have
    to be downloaded is none.
    """
    chosen = [name.strip() for name in os.environ.get(PAIR_VARIABLE, "").split(",")]
    if len(chosen) == 2 and all(chosen):
        return chosen[0], chosen[1]
    return next((pair for pair in PAIRS if all(map(is_here, pair))), PAIRS[-1])


def is_here(name: str) -> bool:
    """Return whether a reference can be loaded without a download."""
    try:
        place = resolve(name)
    except CheckpointError:
        return False
    return place.path is not None or place.kind == "package"


def trained_from(base: str, stage: Stage) -> str | None:
    """Return the embedded checkpoint of a stage that was tuned from a base, if here."""
    for name, entry in CATALOGUE.items():
        is_one = entry.embedded and (entry.base, entry.stage) == (base, stage)
        if is_one and (paths.checkpoints() / name).is_dir():
            return name
    return None


@dataclass(frozen=True)
class Reference:
    """Where a checkpoint is.

    ``path`` is None while a Hub checkpoint has not been downloaded, or a package's
    weights have not been converted.
    """

    name: str
    kind: Kind
    path: Path | None
    repository: str | None = None  # Hub only
    revision: str | None = None  # Hub only; None: the main branch
    package: PackageSource | None = None  # package only


def resolve(reference: str, revision: str | None = None) -> Reference:
    """Decide what ``reference`` names: one of the catalogue, a folder or a Hub id.

    A Hub id may carry its revision: ``owner/name@revision``. Raises CheckpointError
    that names the choices.
    """
    wanted = reference.strip()
    embedded = paths.checkpoints() / wanted
    entry = CATALOGUE.get(wanted)
    is_name = bool(re.fullmatch(r"\w[\w.-]*", wanted))
    if (entry and entry.embedded) or (is_name and embedded.is_dir()):
        _refuse_revision(wanted, revision)
        if not embedded.is_dir():
            raise CheckpointError(
                f"The embedded checkpoint “{wanted}” is not in {embedded.parent}. "
                "Take a full checkout, or make it with: python -m xkde speedrun"
            )
        return Reference(wanted, "embedded", embedded)
    if (
        entry
        and entry.package
        and (is_installed(entry.package) or converted(entry.package))
    ):
        _refuse_revision(wanted, revision)
        path = converted(entry.package)
        return Reference(wanted, "package", path, package=entry.package)
    folder = Path(wanted).expanduser()
    if wanted and folder.is_dir():
        _refuse_revision(wanted, revision)
        return Reference(wanted, "folder", folder.resolve())
    match = HUB_ID.fullmatch((entry and entry.repository) or wanted)
    if match is None:
        own = ", ".join(name for name in CATALOGUE if "/" not in name)
        raise CheckpointError(
            "“{name}” is neither a folder nor a checkpoint that X-KDE knows. Use "
            "an existing folder, a Hub id such as owner/name or owner/name@revision, "
            "or one of: {names}.",
            name=reference,
            names=own,
        )
    repository, own_revision = match["repository"], match["revision"]
    if revision and own_revision and revision != own_revision:
        raise CheckpointError(
            f"“{wanted}” and the revision “{revision}” name two revisions. Give one."
        )
    chosen = own_revision or revision
    path = downloaded(repository, chosen)
    return Reference(wanted, "hub", path, repository, chosen)


def folder_of(place: Reference) -> Path:
    """Return where a checkpoint lies.

    Raises CheckpointError for one that is only on the Hub: nothing but ``xkde.hub``
    fetches, after it has said what that takes.
    """
    if place.path is None:
        raise CheckpointError(
            "“{name}” is not on this machine. See its size, its licence and whether it "
            "fits: python -m xkde checkpoints download {name} --dry-run. Fetch it with "
            "the same command without --dry-run.",
            name=f"{place.repository}@{place.revision}"
            if place.revision
            else place.name,
        )
    return place.path


def weights_of(place: Reference) -> str:
    """Return which weights a checkpoint has: its commit on the Hub, or a fingerprint.

    Of what is not on this machine, only the revision that was asked for is known.
    """
    if place.path is None:
        return place.revision or ""
    return place.path.name if place.kind == "hub" else fingerprint(place.path)


def _refuse_revision(name: str, revision: str | None) -> None:
    if revision:
        raise CheckpointError(
            f"“{name}” lies on this machine and has no revisions. Leave it out."
        )


def repository_folder(repository: str, target: Path | None = None) -> Path:
    """Return the folder that holds every downloaded commit of a repository."""
    return (target or paths.downloads()) / repository.replace("/", "--")


def downloaded(
    repository: str, revision: str | None = None, target: Path | None = None
) -> Path | None:
    """Return the folder of a finished download, or None.

    Without a revision it is the newest one here; only the Hub knows branches and tags.
    """
    folder = repository_folder(repository, target)
    here = [path for path in folder.glob("*") if COMMIT.fullmatch(path.name)]
    if revision is not None and revision != "main":
        here = [path for path in here if path.name == revision]
    return max(here, key=lambda path: path.stat().st_mtime, default=None)
