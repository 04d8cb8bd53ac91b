"""The models that all tabs share: one pool, the two loaded first, how a run ends."""

import os
import threading
import time

import gradio as gr

from pages.shell.strings import Interface, tr
from xkde.checkpoints import CATALOGUE, default_pair
from xkde.engines.pool import Pool

POOL = Pool()
PATIENCE = 120.0  # seconds that a question waits for a download
BASE, EDITED = default_pair()  # the models that a form begins with


def on_space() -> bool:
    """Tell whether this runs as a public Space."""
    return bool(os.environ.get("SPACE_ID"))


def permitted(reference: str, interface: Interface) -> str:
    """Return a reference, or raise gr.Error if this place does not offer it."""
    name = (reference or "").strip()
    if on_space() and name not in CATALOGUE:
        raise gr.Error(tr("model_list_only", interface), print_exception=False)
    return name


def end_run(running: dict[str, threading.Event], session: str, patience: float) -> None:
    """End a session's run and wait until its last state was sent.

    Cancelling the event instead would let what is on its way overwrite the last state.
    """
    cancelled = running.get(session)
    if cancelled is None:
        return
    cancelled.set()
    give_up = time.monotonic() + patience
    while running.get(session) is cancelled and time.monotonic() < give_up:
        time.sleep(0.02)
