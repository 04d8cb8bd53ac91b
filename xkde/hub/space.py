"""A Space of one's own: which files of this checkout it needs, and their upload.

What git tracks goes there, without tests and what only a developer needs. The Hub says
which files are large; ``huggingface_hub`` sends those to its storage and all in one
commit, so a Space is never half new. Nothing is changed before ``upload``.

Try it: ``python -m xkde deploy space OWNER/NAME --dry-run``
"""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import HfHubHTTPError

from xkde import paths
from xkde.errors import DownloadError, InputError, SettingsError
from xkde.hub.messages import HubRequest, explained

LEFT_OUT = ("tests/", ".ci/", "Dockerfile", "compose.yaml", ".dockerignore", "Makefile")
REQUIREMENTS, README = "requirements.txt", "README.md"
LARGE = 10_000_000  # bytes from which the Hub wants a file in its storage
FRONT_MATTER = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
WANTED = ("title", "sdk", "sdk_version", "python_version", "app_file", "license")
NAME = re.compile(r"[\w][\w.-]*/[\w][\w.-]*")


@dataclass(frozen=True)
class SpaceFile:
    """One file of a Space: from this checkout, or written for it."""

    name: str
    size: int  # bytes
    content: Path | bytes

    @property
    def is_large(self) -> bool:
        """Whether the Hub keeps it in its storage for large files."""
        return self.size >= LARGE


def space_files(
    root: Path = paths.ROOT, *, with_gemma: bool = False, index: str = ""
) -> list[SpaceFile]:
    """Return what a Space is made of, by name.

    ``with_gemma`` adds the package of Gemma 3 270M to its requirements; ``index`` is
    where pip finds PyTorch's builds for a CPU, which are gigabytes smaller. Raises
    SettingsError where this is no checkout of git, or the front matter is not whole.
    """
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z"], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise SettingsError(
            f"{root} is no checkout of git, which says what belongs to X-KDE. Clone "
            "the repository, and deploy from there."
        ) from error
    names = [name for name in listed.stdout.decode().split("\0") if name]
    kept = [name for name in names if not name.startswith(LEFT_OUT)]
    check_front_matter(root / README)
    files = [
        SpaceFile(name, path.stat().st_size, path)
        for name in kept
        if (path := root / name).is_file() and name != REQUIREMENTS
    ]
    written = _requirements(root, with_gemma, index)
    files.append(SpaceFile(REQUIREMENTS, len(written), written))
    return sorted(files, key=lambda file: file.name)


def check_front_matter(readme: Path) -> dict[str, object]:
    """Return a README's front matter; raise SettingsError where a Space lacks some."""
    match = FRONT_MATTER.match(readme.read_text(encoding="utf-8"))
    stated = yaml.safe_load(match[1]) if match else None
    missing = [key for key in WANTED if key not in (stated or {})]
    if missing:
        raise SettingsError(
            f"The front matter of {readme.name} lacks {', '.join(missing)}, which a "
            "Space needs. Write it between two lines of “---” at its beginning."
        )
    return dict(stated or {})


def _requirements(root: Path, with_gemma: bool, index: str) -> bytes:
    parts = [f"--extra-index-url {index}\n"] if index else []
    parts.append((root / REQUIREMENTS).read_text(encoding="utf-8"))
    if with_gemma:
        parts.append((root / "requirements-gemma.txt").read_text(encoding="utf-8"))
    return "".join(parts).encode()


def upload(name: str, files: Sequence[SpaceFile], *, private: bool = False) -> str:
    """Make or renew a Space, and return its address.

    Raises InputError for a name without an owner, DownloadError in words where the Hub
    refuses.
    """
    if not NAME.fullmatch(name):
        raise InputError(f"“{name}” is no name of a Space. Write OWNER/NAME.")
    api = HfApi()
    with explained(HubRequest(api.endpoint, name, None)):
        try:
            api.create_repo(
                name,
                repo_type="space",
                space_sdk="gradio",
                private=private,
                exist_ok=True,
            )
            api.create_commit(
                name,
                [CommitOperationAdd(file.name, _data(file)) for file in files],
                commit_message="X-KDE",
                repo_type="space",
            )
        except HfHubHTTPError as error:
            if error.response.status_code not in (401, 403):
                raise
            raise DownloadError(
                f"The Hub does not let you write to {name}. Log in with a token that "
                "may: “hf auth login”, or set HF_TOKEN."
            ) from error
        except ValueError as error:  # the client's own, of a front matter or a name
            raise DownloadError(f"The Hub does not take this Space: {error}") from error
    return f"{api.endpoint}/spaces/{name}"


def _data(file: SpaceFile) -> str | bytes:
    return str(file.content) if isinstance(file.content, Path) else file.content
