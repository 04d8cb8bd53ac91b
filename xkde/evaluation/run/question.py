"""One question of a case, and which of them make up a part of a run.

Knows which editors leave a model alone, so that cases can be batched; asks nothing.

Run its tests: ``python -m pytest tests/xkde/evaluation/run/test_question.py``
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xkde.data.benchmarks import items_of
from xkde.editors.registry import entry_of
from xkde.evaluation.results.store import Key, RunSettings
from xkde.languages import language, parity_name
from xkde.prompts import edit_prompt
from xkde.types import PROBES, Case, Probe, ProbeItem

X_KDE, NOTHING = IN_PROMPT = ("x-kde", "none")  # any engine can be asked so
CASES_A_PART = 4  # of an editor that is applied case by case

Direction = tuple[str, str]  # language of the edit, of the question
Asked = tuple[str, str]  # a prompt and the gold answer


@dataclass(frozen=True)
class Question:
    """One question of a case, about an edit in one language, asked in another."""

    case: Case
    probe: Probe
    number: int
    source: str
    target: str
    item: ProbeItem

    def key(self, protocol: str) -> Key:
        """Return what tells its row apart, as ``results.KEY`` does."""
        own = (self.case.id, self.probe, self.number)
        return (*own, self.source, self.target, protocol)

    @property
    def plain(self) -> Asked:
        """The question without its edit, and its gold answer."""
        return self.item.question, self.item.answer

    @property
    def names(self) -> dict[str, str]:
        """What the gold is called in both languages, as far as the case says."""
        names = {self.target: self.item.answer}
        if self.number == 0 and self.source in self.case.probes[self.probe]:
            names[self.source] = self.case.probes[self.probe][self.source].answer
        return names


def questions(
    cases: Sequence[Case], directions: Sequence[Direction], languages_per_case: int = 0
) -> list[Question]:
    """Return all questions of the cases that are in both languages of a direction.

    With ``languages_per_case`` each case is asked in so many of the languages only,
    dealt evenly: the next case is asked in the next ones.
    """
    targets: dict[str, list[str]] = {}
    for source, target in directions:
        targets.setdefault(source, []).append(target)
    return [
        Question(case, probe, number, source, target, item)
        for source, target in directions
        for place, case in enumerate(cases)
        if source in case.edits
        and is_dealt(place, target, targets[source], languages_per_case)
        for probe in PROBES
        for number, item in enumerate(items_of(case, probe, target))
    ]


def is_dealt(place: int, target: str, targets: Sequence[str], each: int) -> bool:
    """Tell whether the case at a place is asked in a language; ``each`` 0: in all."""
    first = place * each % len(targets)
    return not each or (targets.index(target) - first) % len(targets) < each


def prompt_of(question: Question, settings: RunSettings) -> str:
    """Return the user turn that asks a question, with its edit if there is one."""
    if settings.editor == NOTHING:
        return question.item.question
    name = language(question.target).name
    if settings.parity:
        name = parity_name(question.target)
    edit = question.case.edits[question.source]
    return edit_prompt([edit], question.item.question, name)


def is_in_prompt(editor: str) -> bool:
    """Tell whether an editor leaves the model alone, so that cases can be batched."""
    return editor in IN_PROMPT or entry_of(editor).kind == "prompt"


def chunks(
    asked: Sequence[Question], editor: str, size: int
) -> Iterator[list[Question]]:
    """Yield the questions in parts of a run; what is about one edit stays together.

    ``size`` counts questions where cases are batched; else a part is a few edits.
    """
    if is_in_prompt(editor):
        for first in range(0, len(asked), size):
            yield list(asked[first : first + size])
        return
    edits: dict[tuple[str, str], list[Question]] = {}
    for question in asked:
        edits.setdefault(edit_of(question), []).append(question)
    groups = list(edits.values())
    for first in range(0, len(groups), CASES_A_PART):
        yield [one for group in groups[first : first + CASES_A_PART] for one in group]


def edit_of(question: Question) -> tuple[str, str]:
    """Return which edit a question is about."""
    return question.case.id, question.source


def is_compared(question: Question, settings: RunSettings) -> bool:
    """Tell whether a question is asked of the same model without its edit, too."""
    return question.probe == "locality" and settings.editor != NOTHING
