"""Questions of a case, and the prompts that ask them.

python -m pytest tests/xkde/evaluation/run/test_question.py
"""

from collections import Counter
from dataclasses import replace

from tests.helpers.result_samples import SETTINGS
from xkde.evaluation.run.question import (
    CASES_A_PART,
    Question,
    chunks,
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
