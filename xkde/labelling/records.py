"""A failed case and a label of it: frozen records, as they are stored and exchanged.

A case is kept whole beside its labels, so that labels can be read, compared and
reported where the run that it came from is no longer here.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime

from xkde.errors import DataError
from xkde.evaluation.analysis.kinds import Kind

# How bad a failure is, in the words of MQM (https://themqm.org); "": not said
SEVERITIES = ("minor", "major", "critical")
LONGEST_NAME, LONGEST_NOTE = 40, 2000  # characters


@dataclass(frozen=True)
class FailedCase:
    """One wrong answer, with the other answer and what the machine calls it."""

    id: str
    run: str
    benchmark: str
    case: str  # the edit's number in its benchmark: the unit of intervals
    probe: str
    question: int
    relation: str
    source: str  # language of the edit
    target: str  # language of the question
    protocol: str
    edit: str
    query: str
    gold: str
    answer: str
    kind: str  # what the machine calls the answer
    evidence: str  # of the kind, as rows store it
    editor: str
    checkpoint: str
    revision: str
    wrapper: str
    date: str
    base_answer: str | None = None  # the base's answer without the edit
    beside: str = ""  # name of the run whose answer stands beside it
    beside_answer: str | None = None
    beside_kind: str = ""
    glosses: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def edit_key(self) -> tuple[str, str]:
        """What tells edits apart."""
        return self.benchmark, self.case


@dataclass(frozen=True)
class Label:
    """What somebody says of a case; ``settles``: what annotators agreed on later."""

    case_id: str
    annotator: str
    kind: str
    severity: str = ""
    note: str = ""
    at: str = ""  # UTC, ISO 8601
    settles: bool = False
    blind: bool = False  # without having seen what the machine says


@dataclass(frozen=True)
class LabelledCase:
    """A case with the labels that count: the newest of each annotator."""

    case: FailedCase
    labels: tuple[Label, ...]

    @property
    def own(self) -> dict[str, Label]:
        """The annotators' own labels, by annotator."""
        return {its.annotator: its for its in self.labels if not its.settles}

    @property
    def settled(self) -> Label | None:
        """What was agreed on later."""
        return next((its for its in reversed(self.labels) if its.settles), None)

    @property
    def kind(self) -> str:
        """The kind that counts: the settled one, else the most frequent one.

        Of equally frequent ones the first that was said.
        """
        if self.settled:
            return self.settled.kind
        said = [its.kind for its in sorted(self.own.values(), key=lambda its: its.at)]
        return max(said, key=said.count)

    @property
    def is_disputed(self) -> bool:
        """Whether annotators differ and have not settled it."""
        kinds = {its.kind for its in self.own.values()}
        return len(kinds) > 1 and self.settled is None


def now() -> str:
    """Return the time, as labels have it."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def plain_name(name: str) -> str:
    """Return an annotator's name without spare spaces; raise DataError without one."""
    plain = " ".join(name.split())[:LONGEST_NAME]
    if not plain:
        raise DataError("Labels need a name: say who labels.")
    return plain


def to_record(case: FailedCase | Label) -> dict[str, object]:
    """Return it as JSON holds it."""
    return asdict(case)


def case_from(record: Mapping[str, object]) -> FailedCase:
    """Return a case that JSON holds; fields of later versions are left out.

    Raises DataError where one is missing or of another sort.
    """
    known = {each.name: each for each in fields(FailedCase)}
    its = {name: value for name, value in record.items() if name in known}
    texts = [name for name, each in known.items() if each.type is str]
    if not all(isinstance(its.get(name, ""), str) for name in texts):
        raise DataError("A case holds something else than text.")
    try:
        case = FailedCase(**its)  # type: ignore[arg-type]
    except TypeError as error:
        raise DataError("A case lacks what it needs to be shown.") from error
    if case.kind not in set(Kind):
        raise DataError("“{kind}” is no kind of failure.", kind=case.kind[:40])
    return case


def label_from(record: Mapping[str, object]) -> Label:
    """Return a label that JSON holds; raises DataError where it is none."""
    kind, severity = str(record.get("kind")), str(record.get("severity") or "")
    if kind not in set(Kind) or severity not in ("", *SEVERITIES):
        raise DataError("“{kind}” is no kind of failure.", kind=kind[:40])
    return Label(
        case_id=str(record.get("case_id") or ""),
        annotator=plain_name(str(record.get("annotator") or "")),
        kind=kind,
        severity=severity,
        note=str(record.get("note") or "")[:LONGEST_NOTE],
        at=str(record.get("at") or "") or now(),
        settles=record.get("settles") in (True, 1, "1", "True", "true"),
        blind=record.get("blind") in (True, 1, "1", "True", "true"),
    )
