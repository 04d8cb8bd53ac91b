"""The models that all tabs share: one pool, and the two that are loaded first."""

import os

from xkde.checkpoints import default_pair
from xkde.engines.pool import Pool

POOL = Pool()
PATIENCE = 120.0  # seconds that a question waits for a download
BASE, EDITED = default_pair()  # the models that a form begins with


def on_space() -> bool:
    """Tell whether this runs as a public Space."""
    return bool(os.environ.get("SPACE_ID"))
