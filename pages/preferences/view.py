"""Where a visitor is: a source, its filters, a page of the list, one pair.

A place goes into the address bar and back, and into the fields of the filters and back.
Nothing that an address says is trusted: what cannot be meant falls back to its default.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from pages.preferences.pair import language_words
from pages.preferences.sources import UPLOAD
from pages.shell.strings import Interface, tr
from xkde.data.preferences.table import (
    BOUNDS,
    EQUAL,
    FLAGS,
    RANGES,
    SORTS,
    PairFilter,
)
from xkde.errors import InputError

SIZES = (10, 25, 50, 100)  # pairs on a page of the list
LONGEST = 500  # characters of what is typed
# The fields that have a component. Bounds are typed as text: Gradio's own field for
# numbers turns an empty one into 0.
FIELDS = (
    "text", "regex", *EQUAL, *BOUNDS, "flags", "sort", "descending", "size",
)  # fmt: skip
UNFINISHED = ("", "-", "+", ".", "-.")  # a number that is still being typed


@dataclass(frozen=True)
class PairView:
    """Filtered pairs on pages, which count from 1; ``size`` is one of ``SIZES``."""

    filter: PairFilter = PairFilter()
    page: int = 1
    size: int = 25

    def to_query(self) -> dict[str, str]:
        """Return it as parameters of an address; what is default is left out."""
        given = self.filter
        values = {name: getattr(given, name) for name in (*EQUAL, "text", "sort")}
        values |= {
            name: repr(value)
            for name in BOUNDS
            if (value := getattr(given, name)) is not None
        }
        values |= {
            "direction": given.direction.replace("→", "-"),
            "flags": "-".join(given.flags),
            "regex": "1" if given.regex else "",
            "descending": "1" if given.descending else "",
            "page": str(self.page) if self.page != PairView.page else "",
            "size": str(self.size) if self.size != PairView.size else "",
        }
        return {name: value for name, value in values.items() if value}

    @staticmethod
    def from_query(parameters: Mapping[str, str]) -> "PairView":
        """Return the view of an address."""
        text = {name: value[:LONGEST] for name, value in parameters.items()}
        flags = text.get("flags", "").split("-")
        sort = text.get("sort", "")
        size = int(_number(text.get("size", "")) or PairView.size)
        equal: dict[str, Any] = {name: text.get(name, "") for name in EQUAL}
        equal["direction"] = equal["direction"].replace("-", "→")
        bounds: dict[str, Any] = {n: _number(text.get(n, "")) for n in BOUNDS}
        wanted = PairFilter(
            **equal,
            **bounds,
            flags=tuple(name for name in FLAGS if name in flags),
            text=text.get("text", ""),
            regex=text.get("regex") == "1",
            sort=sort if sort in SORTS else "",
            descending=text.get("descending") == "1",
        )
        page = max(1, int(_number(text.get("page", "")) or 1))
        return PairView(wanted, page, size if size in SIZES else PairView.size)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


@dataclass(frozen=True)
class PairPlace:
    """Where a visitor is: ``at`` is a pair's place in the view, from 0."""

    key: str = ""
    view: PairView = PairView()
    at: int = 0


def address(place: PairPlace) -> str:
    """Return the query string that reopens a place; an upload's cannot."""
    key = "upload" if place.key.startswith(UPLOAD) else place.key
    parameters = {"tab": "preferences", "pairs": key, **place.view.to_query()}
    if place.at % place.view.size:
        parameters["pair"] = str(place.at + 1)
    return urlencode(parameters)


def filter_words(wanted: PairFilter, interface: Interface) -> list[str]:
    """Return the filters that are set and may be out of sight, in words."""
    words = [tr(f"flag_{name}", interface) for name in wanted.flags]
    for name in RANGES:
        low, high = getattr(wanted, f"{name}_from"), getattr(wanted, f"{name}_to")
        if low is not None or high is not None:
            ends = ["…" if end is None else f"{end:.3g}" for end in (low, high)]
            words.append(
                tr(f"pairs_{name}_range", interface, low=ends[0], high=ends[1])
            )
    for side in ("chosen", "rejected"):
        if code := getattr(wanted, f"{side}_language"):
            name = language_words(code, interface)
            words.append(tr(f"pairs_{side}_in", interface, name=name))
    return words


def view_of(fields: Mapping[str, Any], interface: Interface = "en") -> PairView:
    """Return the view that the fields state, by name; InputError where one is bad."""
    values = dict(fields)
    for name in (*EQUAL, "text", "sort"):
        values[name] = (values[name] or "")[:LONGEST]
    for name in BOUNDS:
        values[name] = bound(values[name] or "", interface)
    values["flags"] = tuple(name for name in FLAGS if name in (values["flags"] or ()))
    size = values.pop("size")
    return PairView(PairFilter(**values), size=size)


def field_values(view: PairView) -> dict[str, Any]:
    """Return the fields' values by name as a view states them."""
    values: dict[str, Any] = {**vars(view.filter), "size": view.size}
    values |= {name: bound_text(values[name]) for name in BOUNDS}
    return {**values, "flags": list(view.filter.flags)}


def bound(text: str, interface: Interface) -> float | None:
    """Return an end of a range as it was typed; None where none is, or not yet."""
    typed = text.strip().replace("−", "-").replace(",", ".")
    if typed in UNFINISHED:
        return None
    value = _number(typed)
    if value is None:
        raise InputError(tr("pairs_no_number", interface, text=text[:LONGEST]))
    return value


def bound_text(value: float | None) -> str:
    """Return an end of a range as it would be typed; ``bound`` takes it back whole."""
    if value is None:
        return ""
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)
