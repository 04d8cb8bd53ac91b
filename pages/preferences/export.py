"""A file to train on: pairs from a margin on, without the flags that are chosen.

The file is JSON lines or Parquet, as ``python -m xkde train`` takes it.
"""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder

from pages.preferences import sources
from pages.preferences.pair import note_html
from pages.preferences.view import PairPlace
from pages.shell.components import Outputs
from pages.shell.strings import Interface, interface_language, tr
from xkde.data.preferences.files import write_pairs
from xkde.data.preferences.table import training_pairs

STEPS = 200  # of the margin slider
LEAST_STEP = 0.01


def prefill(source: sources.OpenSource, interface: Interface) -> Outputs:
    """Set the margin slider to a source's margins, and say how many pairs stay."""
    margins = source.frame["margin"].dropna()
    if margins.empty:
        words = note_html(tr("cut_unknown", interface))
        return {
            "margin": gr.Slider(interactive=False),
            "kept": words,
            "file": gr.File(visible=False),
        }
    low = math.floor(100 * margins.min()) / 100
    high = max(math.ceil(100 * margins.max()) / 100, low + LEAST_STEP)
    step = max(LEAST_STEP, round((high - low) / STEPS, 2))
    return {
        "margin": gr.Slider(low, high, value=low, step=step, interactive=True),
        "kept": kept_html(source, low, (), interface),
        "file": gr.File(visible=False),
    }


def kept_html(
    source: sources.OpenSource,
    margin: float,
    without: tuple[str, ...],
    interface: Interface,
) -> str:
    """Return how many pairs stay."""
    n, of = training_pairs(source.frame, margin, without).num_rows, len(source.frame)
    share = f"{100 * n / of:.1f}"
    words = tr("cut_stay", interface, n=f"{n:,}", of=f"{of:,}", share=share)
    return note_html(words, "kept")


def change(
    place: PairPlace, margin: float, without: Sequence[str], request: gr.Request
) -> Outputs:
    """Say how many pairs stay; a file written before is no longer of them."""
    if not place.key:
        return {}
    interface, source = interface_language(request), sources.loaded(place.key)
    kept = kept_html(source, margin, tuple(without), interface)
    return {"kept": kept, "file": gr.File(visible=False)}


def write(
    place: PairPlace,
    margin: float,
    without: Sequence[str],
    kind: str,
    request: gr.Request,
) -> gr.File:
    """Write the pairs that stay as a file that the trainer takes."""
    interface = interface_language(request)
    if not place.key:
        raise gr.Error(tr("pairs_nothing", interface), print_exception=False)
    frame = sources.loaded(place.key).frame
    pairs = training_pairs(frame, margin, tuple(without))
    if not pairs.num_rows:
        raise gr.Error(tr("cut_empty", interface), print_exception=False)
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=get_upload_folder()))
    path = folder / f"pairs-margin-{margin:.2f}.{kind}"
    write_pairs(path, pairs)
    return gr.File(str(path), visible=True)
