"""What happens in Preferences: open a source, filter it, go from pair to pair.

Handlers return components by name; a component that is not named stays as it is. What
cannot be opened or found is said where the pairs would be: every XkdeError becomes
words.
"""

import math
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr
import pandas as pd
from gradio.utils import get_upload_folder

from pages.preferences import sources
from pages.preferences.pair import (
    PairRow,
    language_words,
    list_html,
    log_odds_html,
    measured,
    note_html,
    pair_values,
)
from pages.preferences.plots import clicked, figures
from pages.preferences.view import (
    FIELDS,
    LONGEST,
    PairPlace,
    PairView,
    address,
    field_values,
    filter_words,
    view_of,
)
from pages.shell.components import Outputs
from pages.shell.strings import Interface, in_words, interface_language, shown_error, tr
from pages.shell.templates import render
from xkde.data.atlas.records import RELATIONS
from xkde.data.preferences.files import write_pairs
from xkde.data.preferences.table import (
    EQUAL,
    PairFilter,
    choices,
    rows_at,
    training_pairs,
)
from xkde.errors import DataError, XkdeError

PLOTS = ("against", "margin", "length", "flags")
CHOICES = 300  # of a filter, those with the most pairs

# ------------------------------------------------------------------- opening a source


def arrive(event: gr.EventData, request: gr.Request) -> Iterator[Outputs]:
    """Open what the address names, else the first source there is."""
    parameters = dict(parse_qsl(str(event.search).removeprefix("?"))[:50])
    interface = interface_language(request)
    offered = sources.offered()
    key = parameters.get("pairs", "") or next(iter(offered), "")
    if key in offered:
        view = PairView.from_query(parameters)
        first = (view.page - 1) * view.size
        pair = parameters.get("pair", "")
        at = int(pair) - 1 if pair.isdecimal() else first
        yield from open_source(PairPlace(key, view, at), interface)
    elif key.startswith(sources.HUB):
        name = key.removeprefix(sources.HUB)
        words = tr("pairs_link_hub", interface, name=name)
        yield {**nothing_open(words, interface), "hub": name}
    else:
        missing = "pairs_link_gone" if key else "pairs_absent"
        yield nothing_open(tr(missing, interface), interface)


def choose(key: str | None, request: gr.Request) -> Iterator[Outputs]:
    """Open a source of the list."""
    if key:
        yield from open_source(PairPlace(key), interface_language(request))


def upload(path: str, request: gr.Request) -> Iterator[Outputs]:
    """Open a file that was uploaded."""
    place = PairPlace(sources.UPLOAD + path)
    yield from open_source(place, interface_language(request))


def fetch(name: str, request: gr.Request) -> Iterator[Outputs]:
    """Open a dataset of the Hub."""
    interface, repository = interface_language(request), (name or "").strip()
    yield _busy(tr("pairs_fetching", interface, name=repository))
    try:
        sources.fetched(repository)
    except XkdeError as error:
        words = in_words(error, interface)
        yield {**nothing_open(words, interface), "hub": repository}
        return
    yield from open_source(PairPlace(sources.HUB + repository), interface)


def open_source(place: PairPlace, interface: Interface) -> Iterator[Outputs]:
    """Yield words while a source is read, then all that is shown of it."""
    yield _busy(tr("pairs_opening", interface, name=sources.name_of(place.key)))
    try:
        source = sources.loaded(place.key)
    except XkdeError as error:
        yield nothing_open(in_words(error, interface), interface)
        return
    counts = {
        name: dict(list(choices(source.frame, name).items())[:CHOICES])
        for name in EQUAL
    }
    wanted = place.view.filter
    unknown: dict[str, Any] = {
        name: "" for name in EQUAL if getattr(wanted, name) not in counts[name]
    }
    wanted = replace(wanted, **unknown)
    place = replace(place, view=replace(place.view, filter=wanted))
    if place == PairPlace(place.key):
        at = first_plain(source.frame)
        page = at // place.view.size + 1
        place = PairPlace(place.key, replace(place.view, page=page), at)
    yield {
        "source": _offered(place.key, interface),
        "summary": source_html(source, interface),
        **_fields_with_choices(place.view, counts, interface),
        **show(place, interface),
        **prefill_export(source, interface),
    }


def first_plain(frame: pd.DataFrame) -> int:
    """Return the place of the first pair that needs no explanation, else 0.

    An edit in English of a fact that makes sense: Atlas's pairs also ask for the
    currency of a party, so that the relation alone does not give the answer away.
    """
    columns = zip(frame["fact"], frame["relation"], frame["source"], strict=True)
    for at, (fact, relation, source) in enumerate(columns):
        kind, _ = RELATIONS.get(str(relation), ("", ""))
        if source == "en" and kind and str(fact).startswith(f"{kind}/"):
            return at
    return 0


