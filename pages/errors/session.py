"""Where an annotator is in a queue: the state of one browser. Knows no component."""

from dataclasses import dataclass, replace

from xkde.labelling import store
from xkde.labelling.queue import QueueChoice
from xkde.labelling.records import FailedCase, Label, LabelledCase


@dataclass(frozen=True)
class LabellingSession:
    """A queue and a place in it; ``stored``: places and numbers of labels, for undo."""

    annotator: str = ""
    browser: str = ""
    since: str = ""  # when it began
    cases: tuple[FailedCase, ...] = ()
    at: int = 0
    stored: tuple[tuple[int, int], ...] = ()
    settles: bool = False
    blind: bool = False
    choice: QueueChoice | None = None
    matching: int = 0
    step: int = 0  # changes with whatever is shown

    @property
    def case(self) -> FailedCase | None:
        """The case that is shown; None at the end of the queue."""
        return self.cases[self.at] if self.at < len(self.cases) else None

    def moved(self, at: int) -> "LabellingSession":
        """Return it at another place; one beyond the last is the end."""
        return replace(self, at=max(0, min(at, len(self.cases))), step=self.step + 1)

    def labelled(self) -> list[LabelledCase]:
        """Return the queue's cases that have labels; without a queue all that have."""
        ids = [case.id for case in self.cases] if self.cases else None
        return store.labelled(store.default_file(), ids)


def own_label(
    session: LabellingSession, labelled: list[LabelledCase], case: FailedCase
) -> Label | None:
    """Return what the annotator said of a case before; in settling, what was agreed."""
    for each in labelled:
        if each.case.id == case.id:
            if session.settles:
                return each.settled
            return each.own.get(session.annotator)
    return None


def count_done(session: LabellingSession, labelled: list[LabelledCase]) -> int:
    """Return how many of the queue's cases are labelled, or settled."""
    return sum(own_label(session, labelled, each.case) is not None for each in labelled)


def first_open(session: LabellingSession, labelled: list[LabelledCase]) -> int:
    """Return the first place that the annotator has not labelled."""
    for at, case in enumerate(session.cases):
        if own_label(session, labelled, case) is None:
            return at
    return len(session.cases)
