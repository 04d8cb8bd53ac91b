"""Where labels are kept, said in words; and the dataset on the Hub that gets them too.

The owner of a Space names a dataset in ``XKDE_LABELS_REPO`` and gives a token
(``HF_TOKEN``): every label is then appended to a file of this process, which
``huggingface_hub.CommitScheduler`` commits every five minutes. Lines are those of an
export, so that the dataset's files can be imported again.
"""

import logging
import os
import threading
import uuid
from typing import TYPE_CHECKING

from xkde import paths
from xkde.errors import Notice
from xkde.labelling.exchange import json_line
from xkde.labelling.records import FailedCase, Label
from xkde.writing import writing

if TYPE_CHECKING:
    from huggingface_hub import CommitScheduler

REPOSITORY = "XKDE_LABELS_REPO"
MINUTES = 5
FILE = f"labels-{uuid.uuid4().hex[:12]}.jsonl"  # each process has its own
_logger = logging.getLogger(__name__)
_lock = threading.Lock()
_state: dict[
    str, "CommitScheduler | str"
] = {}  # repository → its scheduler, or why not


def repository() -> str:
    """Return the dataset that labels are sent to, or nothing."""
    return os.environ.get(REPOSITORY, "").strip()


def share(case: FailedCase, label: Label) -> None:
    """Send a label to the dataset, if there is one; raises DataError on a full disk."""
    if not repository():
        return
    file = paths.labels() / "hub" / FILE
    found = scheduler()
    guard = _lock if isinstance(found, str) else found.lock
    with guard, writing(file), file.open("a", encoding="utf-8") as out:
        out.write(json_line((case, label)))


def scheduler() -> "CommitScheduler | str":
    """Return what commits labels, or why it cannot; it is made when first asked for."""
    from huggingface_hub import CommitScheduler  # noqa: PLC0415
    from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415

    name = repository()
    with _lock:
        if name not in _state:
            try:
                # Its constructor asks the Hub for the dataset, or makes it.
                _state[name] = CommitScheduler(
                    repo_id=name,
                    repo_type="dataset",
                    folder_path=paths.labels() / "hub",
                    path_in_repo="labels",
                    every=MINUTES,
                    private=True,
                )
            except (OSError, ValueError, RuntimeError, HfHubHTTPError) as error:
                _logger.warning("Labels are not sent to %s: %s", name, error)
                _state[name] = type(error).__name__
        return _state[name]


def kept_where() -> Notice:
    """Return in a sentence where labels are kept, and for how long."""
    name = repository()
    if name and isinstance(_state.get(name, ""), str) and name in _state:
        return Notice(
            "The dataset {name} cannot be reached ({reason}): labels are kept here "
            "only. Download them before you leave.",
            name=name,
            reason=_state[name],
        )
    if name:
        return Notice(
            "Labels are kept here, and sent to the dataset {name} every {minutes} "
            "minutes.",
            name=name,
            minutes=MINUTES,
        )
    if paths.is_lost_with_space():
        return Notice(
            "This Space has no storage: labels last until it restarts. Download them "
            "before you leave."
        )
    return Notice("Labels are kept in labels/labels.sqlite3 of the data folder.")
