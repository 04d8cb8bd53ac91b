"""KnowEdit (Zhang et al., 2024), English: ZsRE, counterfacts, recent facts, WikiBio.

https://arxiv.org/abs/2401.01286

Files such as ``ZsRE-test-all.json``. ``locality`` and ``portability`` hold several
kinds of questions with several forms of the answer; a question's kind (“Reasoning”) is
its ``relation``. WikiBio's edits are sentences that continue a text. Prompts may be
beginnings of sentences.
"""

from collections.abc import Sequence

from xkde.data.benchmarks.records import (
    BenchmarkFile,
    BenchmarkFormat,
    BenchmarkRow,
    Parsed,
    Skipped,
    answers,
    item,
    put_items,
)
from xkde.types import Case, Edit, Probe, ProbeItem

NAME = "knowedit"  # before the number in a case's id

_LANGUAGE = "en"
_NESTED: tuple[Probe, ...] = ("locality", "portability")


def _fits(value: object) -> bool:
    """Tell whether a record has the form of KnowEdit."""
    return (
        isinstance(value, dict)
        and ({"prompt", "target_new"} <= set(value) or {"text", "labels"} <= set(value))
        and ("locality" in value or "portability" in value)
    )


def _read(files: Sequence[BenchmarkFile]) -> Parsed:
    """Return the cases, one for each row of each file."""
    found = [_case(row, file.stem) for file in files for row in file.rows]
    cases = [case for case, _ in found if case is not None]
    return cases, [entry for _, skipped in found for entry in skipped]


def _case(row: BenchmarkRow, file: str) -> tuple[Case | None, list[Skipped]]:
    value = row.value
    asked = item(
        value.get("prompt", value.get("text")),
        value.get("target_new", value.get("labels")),
    )
    if asked is None:
        return None, [Skipped(row.source, "the prompt or the new answer is missing")]
    subject = (answers(value.get("subject", value.get("concept"))) or ("",))[0]
    old = (answers(value.get("ground_truth")) or ("",))[0]
    edit = Edit(asked.question, asked.answer, _LANGUAGE, subject, old, asked.aliases)
    probes: dict[Probe, dict[str, ProbeItem]] = {"reliability": {_LANGUAGE: asked}}
    further: dict[Probe, dict[str, tuple[ProbeItem, ...]]] = {}
    rephrased = item(value.get("rephrase_prompt"), [edit.answer, *edit.aliases])
    if rephrased:
        put_items(probes, further, "generality", _LANGUAGE, [rephrased])
    skipped: list[Skipped] = []
    for probe in _NESTED:
        items, lost = _nested(value.get(probe))
        put_items(probes, further, probe, _LANGUAGE, items)
        if lost:
            reason = f"{lost} questions of {probe} have no answer"
            skipped.append(Skipped(row.source, reason))
    case = Case(
        f"{NAME}/{file}/{row.source.row}",
        subject,
        "",
        {_LANGUAGE: edit},
        probes,
        further,
        (row.source,),
    )
    return case, skipped


def _nested(groups: object) -> tuple[list[ProbeItem], int]:
    """Return a probe's questions of all kinds, and how many lack their answer."""
    if not isinstance(groups, dict):
        return [], 0
    entries = [
        (kind, entry)
        for kind, several in groups.items()
        if isinstance(several, list)
        for entry in several
        if isinstance(entry, dict)
    ]
    found = [item(e.get("prompt"), e.get("ground_truth"), kind=k) for k, e in entries]
    items = [one for one in found if one is not None]
    return items, len(entries) - len(items)


FORMAT = BenchmarkFormat(
    "KnowEdit",
    "“prompt”, “target_new”, “locality” (or “text”, “labels”, “locality”)",
    _fits,
    _read,
)
