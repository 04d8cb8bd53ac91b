"""Read a dataset of preference pairs from the Hub, row by row, when somebody asks.

Nothing is kept on the disk but what ``datasets`` caches of the rows read. Bad rows are
counted and left out, as in a file. What a person types is an id, never a path.

Run its tests: ``python -m pytest tests/test_hub_pairs.py``
"""

import re
from itertools import islice
from pathlib import Path

import datasets
import httpx2

from xkde.data.preferences.sources import Opened, open_rows
from xkde.errors import DataError, InputError

HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
MOST = 200_000  # rows


def open_hub_pairs(name: str, split: str = "train", most: int = MOST) -> Opened:
    """Open the first rows of a dataset; raises InputError or DataError in words."""
    if not HUB_ID.fullmatch(name) or Path(name).exists():
        raise InputError(
            f"“{name}” cannot be a dataset of the Hub. Write its id as owner/name."
        )
    try:
        rows = datasets.load_dataset(name, split=split, streaming=True)
        return open_rows(list(islice(rows, most)), name)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise DataError(
            f"The Hub has no dataset {name}, or it is private. Check the spelling; for "
            "a private one log in with “hf auth login” or set HF_TOKEN."
        ) from error
    except (OSError, httpx2.HTTPError) as error:  # offline mode is an OSError as well
        raise DataError(
            f"The Hub cannot be reached, so {name} was not opened. Check the network "
            "and HF_HUB_OFFLINE, or upload a file."
        ) from error
    except (datasets.exceptions.DatasetGenerationError, ValueError) as error:
        reason = next(iter(str(error.__cause__ or error).splitlines()), "no reason")
        raise DataError(
            f"{name} cannot be read as pairs: {reason.rstrip('.')}. Choose another "
            "dataset, or upload a file of it."
        ) from error
