"""The set that is trained on: pairs from a margin on, without flags, as a file.

Run by ``page``; the file is JSON lines or Parquet, as ``python -m xkde train``
takes it.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

from pages.preferences import sources as sources
from pages.preferences.html import note_html
from pages.preferences.render import Place
from pages.shell.strings import Interface, interface_language, tr
from xkde.data.preferences.files import write_pairs
from xkde.data.preferences.view import selected

STEPS = 200  # of the margin slider
CUT = 3  # what ``cut_fields`` returns


def cut_fields(found: sources.Loaded, say: Interface) -> list[Any]:
    """Return the margin slider over a source's margins, and how many pairs stay."""
    known = [m for m in found.table.numbers["margin"].tolist() if not math.isnan(m)]
    if not known:
        words = note_html(tr("cut_unknown", say))
        return [gr.Slider(interactive=False), words, gr.File(visible=False)]
    low, high = math.floor(100 * min(known)) / 100, math.ceil(100 * max(known)) / 100
    high = max(high, low + 0.01)
    slider = gr.Slider(
        low, high, value=low, step=max(0.01, round((high - low) / STEPS, 2)),
        interactive=True,
    )  # fmt: skip
    return [slider, kept_html(found, low, (), say), gr.File(visible=False)]


def kept_html(
    found: sources.Loaded, margin: float, without: tuple[str, ...], say: Interface
) -> str:
    """Return how many pairs stay."""
    n, of = selected(found.table, margin, without).num_rows, found.opened.pairs.num_rows
    share = f"{100 * n / of:.1f}"
    return note_html(tr("cut_stay", say, n=f"{n:,}", of=f"{of:,}", share=share), "kept")


def cut(
    place: Place, margin: float, without: Sequence[str], request: gr.Request
) -> list[Any]:
    """Say how many pairs stay; a file made before is no longer of them."""
    if not place.key:
        return [gr.skip(), gr.skip()]
    say, found = interface_language(request), sources.loaded(place.key)
    return [kept_html(found, margin, tuple(without), say), gr.File(visible=False)]


def written(
    place: Place, margin: float, without: Sequence[str], kind: str, request: gr.Request
) -> Any:
    """Write the pairs that stay as a file that the trainer takes."""
    say = interface_language(request)
    if not place.key:
        raise gr.Error(tr("pairs_nothing", say), print_exception=False)
    pairs = selected(sources.loaded(place.key).table, margin, tuple(without))
    if not pairs.num_rows:
        raise gr.Error(tr("cut_empty", say), print_exception=False)
    Path(get_upload_folder()).mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=get_upload_folder()))
    path = folder / f"pairs-margin-{margin:.2f}.{kind}"
    write_pairs(path, pairs)
    return gr.File(str(path), visible=True)
