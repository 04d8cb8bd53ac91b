"""Every folder and file name that X-KDE reads or writes.

Embedded files lie in ``assets/`` beside the package (a checkout or a Space); what is
made locally lies under ``XKDE_HOME``, in ``runs/``, ``downloads/``, ``moments/`` and
``labels/``. Without it that is the storage of a Space, where one is mounted at
``/data``, else the checkout itself.
"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ASSETS = ROOT / "assets"
EMBEDDED_CHECKPOINTS = ASSETS / "checkpoints"
ATLAS = ASSETS / "atlas"
ATLAS_LANGUAGES = ATLAS / "languages"
# What is shipped grows; tests show a part of it that does not.
RESULTS = Path(os.environ.get("XKDE_RESULTS", ASSETS / "results"))
ATLAS_RESULTS = RESULTS / "atlas.json"
ATLAS_PAIRS = RESULTS / "atlas-pairs.parquet"
PUBLISHED = ASSETS / "published"
STRINGS = ASSETS / "strings"
SCREENSHOTS = ASSETS / "screenshots"
SETTINGS = ASSETS / "settings"
CHAT_TEMPLATES = ASSETS / "chat_templates"
FEW_SHOT = ASSETS / "few_shot.toml"

SPACE_STORAGE = Path("/data")  # where a Space's storage is mounted, if it has any

CARD = "card.json"  # in a checkpoint folder: what it is and how it was made
CHAT_TEMPLATE = "chat_template.jinja"
NOTICE = "NOTICE"


def home() -> Path:
    """Where local runs, downloads and labels go; ``XKDE_HOME`` moves it."""
    if os.environ.get("SPACE_ID") and os.access(SPACE_STORAGE, os.W_OK):
        return Path(os.environ.get("XKDE_HOME", SPACE_STORAGE))
    return Path(os.environ.get("XKDE_HOME", ROOT))


def is_lost_with_space() -> bool:
    """Tell whether what is written is gone when a Space restarts."""
    is_stored = home().is_relative_to(SPACE_STORAGE)
    return bool(os.environ.get("SPACE_ID")) and not is_stored


def checkpoints() -> Path:
    """Where the embedded checkpoints lie; ``XKDE_CHECKPOINTS`` names another folder."""
    return Path(os.environ.get("XKDE_CHECKPOINTS", EMBEDDED_CHECKPOINTS))


def runs() -> Path:
    """One folder for each run of a stage."""
    return home() / "runs"


def downloads() -> Path:
    """Checkpoints fetched from the Hub, or converted from an installed package."""
    return home() / "downloads"


def moments() -> Path:
    """Second moments of keys, which some editors need, by the weights they are of."""
    return home() / "moments"


def labels() -> Path:
    """What people say of failures, by all annotators."""
    return home() / "labels"
