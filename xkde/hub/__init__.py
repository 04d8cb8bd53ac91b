"""Downloads from the Hub: first a plan that a person can read, then the transfer.

``planning`` asks and chooses, ``transfer`` fetches and verifies, ``messages`` turns
every refusal into a sentence with a way out. Needs no torch and no transformers.

Run its tests: ``python -m pytest tests/xkde/hub/test_transfer.py``
"""

from xkde.hub.messages import size_text
from xkde.hub.planning import DownloadPlan, RemoteFile, plan
from xkde.hub.transfer import Progress, download

__all__ = [
    "DownloadPlan",
    "Progress",
    "RemoteFile",
    "download",
    "plan",
    "size_text",
]
