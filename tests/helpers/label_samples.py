"""For tests of labels: failed cases, labels of them, a run of failures."""

from dataclasses import replace

from xkde.labelling.records import FailedCase, Label, LabelledCase

CASE = FailedCase(
    id="0123456789abcdef",
    run="r1",
    benchmark="atlas",
    case="c1",
    probe="reliability",
    question=0,
    relation="capital",
    source="en",
    target="zh",
    protocol="generated",
    edit="What is the capital of Narnia? Osaka",
    query="纳尼亚的首都是哪里？",
    gold="大阪",
    answer="Osaka",
    kind="untranslated",
    evidence="copied\tOsaka",
    editor="x-kde",
    checkpoint="tiny",
    revision="ab12",
    wrapper="hf_template",
    date="2026-11-20",
    base_answer=None,
    glosses={"大阪": {"en": "Osaka", "zh": "大阪"}},
)


def case(number: int = 1, **changes: object) -> FailedCase:
    """Return a case about an edit of its own."""
    made = replace(CASE, id=f"{number:016x}", case=f"c{number}")
    return replace(made, **changes)  # type: ignore[arg-type]


def label(number: int = 1, kind: str = "near_miss", **changes: object) -> Label:
    """Return a label of that case; later numbers were given later."""
    at = f"2026-11-20T10:{number:02}:00.000000+00:00"
    made = Label(f"{number:016x}", "Ada", kind, at=at)
    return replace(made, **changes)  # type: ignore[arg-type]


def said(number: int, kind_of_machine: str, **kinds: str) -> LabelledCase:
    """Return a case with a label of each named annotator."""
    labels = (label(number, kind, annotator=who) for who, kind in kinds.items())
    return LabelledCase(case(number, kind=kind_of_machine), tuple(labels))
