"""Read a dataset of preference pairs from the Hub, row by row, when somebody asks.

Nothing is kept on the disk but what ``datasets`` caches of the rows read. Bad rows are
counted and left out, as in a file. What a person types is an id, never a path.
"""

import re
import time
from pathlib import Path
from typing import NamedTuple

import datasets
import httpx2

from xkde.data.preferences.opening import OpenedPairs, open_rows
from xkde.errors import DataError, InputError

# An id, and after a colon a split other than ``SPLIT``
HUB_ID = re.compile(r"(\w[\w.-]*/\w[\w.-]*)(?::(\w[\w.-]*))?")
SPLIT = "train"
MOST = 200_000  # rows
PATIENCE = 120.0  # seconds for further rows; for the first, the libraries' own limits


class HubPairs(NamedTuple):
    """What was opened; not ``whole`` where the dataset goes on."""

    opened: OpenedPairs
    whole: bool


def open_hub_pairs(name: str, most: int = MOST, patience: float = PATIENCE) -> HubPairs:
    """Open the first rows of a dataset; raises InputError or DataError in words."""
    match = HUB_ID.fullmatch(name)
    if match is None or Path(match[1]).exists():
        raise InputError(
            "“{name}” cannot be a dataset of the Hub. Write its id as owner/name, or "
            "with a split as owner/name:split.",
            name=name,
        )
    repository, split = match[1], match[2] or SPLIT
    try:
        rows, whole = _rows(repository, split, most, patience)
        return HubPairs(open_rows(rows, name), whole)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(
            f"The Hub has no dataset {repository}, or it is private. Check the "
            "spelling; for a private one log in with “hf auth login” or set HF_TOKEN."
        ) from error
    except (OSError, httpx2.HTTPError) as error:  # offline mode is an OSError as well
        raise DataError(
            "The Hub cannot be reached, so {name} was not opened. Check the network "
            "and HF_HUB_OFFLINE, or upload a file.",
            name=repository,
        ) from error
    except (
        datasets.exceptions.DatasetGenerationError,
        ValueError,
        RuntimeError,  # of a dataset with a script, which is not run
    ) as error:
        reason = next(iter(str(error.__cause__ or error).splitlines()), "no reason")
        raise DataError(
            f"{name} cannot be read as pairs: {reason.rstrip('.')}. Name another split "
            f"as {repository}:split, or upload a file of it."
        ) from error


def _rows(
    repository: str, split: str, most: int, patience: float
) -> tuple[list[object], bool]:
    """Return the rows that come in time, and whether those are all."""
    end = time.monotonic() + patience
    rows: list[object] = []
    for row in datasets.load_dataset(repository, split=split, streaming=True):
        if len(rows) == most or (rows and time.monotonic() > end):
            return rows, False
        rows.append(row)
    return rows, True
