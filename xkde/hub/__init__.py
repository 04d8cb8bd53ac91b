"""Downloads from the Hub: first a plan that a person can read, then the transfer.

    fits.py      whether a model fits this machine's memory
    messages.py  refusals of the Hub, the network, the disk
    planning.py  what a download would fetch
    space.py     a Space of one's own
    transfer.py  fetch, verify, rename

``planning`` asks the Hub and chooses files, ``transfer`` fetches and verifies them, and
``messages`` turns every refusal into a sentence that says what to do.
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
