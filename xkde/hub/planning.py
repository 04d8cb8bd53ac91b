"""The plan of a download: which files, how large, under which licence.

Asks the Hub once, pins the commit and chooses the files that loading needs; pickles are
never among them.

Try it: ``python -c "from xkde import checkpoints, hub;
print(hub.plan(checkpoints.resolve('Qwen/Qwen2.5-0.5B-Instruct')))"``
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import HfApi, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import GatedRepoError
from huggingface_hub.hf_api import ModelInfo, RepoSibling

from xkde import paths
from xkde.checkpoints.catalogue import Reference, repository_folder
from xkde.checkpoints.folders import ADAPTER_WEIGHTS, TOKENIZER_FILES
from xkde.checkpoints.folders import CONFIG as ADAPTER_CONFIG
from xkde.checkpoints.weights import CONVERSION, INDEX, PICKLES, WEIGHTS
from xkde.errors import CheckpointError, DownloadError
from xkde.hub.fits import memory_free, memory_needed, on_gpu
from xkde.hub.messages import HubRequest, explained

WANTED = {
    *TOKENIZER_FILES,
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "merges.txt",
    "vocab.txt",
    "chat_template.jinja",
    paths.CARD,
    "README.md",
}
ADAPTER = {ADAPTER_CONFIG, ADAPTER_WEIGHTS}  # its base is fetched by a plan of its own
NEEDED = (
    ("config.json", "Choose a repository that save_pretrained wrote."),
    ("tokenizer", "Choose one that has its tokenizer, or add it to a local copy."),
)
# How an encoder of sentence-transformers reads: files beside its weights, and those of
# its pooling and dense layers in folders of their own.
MODULES = "modules.json"
OF_ENCODER = re.compile(
    rf"{MODULES}|config_sentence_transformers\.json|sentence_[\w-]+_config\.json|"
    r"\d+_\w+/(config\.json|model\.safetensors)"
)
LICENCES = ("LICENSE", "LICENCE", "NOTICE", "USE_POLICY")
SHARD = re.compile(r"model-\d+-of-(?P<count>\d+)\.safetensors")

TIMEOUT = 15.0  # seconds that the Hub may take to answer
RESERVE = 200_000_000  # bytes that a download leaves free on the disk
PARTIAL = ".part"  # ends the name of a file that is not yet complete and verified


@dataclass(frozen=True)
class RemoteFile:
    """One file of a commit: LFS files have a SHA-256, the others git's own hash."""

    name: str
    bytes: int
    sha256: str | None
    git_hash: str | None


@dataclass(frozen=True)
class DownloadPlan:
    """What a download would fetch, before it starts."""

    endpoint: str
    repository: str
    revision: str | None  # as requested
    commit: str  # as pinned
    files: tuple[RemoteFile, ...]
    bytes: int  # of all files
    bytes_here: int  # of them on this machine already
    licence: str  # "" if the model card names none
    gated: bool
    allowed: bool  # False: the licence has not been accepted, or nobody is logged in
    free_bytes: int
    dtypes: Mapping[str, int] = field(default_factory=dict)  # parameters by format

    @property
    def memory_needed(self) -> int:
        """The bytes that the model takes once it is loaded here."""
        weights = [f.bytes for f in self.files if f.name.endswith(".safetensors")]
        return memory_needed(sum(weights), self.dtypes, gpu=on_gpu())

    @property
    def fits_memory(self) -> bool:
        """Whether this machine can load it; a GPU's memory is not looked at."""
        return on_gpu() or self.memory_needed <= memory_free()

    @property
    def fits(self) -> bool:
        """Whether the disk has room for the rest."""
        return self.bytes - self.bytes_here + RESERVE <= self.free_bytes

    @property
    def request(self) -> HubRequest:
        """The request, as messages name it."""
        return HubRequest(self.endpoint, self.repository, self.revision)


def plan(
    reference: Reference, target: Path | None = None, endpoint: str | None = None
) -> DownloadPlan:
    """Ask the Hub what a download needs; ``target`` is the downloads folder.

    Raises CheckpointError if the repository holds no model that can be loaded, and
    DownloadError if the Hub does not answer.
    """
    if reference.repository is None:
        raise CheckpointError(f"“{reference.name}” is here and needs no download.")
    where = (endpoint or constants.ENDPOINT).rstrip("/")
    request = HubRequest(where, reference.repository, reference.revision)
    with explained(request):
        info = _model_info(request)
        files = _needed(request.repository, info.siblings or [])
        commit = str(info.sha)
        is_gated = bool(info.gated)
        allowed = not is_gated or _may_read(request, commit, files[0].name)
    root = target or paths.downloads()
    folder = repository_folder(request.repository, root)
    return DownloadPlan(
        endpoint=where,
        repository=request.repository,
        revision=request.revision,
        commit=commit,
        files=files,
        bytes=sum(file.bytes for file in files),
        bytes_here=sum(bytes_here_of(folder, commit, file) for file in files),
        licence=_licence(info),
        gated=is_gated,
        allowed=allowed,
        free_bytes=free_bytes_at(root),
        dtypes=dict(info.safetensors.parameters) if info.safetensors else {},
    )


