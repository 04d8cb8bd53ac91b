"""Bi-ZsRE, MzsRE and Atlas's own benchmark: records with one entry for each language.

``{"en": {"subject", "src", "rephrase", "alt", "loc", "loc_ans", …}, "zh": {…}}``: the
same fact in each, questions ready to be asked.

- Bi-ZsRE (Wang et al., 2023, https://arxiv.org/abs/2309.08952): 1,037 English facts and
  their Chinese translations in one file, ``bizsre_test.json``. English locality
  questions begin with ``nq question: `` and stay so: the released evaluation asks them
  as they are.
- MzsRE (Wang et al., 2024, https://arxiv.org/abs/2312.13040): 743 of these facts in
  twelve languages, a file for each pair, ``mzsre_test_duplicate_encz.json`` and so on;
  its ``cz`` is Czech (cs), its ``du`` Dutch (nl).
- Atlas: the same form with old answers, written by ``python -m xkde atlas cases
  --json``. ``xkde.data.atlas.benchmark`` makes the same cases without a file.
- Our own questions, in ``assets/questions``, no subject of which is in Atlas or in the
  training sources of docs/training.md. ``own-words``: 60 edits, ten in each of six
  languages, stated as a benchmark words them; generality asks in a person's own words
  (contractions, no question mark, other names). ``invented-names``: 40 edits about
  subjects and answers that nobody has, asked in nine languages in Latin script; the
  right answer is a copy.

``bmike53`` reads records of this form as well.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeGuard

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
from xkde.errors import InputError
from xkde.languages import language
from xkde.paths import ASSETS
from xkde.text import Json
from xkde.types import Case, Edit, Probe, ProbeItem

Side = Json  # a record's entry for one language


def is_parallel(value: object) -> TypeGuard[dict[str, Side]]:
    """Tell whether a record has one entry for each language."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(side, dict) for side in value.values())
        and any("src" in side or "alt" in side for side in value.values())
    )


def has_field(value: dict[str, Side], name: str) -> bool:
    """Tell whether any language of a parallel record has a field."""
    return any(name in side for side in value.values())


def parallel_case(row: BenchmarkRow, case_id: str) -> tuple[Case | None, list[Skipped]]:
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


def read_bizsre(files: Sequence[BenchmarkFile], name: str = "bizsre") -> Parsed:
    """Return the cases, one for each row of each file; ids begin with ``name``."""
    cases: list[Case] = []
    skipped: list[Skipped] = []
    for file in files:
        within = f"{name}/" if len(files) == 1 else f"{name}/{file.stem}/"
        for row in file.rows:
            case, without = parallel_case(row, f"{within}{row.source.row}")
            cases += [case] if case else []
            skipped += without
    return cases, skipped


def read_mzsre(files: Sequence[BenchmarkFile]) -> Parsed:
    """Return one case for each fact, with the languages of all files.

    Rows with the same subject and question in a common language are the same fact.
    """
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
                case_id = f"mzsre/{facts}"
            used.add(case_id)
            known |= {side: case_id for side in sides if side not in known}
            cases.append(replace(case, id=case_id))
    return merged(cases), skipped


def _without_english(file: BenchmarkFile) -> bool:
    """Order files: English pairs first, since the others are joined to them."""
    return not file.rows or "en" not in file.rows[0].value


def _fits_bizsre(value: object) -> TypeGuard[dict[str, Side]]:
    return is_parallel(value) and not has_field(value, "port")


BIZSRE = BenchmarkFormat(
    title="Bi-ZsRE",
    needs="“en” and “zh”, each with “src”, “alt”, “rephrase”, “loc”, “loc_ans”",
    fits=_fits_bizsre,
    read=read_bizsre,
)
MZSRE = BenchmarkFormat(
    title="MzsRE",
    needs="two languages, each with “src”, “alt”, “rephrase”, “loc”, “loc_ans”",
    fits=_fits_bizsre,
    read=read_mzsre,
)
ATLAS = BenchmarkFormat(
    title="Atlas",
    needs="several languages, each with “src”, “alt”, “old”, “rephrase”, “loc”",
    fits=lambda value: _fits_bizsre(value) and has_field(value, "old"),
    read=lambda files: read_bizsre(files, "atlas"),
)


FOLDER = ASSETS / "questions"
SHIPPED = {
    "own-words": FOLDER / "own_words.json",
    "invented-names": FOLDER / "invented_names.json",
}
SHIPPED_NEEDS = "“en” and other languages, each with “subject”, “src”, “alt”"


def _read_own_words(files: Sequence[BenchmarkFile]) -> Parsed:
    cases, skipped = read_bizsre(files, "own-words")
    # Ten cases are asked about in English alone, which is no loss here.
    return cases, [entry for entry in skipped if not entry.reason.startswith("only ")]


def _read_invented_names(files: Sequence[BenchmarkFile]) -> Parsed:
    return read_bizsre(files, "invented-names")


SHIPPED_FORMATS = {
    "own-words": BenchmarkFormat(
        "Own words", SHIPPED_NEEDS, BIZSRE.fits, _read_own_words
    ),
    "invented-names": BenchmarkFormat(
        "Invented names", SHIPPED_NEEDS, BIZSRE.fits, _read_invented_names
    ),
}


BMIKE53_NAME = "bmike53"  # before the number in a case's id


def _fits_bmike53(value: object) -> bool:
    """Tell whether a record has the form of BMIKE-53."""
    return is_parallel(value) and has_field(value, "port")


def _read_bmike53(files: Sequence[BenchmarkFile]) -> Parsed:
    """Return one case for each fact of each data set, with the languages of all files.

    ``zsre_test_de`` and ``zsre_test_fr`` are one data set, ``zsre``.
    """
    cases: list[Case] = []
    skipped: list[Skipped] = []
    seen: set[tuple[str, str]] = set()
    for file in files:
        data_set = file.stem.split("_test")[0]
        for row in file.rows:
            sides = row.value.values()
            number = next((s["case_id"] for s in sides if "case_id" in s), None)
            key = f"row{row.source.row}" if number is None else str(number)
            if (file.name, key) in seen:
                skipped.append(Skipped(row.source, f"case_id {key} is there already"))
                continue
            seen.add((file.name, key))
            case, without = parallel_case(row, f"{BMIKE53_NAME}/{data_set}/{key}")
            cases += [case] if case else []
            skipped += without
    return merged(cases), skipped


BMIKE53 = BenchmarkFormat(
    "BMIKE-53",
    "“en” and another language, each with “case_id”, “src”, “alt”, “port”",
    _fits_bmike53,
    _read_bmike53,
)
