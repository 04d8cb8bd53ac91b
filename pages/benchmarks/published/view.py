"""What a visitor has chosen of the paper's tables: the view and its address.

Pure. What the tables hold is not known here: ``settled`` is given it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

APART = ","  # between methods in the address


@dataclass(frozen=True)
class PublishedView:
    """What is shown. The first one is the paper's claim at a glance."""

    table: int = 1
    edit: str = "en"
    asked: str = ""  # "": in the languages other than the edit's
    metric: str = ""  # "": all of them
    methods: tuple[str, ...] | None = None  # None: all of them

    def to_query(self) -> dict[str, str]:
        """Return the parameters of its address: what is not as in the first view."""
        parameters = {
            "table": str(self.table),
            "edit": self.edit,
            "asked": self.asked,
            "metric": self.metric,
        }
        first = PublishedView()
        usual = {name: str(getattr(first, name)) for name in parameters}
        query = {n: value for n, value in parameters.items() if value != usual[n]}
        if self.methods is not None:
            query["methods"] = APART.join(self.methods)
        return query

    @property
    def address(self) -> str:
        """The query string that reopens it."""
        about = {"tab": "benchmarks", "view": "published"}
        return urlencode({**about, **self.to_query()})


def from_query(query: Mapping[str, str]) -> PublishedView:
    """Return the view that an address names; what it holds is yet to be settled."""
    number = query.get("table", "")
    methods = query.get("methods")
    first = PublishedView()
    return PublishedView(
        int(number) if number.isdecimal() else (0 if number else first.table),
        query.get("edit", first.edit),
        query.get("asked", first.asked),
        query.get("metric", first.metric),
        None if methods is None else tuple(m for m in methods.split(APART) if m),
    )


def settled(
    view: PublishedView,
    edits: Sequence[str],
    targets: Sequence[str],
    metrics: Sequence[str],
    methods: Sequence[str],
) -> PublishedView:
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
