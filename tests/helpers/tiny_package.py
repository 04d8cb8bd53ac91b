"""An installed distribution with made-up weights in two parts, for tests."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from xkde.checkpoints.packages import GEMMA_3_270M, PackageSource


@contextmanager
def installed(site: Path, content: bytes) -> Iterator[PackageSource]:
    """Give a source whose two parts lie in packages below ``site``."""
    half = len(content) // 2
    for number, part in enumerate((content[:half], content[half:])):
        data = site / f"tiny_part{number}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").write_text("raise RuntimeError('not run')")
        (data / "weights").write_bytes(part)
    (site / "tiny_part0" / "data" / "NOTICE.md").write_text("made up")
    source = replace(
        GEMMA_3_270M,
        distribution="tiny",
        parts=("tiny_part0/data/weights", "tiny_part1/data/weights"),
        notices=("tiny_part0/data/NOTICE.md", "tiny_part0/data/none"),
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
        converted_bytes=10 * len(content),
    )
    sys.path.insert(0, str(site))
    try:
        yield source
    finally:
        sys.path.remove(str(site))