def _busy(words: str) -> Outputs:
    return {"status": note_html(words, "status busy")}


def nothing_open(words: str, interface: Interface) -> Outputs:
    """Return words where the pairs would be, and nothing open."""
    return {
        "source": _offered("", interface),
        "summary": note_html(words, "caution"),
        **_fields_with_choices(PairView(), {name: {} for name in EQUAL}, interface),
        "place": PairPlace(),
        "list": note_html(tr("pairs_nothing", interface)),
        **dict.fromkeys(("pair", "odds", "kept"), ""),
        "status": note_html(""),
        "margin": gr.Slider(interactive=False),
        "file": gr.File(visible=False),
    }


def _offered(key: str, interface: Interface) -> gr.Dropdown:
    named = [
        (tr("pairs_atlas", interface) if name == sources.ATLAS else name, name)
        for name in sources.offered()
    ]
    value = key if key in (name for _, name in named) else None
    return gr.Dropdown(choices=named, value=value, visible=bool(named))


def _fields_with_choices(
    view: PairView, counts: Mapping[str, Mapping[str, int]], interface: Interface
) -> Outputs:
    """Return the fields' values, with what there is to choose and how often."""
    fields = field_values(view)
    for name in EQUAL:
        is_language = name.endswith("_language")
        named = [(tr("pairs_any", interface), "")]
        for value, n in counts[name].items():
            words = language_words(value, interface) if is_language else value
            named.append((f"{words} ({n:,})", value))
        fields[name] = gr.Dropdown(choices=named, value=fields[name])
    return fields


def source_html(source: sources.OpenSource, interface: Interface) -> str:
    """Return what a source holds, and what of it was left out."""
    opened, left_out = source.opened, sum(source.opened.left_out.values())
    words = tr(
        "pairs_source",
        interface,
        n=f"{opened.pairs.num_rows:,}",
        prompts=f"{source.frame['prompt'].nunique():,}",
        form=tr(f"pairs_form_{opened.form}", interface),
    )
    if not source.whole:
        words += " " + tr("pairs_first_only", interface)
    reasons = [
        tr(
            "pairs_left_out_row",
            interface,
            n=f"{count:,}",
            reason=tr(f"pairs_reason_{reason}", interface),
            place=_row_words(opened.places.get(reason, ""), interface),
        )
        for reason, count in opened.left_out.items()
    ]
    return render(
        "preferences/source.html",
        interface,
        name=source.name,
        words=words,
        reasons=reasons,
        left_out=f"{left_out:,}",
        rows=f"{left_out + opened.pairs.num_rows:,}",
    )


def _row_words(place: str, interface: Interface) -> str:
    """Return "line 3" in the interface's language."""
    word, _, n = place.partition(" ")
    return tr(f"pairs_{word}", interface, n=n) if word in ("line", "row") else place


def draw(place: PairPlace, request: gr.Request) -> Outputs:
    """Draw a source's four plots, each with its sentence."""
    if not place.key:
        hidden = {f"plot_{name}": gr.Plot(visible=False) for name in PLOTS}
        return hidden | {f"words_{name}": "" for name in PLOTS}
    outputs: Outputs = {}
    drawn = figures(sources.loaded(place.key).frame, interface_language(request))
    for name, (figure, words) in drawn.items():
        outputs[f"plot_{name}"] = gr.Plot(figure, visible=figure is not None)
        outputs[f"words_{name}"] = render("preferences/caption.html", words=words)
    return outputs


# --------------------------------------------------------------------- showing a place


