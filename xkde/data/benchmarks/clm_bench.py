"""CLM-Bench (2026): facts of Chinese culture, written in Chinese, then in English.

``chinese_fields_with_loc.json`` and its English twin, whose fields begin with
``english_``; a merged file holds both under the Chinese field names. Edits are
beginnings of sentences that the answer completes. There is no portability.
"""

import re
from collections.abc import Sequence

from xkde.data.benchmarks.records import (
    BenchmarkFile,
    BenchmarkFormat,
    BenchmarkRow,
    Parsed,
    Skipped,
    answers,
    item,
    merged,
)
from xkde.types import Case, Edit, Probe, ProbeItem

NAME = "clm-bench"  # before the number in a case's id

_ENGLISH = "english_"
_CHINESE_LETTER = re.compile("[\u3400-\u9fff]")


def _fits(value: object) -> bool:
    """Tell whether a record has the form of CLM-Bench, in either language."""
    return isinstance(value, dict) and any(
        {f"{prefix}prompt", f"{prefix}target_new", "loc"} <= value.keys()
        for prefix in ("", _ENGLISH)
    )


def _read(files: Sequence[BenchmarkFile]) -> Parsed:
    """Return one case for each ``case_id``, Chinese before English."""
    cases: list[Case] = []
    skipped: list[Skipped] = []
    seen: set[tuple[str, str, str]] = set()
    for file in files:
        for row in file.rows:
            case, without = _case(row)
            skipped += without
            if case is None:
                continue
            key = (file.name, case.id, next(iter(case.edits)))
            if key in seen:
                skipped.append(Skipped(row.source, f"{case.id} is there already"))
            else:
                cases.append(case)
            seen.add(key)
    return merged(sorted(cases, key=lambda case: "zh" not in case.edits)), skipped


def _case(row: BenchmarkRow) -> tuple[Case | None, list[Skipped]]:
    prefix = _ENGLISH if f"{_ENGLISH}prompt" in row.value else ""
    fields = {
        name: answers(row.value.get(f"{prefix}{name}")) or ("",)
        for name in ("prompt", "target_new", "subject", "ground_truth")
    }
    (question, *_), (new, *aliases) = fields["prompt"], fields["target_new"]
    if not question or not new:
        return None, [Skipped(row.source, "“prompt” or “target_new” is missing")]
    code = "zh" if not prefix and _CHINESE_LETTER.search(question) else "en"
    subject, old = fields["subject"][0], fields["ground_truth"][0]
    gold = [new, *aliases]
    asked: dict[Probe, ProbeItem | None] = {
        "reliability": item(question, gold),
        "generality": item(row.value.get(f"{prefix}rephrase_prompt"), gold),
        "locality": item(row.value.get("loc"), row.value.get("loc_ans")),
    }
    probes: dict[Probe, dict[str, ProbeItem]] = {
        probe: {code: one} for probe, one in asked.items() if one is not None
    }
    skipped = [
        Skipped(row.source, f"{code}: no {probe}, its question or answer is missing")
        for probe, one in asked.items()
        if one is None
    ]
    if not old:
        skipped.append(Skipped(row.source, f"{code}: the old answer is missing"))
    edit = Edit(question, new, code, subject, old, tuple(aliases))
    number = row.value.get("case_id", f"row{row.source.row}")
    # 17 and "17" are two facts in the original.
    key = f"text-{number}" if isinstance(number, str) else str(number)
    case = Case(
        f"{NAME}/{key}", subject, "", {code: edit}, probes, sources=(row.source,)
    )
    return case, skipped


FORMAT = BenchmarkFormat(
    "CLM-Bench",
    "“prompt”, “target_new”, “ground_truth”, “rephrase_prompt”, “loc”, “loc_ans”",
    _fits,
    _read,
)
