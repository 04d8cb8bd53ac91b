"""What is wrong with benchmark records: tagged, never dropped, left out where asked.

A defect belongs to one probe of a case in one language. ``clean`` leaves out what
spoils a score; the rest (a subject that is not in its question matters to ROME, not to
a prompt) stays and is counted. Knows no file format.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache

from xkde.data.atlas.mentions import names_entity
from xkde.data.benchmarks.records import items_of
from xkde.text import fits_script, letter_script, normalise, scripts_of, year_of
from xkde.types import PROBES, Case, Defect, Edit, Probe, ProbeItem

DEFECTS: dict[str, str] = {
    "answer_in_question": "the question itself holds the answer",
    "new_answer_in_question": "the two-hop question holds the edit's new answer",
    "hop_answer_is_new_answer": "the two-hop answer is the edit's new answer",
    "answer_as_in_english": "the answer is written as in English",
    "rephrase_is_question": "the rephrased question is the question again",
    "subject_not_in_question": "the edit's question does not hold its subject's name",
    "duplicate_subject": "an earlier case edits the same subject",
    "wrong_script": "the question has no letter of its language's script",
    "year_form": "the answer is a year that has two written forms",
    "nq_prefix": "the question begins with “nq question: ”",
}

# Defects that give or deny a point whatever the editor does. ``answer_as_in_english``
# is judged for the direction that is asked: see ``is_clean``.
_SPOILING = {
    "answer_in_question",
    "new_answer_in_question",
    "hop_answer_is_new_answer",
    "rephrase_is_question",
}
_COPIED: tuple[Probe, ...] = ("reliability", "generality")
_TWO_FORMS = ("zh", "ja", "ko")  # 2006 and 2006年 are both written
NQ_PREFIX = "nq question: "
# A question about the subject by another name; its answer is the new one by intention.
_ALIASING = "Subject_Aliasing"

_plain = lru_cache(maxsize=4096)(normalise)


def tagged(cases: Iterable[Case]) -> list[Case]:
    """Return the cases with all their defects."""
    seen: set[str] = set()
    found: list[Case] = []
    for case in cases:
        defects = [
            Defect(kind, probe, code)
            for code in case.edits
            for probe in PROBES
            for kind in _of_probe(case, probe, code)
        ]
        subject = _plain(next(iter(case.edits.values())).subject)
        if subject in seen:
            defects += [
                Defect("duplicate_subject", "reliability", c) for c in case.edits
            ]
        seen |= {subject} - {""}
        found.append(replace(case, defects=tuple(defects)))
    return found


def _of_probe(case: Case, probe: Probe, code: str) -> list[str]:
    """Return the kinds of defects of one probe in one language, each once."""
    edit = case.edits[code]
    kinds = [
        kind
        for asked in items_of(case, probe, code)
        for kind, is_there in _of_item(asked, edit, probe, code).items()
        if is_there
    ]
    if code != "en" and _same_answer(case, probe, "en", code):
        kinds.append("answer_as_in_english")
    # A key is looked up by the subject's exact letters, so nothing is normalised here.
    if probe == "reliability" and edit.subject not in edit.question:
        kinds.append("subject_not_in_question")
    return list(dict.fromkeys(kinds))


def _of_item(asked: ProbeItem, edit: Edit, probe: Probe, code: str) -> dict[str, bool]:
    """Return which defects one question has."""
    question, answer = _plain(asked.question), _plain(asked.answer)
    new = _plain(edit.answer)
    hop = probe == "portability"
    two_forms = edit.language in _TWO_FORMS or not asked.answer.strip().isdigit()
    return {
        "answer_in_question": names_entity(question, answer),
        "new_answer_in_question": hop and names_entity(question, new),
        "hop_answer_is_new_answer": (
            hop and answer == new and asked.relation != _ALIASING
        ),
        "rephrase_is_question": (
            probe == "generality" and question == _plain(edit.question)
        ),
        "wrong_script": (
            fits_script(asked.question, code) is False
            and not any(letter_script(c) in scripts_of(code) for c in asked.question)
        ),
        "year_form": two_forms and year_of(asked.answer) is not None,
        "nq_prefix": probe == "locality" and asked.question.startswith(NQ_PREFIX),
    }


def _same_answer(case: Case, probe: Probe, one: str, other: str) -> bool:
    items = case.probes.get(probe, {})
    if one not in items or other not in items:
        return False
    return _plain(items[one].answer) == _plain(items[other].answer)


def is_clean(case: Case, probe: Probe, target: str, source: str = "en") -> bool:
    """Tell whether a probe in a language says something about an edit in ``source``.

    Where the gold is written as in the edit, copying is enough: not clean across
    languages, while within one language the gold is the edit's own answer anyway.
    """
    if not items_of(case, probe, target):
        return False
    if any(
        defect.kind in _SPOILING
        for defect in case.defects
        if (defect.probe, defect.language) == (probe, target)
    ):
        return False
    crosses = probe in _COPIED and source != target
    return not (crosses and _same_answer(case, "reliability", source, target))


def clean(
    cases: Sequence[Case], source: str = "en"
) -> dict[Probe, dict[str, tuple[Case, ...]]]:
    """Return the clean cases by probe and target language, for edits in ``source``."""
    languages = dict.fromkeys(code for case in cases for code in case.edits)
    edited = [case for case in cases if source in case.edits]
    return {
        probe: {
            code: tuple(case for case in edited if is_clean(case, probe, code, source))
            for code in languages
        }
        for probe in PROBES
    }