def show(
    place: PairPlace, interface: Interface, before: PairPlace | None = None
) -> Outputs:
    """Return what is shown of a place; the list only where it has changed."""
    if not place.key:
        return {"place": place}
    try:
        source = sources.loaded(place.key)
        rows = sources.positions(source, place.view.filter)
    except XkdeError as error:
        status = _noted(in_words(error, interface))
        pair = _pair_html(place, 0, None, interface)
        return {"place": place, "list": "", "status": status, "pair": pair, "odds": ""}
    total, size = len(rows), place.view.size
    at = min(max(place.at, 0), max(0, total - 1))
    place = PairPlace(place.key, replace(place.view, page=at // size + 1), at)
    outputs = {
        "place": place,
        "status": _status(source, place.view, total, interface),
        "odds": "",
    }
    if not total:
        empty = note_html(tr("pairs_none", interface))
        pair = _pair_html(place, 0, None, interface)
        return {**outputs, "list": empty, "pair": pair}
    first = (place.view.page - 1) * size
    if before is None or (before.key, before.view) != (place.key, place.view):
        page = rows_at(source.frame, rows[first : first + size])
        outputs["list"] = list_html(page, first, interface)
    row = rows_at(source.frame, rows[at : at + 1])[0]
    scores = sources.scores_beside(source, row["id"])
    values = pair_values(row, scores, interface)
    return {**outputs, "pair": _pair_html(place, total, values, interface)}


def _pair_html(
    place: PairPlace,
    total: int,
    pair: Mapping[str, object] | None,
    interface: Interface,
) -> str:
    return render(
        "preferences/pair.html",
        interface,
        at=place.at,
        total=total,
        address=address(place),
        pair=pair,
    )


def _noted(words: str) -> str:
    """Return what is wrong, in place of how many pairs match."""
    return note_html(words, "status noted")


def _status(
    source: sources.OpenSource, view: PairView, total: int, interface: Interface
) -> str:
    status = tr(
        "pairs_found",
        interface,
        n=f"{total:,}",
        of=f"{len(source.frame):,}",
        page=f"{view.page:,}",
        pages=f"{max(1, math.ceil(total / view.size)):,}",
    )
    words = [status, *filter_words(view.filter, interface)]
    return note_html(" · ".join(words), "status")


# ------------------------------------------------------- filters, pages, bars, models


def change(place: PairPlace, request: gr.Request, *values: object) -> Outputs:
    """Show the first page of what the fields (``FIELDS``) ask for, if that is new."""
    interface = interface_language(request)
    if not place.key:
        return {}
    try:
        view = view_of(dict(zip(FIELDS, values, strict=True)), interface)
        if view != replace(place.view, page=PairView.page):
            return show(PairPlace(place.key, view), interface)
        source = sources.loaded(place.key)
        total = len(sources.positions(source, place.view.filter))
    except XkdeError as error:
        return {"status": _noted(in_words(error, interface))}
    return {"status": _status(source, place.view, total, interface)}


def prefill(place: PairPlace, interface: Interface) -> Outputs:
    """Return the fields' values, and what is shown."""
    return {**field_values(place.view), **show(place, interface)}


def clear(place: PairPlace, request: gr.Request) -> Outputs:
    """Take all filters away, and keep the order."""
    wanted, size = place.view.filter, place.view.size
    kept = PairFilter(sort=wanted.sort, descending=wanted.descending)
    view = PairView(kept, size=size)
    return prefill(PairPlace(place.key, view), interface_language(request))


def click_bar(place: PairPlace, event: gr.EventData, request: gr.Request) -> Outputs:
    """Show the pairs that a bar of a plot stands for."""
    if not place.key:
        return {}
    view = clicked(place.view, str(event.link)[:LONGEST])
    return prefill(PairPlace(place.key, view), interface_language(request))


def go(place: PairPlace, event: gr.EventData, request: gr.Request) -> Outputs:
    """Show the pair at a place that the page's script names."""
    at = event.at if isinstance(event.at, int) else place.at
    return show(replace(place, at=at), interface_language(request), place)


def next_page(place: PairPlace, request: gr.Request) -> Outputs:
    """Show the next page of the list."""
    return _turn(place, place.view.page + 1, request)


def page_before(place: PairPlace, request: gr.Request) -> Outputs:
    """Show the page of the list before this one."""
    return _turn(place, max(1, place.view.page - 1), request)


def _turn(place: PairPlace, page: int, request: gr.Request) -> Outputs:
    moved = replace(place, at=(page - 1) * place.view.size)
    return show(moved, interface_language(request), place)


def ask_models(place: PairPlace, request: gr.Request) -> Iterator[str]:
    """Yield the models' log-odds of the pair that is shown."""
    interface = interface_language(request)
    try:
        row = _row(place, interface)
        texts = row["prompt"], row["chosen"], row["rejected"]
        for known in measured(*texts, interface):
            yield log_odds_html(known, interface)
    except XkdeError as error:
        raise shown_error(error, interface) from error


def _row(place: PairPlace, interface: Interface) -> PairRow:
    if not place.key:
        raise DataError(tr("pairs_nothing", interface))
    source = sources.loaded(place.key)
    rows = sources.positions(source, place.view.filter)[place.at :][:1]
    if not len(rows):
        raise DataError(tr("pairs_none", interface))
    return rows_at(source.frame, rows)[0]


STEPS = 200  # of the margin slider
LEAST_STEP = 0.01


def prefill_export(source: sources.OpenSource, interface: Interface) -> Outputs:
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


def change_export(
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
