"""Questions of a case, and the prompts that ask them.

python -m pytest tests/test_rows.py
"""

from dataclasses import replace

from result_samples import SETTINGS

from xkde.evaluation.rows import Question, prompt_of, questions
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
