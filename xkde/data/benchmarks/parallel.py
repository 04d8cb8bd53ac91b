"""Records that hold one entry for each language: Bi-ZsRE, MzsRE, BMIKE-53, Atlas.

``{"en": {"subject", "src", "rephrase", "alt", "loc", "loc_ans", …}, "zh": {…}}``: the
same fact in each, questions ready to be asked. Knows how such a record becomes a case;
what files of them belong together is the formats' own matter.
"""

from typing import Any

from xkde.data.benchmarks.records import Row, Skipped, answers, item
from xkde.errors import InputError
from xkde.languages import language
from xkde.types import Case, Edit, Probe, ProbeItem

Side = dict[str, Any]


def is_parallel(value: Any) -> bool:
    """Tell whether a record has one entry for each language."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(side, dict) for side in value.values())
        and any("src" in side or "alt" in side for side in value.values())
    )


def has_field(value: Any, name: str) -> bool:
    """Tell whether any language of a parallel record has a field."""
    return any(name in side for side in value.values())


def parallel_case(row: Row, case_id: str) -> tuple[Case | None, list[Skipped]]:
    """Return the case of one row, or None; and what of the row is in no case."""
    skipped: list[Skipped] = []
    edits: dict[str, Edit] = {}
    probes: dict[Probe, dict[str, ProbeItem]] = {}
    for written, side in row.value.items():
        try:
            code = language(written).code
        except InputError:
            skipped.append(Skipped(row.source, f"“{written}” is no known language"))
            continue
        edit = _edit(side, code)
        if edit is None:
            skipped.append(Skipped(row.source, f"{code}: “src” or “alt” is missing"))
            continue
        edits[code] = edit
        for probe, asked in _items(side, edit).items():
            if asked is None:
                reason = f"{code}: no {probe}, its question or answer is missing"
                skipped.append(Skipped(row.source, reason))
            else:
                probes.setdefault(probe, {})[code] = asked
    if not edits:
        return None, skipped
    if len(row.value) == 1:
        skipped.append(Skipped(row.source, f"only {next(iter(edits))} is there"))
    subject = next(iter(edits.values())).subject
    case = Case(case_id, subject, "", edits, probes, sources=(row.source,))
    return case, skipped


def _edit(side: Side, code: str) -> Edit | None:
    question, new = answers(side.get("src")), answers(side.get("alt"))
    if not question or not new:
        return None
    return Edit(
        question[0],
        new[0],
        code,
        subject=(answers(side.get("subject")) or ("",))[0],
        old_answer=(answers(side.get("old")) or ("",))[0],
        aliases=new[1:],
    )


def _items(side: Side, edit: Edit) -> dict[Probe, ProbeItem | None]:
    """Return the probes that a side states; None where one is stated in half."""
    gold = [edit.answer, *edit.aliases]
    items: dict[Probe, ProbeItem | None] = {"reliability": item(edit.question, gold)}
    if "rephrase" in side:
        items["generality"] = item(side["rephrase"], gold)
    if "loc" in side:
        items["locality"] = item(side["loc"], side.get("loc_ans"))
    hop = side.get("portability")
    if isinstance(hop, dict) and hop:
        items["portability"] = item(hop.get("New Question"), hop.get("New Answer"))
    elif "port" in side:
        items["portability"] = item(side["port"], side.get("port_ans"))
    return items
