"""MLaKE (Wei et al., 2024): five languages, single-hop edits and multi-hop questions.

https://arxiv.org/abs/2404.04990

``single_hop/en_qa.json`` and ``multi_hop/new_en_qa.json``: the language is in the
file's name. Row i of every single-hop file is the same fact. A multi-hop row names its
edit by the English statement, whatever its own language; its questions become the
portability of that fact, the first in ``probes``, the rest in ``further``. There is
neither generality nor locality.
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
    put_items,
)
from xkde.errors import BenchmarkError
from xkde.types import Case, Edit, Probe, ProbeItem, Source

NAME = "mlake"  # before the number in a case's id

_LANGUAGE = re.compile(r"(?:^|_)(en|de|fr|ja|zh)_qa")


def _fits(value: object) -> bool:
    """Tell whether a record has the form of MLaKE, single or multi-hop."""
    return isinstance(value, dict) and {"question", "e_prompt", "e_answer"} <= set(
        value
    )


def _read(files: Sequence[BenchmarkFile]) -> Parsed:
    """Return one case for each fact that the single-hop files state."""
    ordered = sorted(files, key=lambda file: _language(file) != "en")
    single = {_language(f): f for f in ordered if not _is_multi_hop(f)}
    multi = [f for f in ordered if _is_multi_hop(f)]
    if not single:
        raise BenchmarkError(
            f"{files[0].name} holds MLaKE's multi-hop questions, which name edits of "
            "the single-hop files. Give the folder that holds both."
        )
    lengths = {file.name: len(file.rows) for file in single.values()}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f"{name} has {n} rows" for name, n in lengths.items())
        raise BenchmarkError(
            f"MLaKE's single-hop files are aligned by row, but {sizes}. Give files of "
            "one version."
        )
    hops, skipped = _hops(multi, single.get("en"))
    cases: list[Case] = []
    for index in range(next(iter(lengths.values()))):
        rows = {code: file.rows[index] for code, file in single.items()}
        case, without = _case(index + 1, rows, hops.get(index, {}))
        cases += [case] if case else []
        skipped += without
    return cases, skipped


def _hops(
    files: Sequence[BenchmarkFile], english: BenchmarkFile | None
) -> tuple[dict[int, dict[str, list[BenchmarkRow]]], list[Skipped]]:
    """Return multi-hop rows by the index of the fact that they follow from."""
    number: dict[str, int] = {}
    for index, row in enumerate(english.rows if english else ()):
        number.setdefault(str(row.value["e_prompt"]), index)
    found: dict[int, dict[str, list[BenchmarkRow]]] = {}
    skipped: list[Skipped] = []
    for file in files:
        for row in file.rows:
            fact = number.get(str(row.value["e_prompt"]))
            if fact is None:
                reason = "its “e_prompt” is in no English single-hop row"
                skipped.append(Skipped(row.source, reason))
            else:
                found.setdefault(fact, {}).setdefault(_language(file), []).append(row)
    return found, skipped


def _is_multi_hop(file: BenchmarkFile) -> bool:
    return bool(file.rows) and "o_answer" not in file.rows[0].value


def _language(file: BenchmarkFile) -> str:
    match = _LANGUAGE.search(file.stem)
    if match is None:
        raise BenchmarkError(
            f"{file.name}: MLaKE's language is in its file's name. Name the file as "
            "the original is, en_qa.json or new_en_qa.json (en, de, fr, ja, zh)."
        )
    return match[1]


def _case(
    number: int, rows: dict[str, BenchmarkRow], hops: dict[str, list[BenchmarkRow]]
) -> tuple[Case | None, list[Skipped]]:
    skipped: list[Skipped] = []
    edits: dict[str, Edit] = {}
    probes: dict[Probe, dict[str, ProbeItem]] = {}
    further: dict[Probe, dict[str, tuple[ProbeItem, ...]]] = {}
    sources: list[Source] = []
    for code, row in rows.items():
        asked = _item(row)
        if asked is None:
            reason = f"{code}: “question” or “e_answer” is missing"
            skipped.append(Skipped(row.source, reason))
            continue
        old = (answers(row.value.get("o_answer")) or ("",))[0]
        edits[code] = Edit(asked.question, asked.answer, code, "", old, asked.aliases)
        put_items(probes, further, "reliability", code, [asked])
        sources.append(row.source)
    for code, several in hops.items():
        items = {row.source: _item(row) for row in several}
        whole = {source: one for source, one in items.items() if one is not None}
        skipped += [
            Skipped(source, f"{code}: “question” or “e_answer” is missing")
            for source in items
            if source not in whole
        ]
        put_items(probes, further, "portability", code, list(whole.values()))
        sources += whole
    if not edits:
        return None, skipped
    case_id = f"{NAME}/{number}"
    return (
        Case(case_id, case_id, "", edits, probes, further, tuple(sources)),
        skipped,
    )


def _item(row: BenchmarkRow) -> ProbeItem | None:
    value = row.value
    return item(value["question"], value["e_answer"], value.get("e_answer_aliases"))


FORMAT = BenchmarkFormat(
    "MLaKE", "“question”, “e_prompt”, “e_answer”, “e_answer_aliases”", _fits, _read
)
