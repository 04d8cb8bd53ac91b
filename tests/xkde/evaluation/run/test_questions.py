"""Benchmarks by name or path, directions by code, and the questions they make."""

from collections import Counter
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers import benchmark_samples as samples
from tests.helpers.result_samples import SETTINGS
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation.run.questions import (
    CASES_A_PART,
    Question,
    choose,
    chunks,
    parse_directions,
    parse_probes,
    prompt_of,
    questions,
)
from xkde.types import Case, Edit, ProbeItem

CASE = Case(
    "c/1",
    "narnia",
    "capital",
    {
        "en": Edit("Capital of Narnia?", "Osaka", "en", "Narnia"),
        "cs": Edit("Hlavní město Narnie?", "Ósaka", "cs", "Narnie"),
    },
    {
        "reliability": {
            "en": ProbeItem("Capital of Narnia?", "Osaka"),
            "cs": ProbeItem("Hlavní město Narnie?", "Ósaka"),
        },
        "portability": {"cs": ProbeItem("Který ostrov?", "Honšú")},
    },
    {"portability": {"cs": (ProbeItem("Která země?", "Japonsko", "country"),)}},
)
ENGLISH_ONLY = Case("c/2", "x", "", {"en": CASE.edits["en"]}, {})


def test_questions_in_their_order() -> None:
    found = questions([CASE, ENGLISH_ONLY], [("en", "cs"), ("cs", "en")])
    assert [q.key("generated") for q in found] == [
        ("c/1", "reliability", 0, "en", "cs", "generated"),
        ("c/1", "portability", 0, "en", "cs", "generated"),
        ("c/1", "portability", 1, "en", "cs", "generated"),
        ("c/1", "reliability", 0, "cs", "en", "generated"),
    ]
    assert questions([ENGLISH_ONLY], [("cs", "en")]) == []


def test_cases_are_dealt_evenly_among_the_languages() -> None:
    item = ProbeItem("Capital?", "Osaka")
    codes = ("en", "cs", "de", "es", "fr", "nl")
    case = Case("c", "x", "", {"en": CASE.edits["en"]}, {
        "reliability": dict.fromkeys(codes, item)
    })  # fmt: skip
    cases = [replace(case, id=f"c/{n}") for n in range(6)]
    directions = [("en", code) for code in codes]
    told = [(q.case.id, q.target) for q in questions(cases, directions, 2)]
    assert len(told) == len(set(told)) == 12
    assert Counter(code for _, code in told) == dict.fromkeys(codes, 2)
    assert Counter(name for name, _ in told) == {case.id: 2 for case in cases}
    everything = questions(cases, directions)
    assert len(everything) == 36
    assert questions(cases, directions, 6) == everything


def test_names_of_the_gold() -> None:
    first, hop, further, _ = questions([CASE], [("en", "cs"), ("cs", "en")])
    assert first.names == {"cs": "Ósaka", "en": "Osaka"}
    assert hop.names == {"cs": "Honšú"}
    assert further.names == {"cs": "Japonsko"}


def test_prompts_name_the_language() -> None:
    question: Question = questions([CASE], [("en", "cs")])[0]
    told = prompt_of(question, SETTINGS)
    assert "respond to the subsequent query in Czech.\n\n" in told
    assert "[Updated Information]:\nCapital of Narnia? Osaka\n\n" in told
    assert told.endswith("[Query]:\nHlavní město Narnie?")
    released = prompt_of(question, replace(SETTINGS, parity=True))
    assert released == told.replace("Czech", "Chinese")
    assert prompt_of(question, replace(SETTINGS, editor="none")) == (
        "Hlavní město Narnie?"
    )


def test_parts_of_a_run() -> None:
    cases = [replace(CASE, id=str(number)) for number in range(5)]
    asked = questions(cases, [("en", "cs"), ("cs", "en"), ("cs", "cs")])
    assert [len(part) for part in chunks(asked, "x-kde", 7)] == [7] * 5
    assert [one for part in chunks(asked, "ike", 7) for one in part] == asked
    # An editor of weights makes each edit once: what is about it stays together.
    parts = list(chunks(asked, "rome", 7))
    assert sorted(map(repr, asked)) == sorted(repr(q) for part in parts for q in part)
    edits = [(q.case.id, q.source) for part in parts for q in part]
    assert len(dict.fromkeys(edits)) == 10
    changes = sum(a != b for a, b in zip(edits, edits[1:], strict=False))
    assert changes == 9
    of_part = [{(q.case.id, q.source) for q in part} for part in parts]
    assert [len(part) for part in of_part] == [CASES_A_PART, CASES_A_PART, 2]


def test_atlas_needs_no_file() -> None:
    chosen = choose("atlas", "en-zh", limit=5)
    again = choose("atlas", "en-zh,zh-all", limit=5)
    assert (chosen.benchmark, len(chosen.cases)) == ("atlas", 5)
    assert chosen.cases == again.cases
    assert chosen.sha256 == again.sha256
    assert len(again.directions) == 13
    assert choose("atlas", "en-zh", seed=8).sha256 != chosen.sha256
    assert any(case.defects for case in choose("atlas", "en-zh").cases)


def test_files_of_others(tmp_path: Path) -> None:
    file = samples.write(tmp_path / "bizsre_test.json", samples.bizsre())
    chosen = choose(file, "en-zh")
    assert (chosen.benchmark, len(chosen.cases)) == ("bizsre", 2)
    assert choose(str(file), "zh-en", limit=1).cases == chosen.cases[:1]
    with pytest.raises(BenchmarkError, match=r"no German \(de\); it has en, zh"):
        choose(file, "en-de")
    with pytest.raises(BenchmarkError, match="nowhere"):
        choose(tmp_path / "nowhere.json", "en-zh")
    other = samples.write(tmp_path / "other.json", [{"a": 1}])
    with pytest.raises(BenchmarkError, match="no benchmark that X-KDE reads"):
        choose(other, "en-zh")
    with pytest.raises(BenchmarkError, match="Use one of"):
        choose(file, "en-zh", name="glue")


def test_what_a_record_lacks_is_told(tmp_path: Path) -> None:
    records = deepcopy(samples.bizsre())
    del records[1]["zh"]["alt"]
    chosen = choose(samples.write(tmp_path / "bizsre_test.json", records), "zh-en")
    assert len(chosen.cases) == 1
    (skipped,) = chosen.skipped
    assert (skipped.source.row, "zh" in skipped.reason) == (2, True)


def test_directions() -> None:
    languages = ("en", "cs", "zh")
    assert parse_directions("en-zh, zh→en,en-zh", languages) == (
        ("en", "zh"),
        ("zh", "en"),
    )
    assert parse_directions("en-all", languages) == (
        ("en", "en"), ("en", "cs"), ("en", "zh"),
    )  # fmt: skip
    assert len(parse_directions("all-all", languages)) == 9
    assert parse_directions("en-cz", languages) == (("en", "cs"),)  # MzsRE's code
    for wrong in ("en", "en-", "", "-zh"):
        with pytest.raises(InputError, match="is no direction"):
            parse_directions(wrong, languages)
    with pytest.raises(InputError, match="not a language"):
        parse_directions("en-xx", languages)


def test_probes() -> None:
    assert parse_probes("locality, reliability") == ("reliability", "locality")
    for wrong in ("", "palm,reliability"):
        with pytest.raises(InputError, match="is no probe"):
            parse_probes(wrong)
    found = questions([CASE], [("en", "cs")], 0, ("reliability",))
    assert [question.probe for question in found] == ["reliability"]