def _model_info(request: HubRequest) -> ModelInfo:
    try:
        return HfApi(endpoint=request.endpoint).model_info(
            request.repository,
            revision=request.revision,
            timeout=TIMEOUT,
            files_metadata=True,
        )
    except (KeyError, TypeError, UnicodeError) as error:
        raise _no_hub(request) from error
    except ValueError as error:
        # The client's own ValueErrors are about the id; this one is JSON's.
        if hasattr(error, "doc"):
            raise _no_hub(request) from error
        raise


def _no_hub(request: HubRequest) -> DownloadError:
    return DownloadError(
        f"What answers at {request.endpoint} is not a Hub. Check HF_ENDPOINT, and "
        "whether this network wants a login in the browser first."
    )


def _may_read(request: HubRequest, commit: str, file: str) -> bool:
    url = hf_hub_url(
        request.repository, file, revision=commit, endpoint=request.endpoint
    )
    try:
        get_hf_file_metadata(url, timeout=TIMEOUT, endpoint=request.endpoint)
    except GatedRepoError:
        return False
    return True


def _needed(repository: str, siblings: Sequence[RepoSibling]) -> tuple[RemoteFile, ...]:
    """Return the files that loading needs, the small ones first."""
    names = {sibling.rfilename for sibling in siblings}
    weights = _weights(repository, names)
    for name, remedy in () if weights == ADAPTER else NEEDED:
        if not names & ({name} if name == "config.json" else set(TOKENIZER_FILES)):
            raise CheckpointError(f"{repository} has no {name}. {remedy}")
    chosen = [
        RemoteFile(
            name=each.rfilename,
            bytes=each.lfs.size if each.lfs else each.size or 0,
            sha256=each.lfs.sha256 if each.lfs else None,
            git_hash=None if each.lfs else each.blob_id,
        )
        for each in siblings
        if each.rfilename in WANTED | weights | _of_encoder(names)
        or ("/" not in each.rfilename and each.rfilename.startswith(LICENCES))
    ]
    return tuple(sorted(chosen, key=lambda file: (file.name in weights, file.name)))


def _of_encoder(names: set[str]) -> set[str]:
    if MODULES not in names:
        return set()
    return {name for name in names if OF_ENCODER.fullmatch(name)}


def _weights(repository: str, names: set[str]) -> set[str]:
    """Choose one set of safetensors: transformers' own names, no second copies."""
    if WEIGHTS in names:
        return {WEIGHTS}
    shards = {name: match for name in names if (match := SHARD.fullmatch(name))}
    if INDEX in names and shards:
        count = max(int(match["count"]) for match in shards.values())
        if len(shards) < count:
            raise CheckpointError(
                f"{repository} has {len(shards)} of {count} weight files. Choose "
                "another revision, or ask its owner to complete it."
            )
        return {INDEX, *shards}
    if names >= ADAPTER:
        return set(ADAPTER)
    if any(name.endswith(PICKLES) for name in names):
        raise CheckpointError(
            f"{repository} has its weights as pickle files only. "
            f"{CONVERSION.format(source=repository)}"
        )
    raise CheckpointError(
        f"{repository} has no safetensors weights. Choose one with {WEIGHTS}."
    )


def _licence(info: ModelInfo) -> str:
    if info.card_data is None:
        return ""
    stated = info.card_data.get("license_name") or info.card_data.get("license") or ""
    return ", ".join(stated) if isinstance(stated, list) else str(stated)


def bytes_here_of(folder: Path, commit: str, file: RemoteFile) -> int:
    """Return how much of a file an earlier download has left in the folder."""
    partial = folder / f".{commit}.partial"
    for path in (
        folder / commit / file.name,
        partial / file.name,
        partial / f"{file.name}{PARTIAL}",
    ):
        if path.is_file():
            return min(path.stat().st_size, file.bytes)
    return 0


def free_bytes_at(folder: Path) -> int:
    """Return what is free on the disk where the folder is or will be."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    return shutil.disk_usage(existing).free
