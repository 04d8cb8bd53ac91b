"""What a visitor has chosen of the paper's tables, and the address that reopens it.

Pure. What the tables hold is not known here: ``settled`` is told.

Run its tests: ``python -m pytest tests/pages/benchmarks/published/test_page.py``
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

APART = ","  # between methods in the address


@dataclass(frozen=True)
class View:
    """What is shown. The first one is the paper's claim at a glance."""

    table: int = 1
    edit: str = "en"
    asked: str = ""  # "": in the languages other than the edit's
    metric: str = ""  # "": all of them
    methods: tuple[str, ...] | None = None  # None: all of them

    def to_query(self) -> dict[str, str]:
        """Return the parameters of its address: what is not as in the first view."""
        told = {
            "table": str(self.table),
            "edit": self.edit,
            "asked": self.asked,
            "metric": self.metric,
        }
        first = View()
        usual = {name: str(getattr(first, name)) for name in told}
        found = {name: value for name, value in told.items() if value != usual[name]}
        if self.methods is not None:
            found["methods"] = APART.join(self.methods)
        return found

    @property
    def address(self) -> str:
        """The query string that reopens it."""
        about = {"tab": "benchmarks", "view": "published"}
        return urlencode({**about, **self.to_query()})


def from_query(told: Mapping[str, str]) -> View:
    """Return the view that an address names; what it holds is yet to be settled."""
    number = told.get("table", "")
    methods = told.get("methods")
    first = View()
    return View(
        int(number) if number.isdecimal() else (0 if number else first.table),
        told.get("edit", first.edit),
        told.get("asked", first.asked),
        told.get("metric", first.metric),
        None if methods is None else tuple(m for m in methods.split(APART) if m),
    )


def settled(
    view: View,
    edits: Sequence[str],
    targets: Sequence[str],
    metrics: Sequence[str],
    methods: Sequence[str],
) -> View:
    """Return the view with all that its table lacks taken back to the usual."""
    kept = view.methods
    if kept is not None:
        known = tuple(name for name in methods if name in kept)
        # Another table's methods are no choice among these; none at all is one.
        kept = known if known or not kept else None
        kept = None if kept is not None and len(kept) == len(methods) else kept
    return replace(
        view,
        edit=view.edit if view.edit in edits else next(iter(edits), ""),
        asked=view.asked if view.asked in targets else "",
        metric=view.metric if view.metric in metrics else "",
        methods=kept,
    )
