"""MzsRE (Wang et al., 2024): 743 facts of Bi-ZsRE in twelve languages, a file a pair.

``mzsre_test_duplicate_encz.json`` and so on; its ``cz`` is Czech (cs), its ``du`` Dutch
(nl). Files of several pairs become one case for each fact: rows with the same subject
and question in a common language are the same fact.
"""

from collections.abc import Sequence
from dataclasses import replace

from xkde.data.benchmarks.bizsre import fits
from xkde.data.benchmarks.parallel import parallel_case
from xkde.data.benchmarks.records import RowFile, Skipped, merged
from xkde.types import Case

__all__ = ["NAME", "NEEDS", "TITLE", "fits", "read"]

NAME = "mzsre"
TITLE = "MzsRE"
NEEDS = "two languages, each with “src”, “alt”, “rephrase”, “loc”, “loc_ans”"


def read(files: Sequence[RowFile]) -> tuple[list[Case], list[Skipped]]:
    """Return one case for each fact, with the languages of all files."""
    known: dict[tuple[str, str, str], str] = {}
    cases: list[Case] = []
    skipped: list[Skipped] = []
    facts = 0
    for file in sorted(files, key=_without_english):
        used: set[str] = set()  # two rows of one file are two facts
        for row in file.rows:
            case, without = parallel_case(row, "")
            skipped += without
            if case is None:
                continue
            sides = [(c, e.subject, e.question) for c, e in case.edits.items()]
            ids = [known[side] for side in sides if side in known]
            case_id = next((one for one in ids if one not in used), "")
            if not case_id:
                facts += 1
                case_id = f"{NAME}/{facts}"
            used.add(case_id)
            known |= {side: case_id for side in sides if side not in known}
            cases.append(replace(case, id=case_id))
    return merged(cases), skipped


def _without_english(file: RowFile) -> bool:
    """Order files: English pairs first, as what the others are joined to."""
    return not file.rows or "en" not in file.rows[0].value
