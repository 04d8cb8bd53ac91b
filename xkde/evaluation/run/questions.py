"""What to ask: a benchmark's cases, the directions, and the questions they make.

Atlas and the shipped questions need no file; every other benchmark is read from its
own. A question is one probe of a case, about an edit in one language, asked in another.
Calls no model.

Try it: ``python -c "from xkde.evaluation.run.questions import choose;
print(choose('atlas', 'en-zh,zh-en', limit=3).directions)"``
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xkde.data.atlas.benchmark import as_record, atlas_cases
from xkde.data.atlas.own_words import in_own_words
from xkde.data.atlas.world import atlas
from xkde.data.benchmarks import Benchmark, for_direction, items_of, read_benchmark
from xkde.data.benchmarks.defects import tagged
from xkde.data.benchmarks.reading import check_format
from xkde.data.benchmarks.records import Skipped
from xkde.data.benchmarks.zsre import SHIPPED
from xkde.editors.registry import entry_of
from xkde.errors import BenchmarkError, InputError
from xkde.evaluation.results.store import Key, RunSettings
from xkde.languages import language, parity_name
from xkde.prompts import edit_prompt
from xkde.types import PROBES, AskedPrompt, Case, Edit, Probe, ProbeItem

ATLAS, ATLAS_OWN_WORDS = "atlas", "atlas-own-words"
ALL = "all"
Direction = tuple[str, str]  # language of the edit, of the question


@dataclass(frozen=True)
class ChosenCases:
    """Cases with where they are from; every one is in some direction."""

    benchmark: str
    sha256: str
    cases: tuple[Case, ...]
    directions: tuple[Direction, ...]
    skipped: tuple[Skipped, ...] = ()  # records, or parts of one, that are in no case


def choose(
    benchmark: Path | str,
    directions: str,
    *,
    name: str | None = None,
    left_out: int = 0,
    limit: int = 0,
    seed: int = 7,
) -> ChosenCases:
    """Return the first ``limit`` cases (0: all) of a name, a file or a folder.

    The very first ``left_out`` cases are not taken. ``seed`` draws Atlas's cases.
    Raises BenchmarkError for whatever cannot be read or lacks a language, InputError
    for directions that are none.
    """
    check_format(name)
    if str(benchmark) in (ATLAS, ATLAS_OWN_WORDS):
        read, digest = _atlas(str(benchmark), seed)
    else:
        shipped = SHIPPED.get(str(benchmark))
        known = str(benchmark) if shipped else name
        read = read_benchmark(known, shipped or benchmark)
        digest = read.sha256
    wanted = parse_directions(directions, read.languages)
    # A direction without cases is refused in words.
    ids = {case.id for a, b in wanted for case in _of_direction(read, a, b)}
    cases = tuple(case for case in read.cases if case.id in ids)
    cases = cases[left_out:][: limit or None]
    return ChosenCases(read.name, digest, cases, wanted, read.skipped)


def _atlas(benchmark: str, seed: int) -> tuple[Benchmark, str]:
    world = atlas()
    cases = atlas_cases(world, "test", seed=seed)
    if benchmark == ATLAS_OWN_WORDS:
        cases = in_own_words(world, cases)
    text = json.dumps([as_record(case) for case in cases], ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    languages = tuple(cases[0].edits)
    return Benchmark(benchmark, tuple(tagged(cases)), languages, ()), digest


def _of_direction(benchmark: Benchmark, source: str, target: str) -> list[Case]:
    if benchmark.files:
        return for_direction(benchmark, source, target)
    return list(benchmark.cases)


def parse_directions(text: str, languages: tuple[str, ...]) -> tuple[Direction, ...]:
    """Return the directions that a text names: "en-zh,zh-en", "en-all"."""
    found: list[Direction] = []
    for word in text.replace("→", "-").split(","):
        source, _, target = word.strip().partition("-")
        if not source or not target:
            raise InputError(
                f"“{word.strip()}” is no direction. Write the edit's language and the "
                "query's, such as en-zh, and several with commas."
            )
        sides = [
            languages if side == ALL else (language(side).code,)
            for side in (source, target)
        ]
        for code in (*sides[0], *sides[1]):
            if code not in languages:
                raise BenchmarkError(
                    f"The benchmark has no {language(code).name} ({code}); it has "
                    f"{', '.join(languages)}. Choose one of these."
                )
        found += [(a, b) for a in sides[0] for b in sides[1]]
    return tuple(dict.fromkeys(found))


def parse_probes(text: str) -> tuple[Probe, ...]:
    """Return the probes that a text names with commas, in their usual order."""
    wanted = [word.strip() for word in text.split(",") if word.strip()]
    unknown = [word for word in wanted if word not in PROBES]
    if unknown or not wanted:
        raise InputError(
            f"“{', '.join(unknown)}” is no probe. --probes takes {', '.join(PROBES)}, "
            "or several of these with commas."
        )
    return tuple(probe for probe in PROBES if probe in wanted)


X_KDE, NOTHING = IN_PROMPT = ("x-kde", "none")  # any engine can be asked so
CASES_A_PART = 4  # of an editor that is applied case by case


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
    def plain(self) -> AskedPrompt:
        """The question without its edit, and its gold answer."""
        return AskedPrompt(self.item.question, self.item.answer, self.target)

    @property
    def names(self) -> dict[str, str]:
        """What the gold is called in both languages, as far as the case says."""
        names = {self.target: self.item.answer}
        if self.number == 0 and self.source in self.case.probes[self.probe]:
            names[self.source] = self.case.probes[self.probe][self.source].answer
        return names


def questions(
    cases: Sequence[Case],
    directions: Sequence[Direction],
    languages_per_case: int = 0,
    probes: Sequence[Probe] = PROBES,
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
        and is_asked_in(place, target, targets[source], languages_per_case)
        for probe in probes
        for number, item in enumerate(items_of(case, probe, target))
    ]


def is_asked_in(place: int, target: str, targets: Sequence[str], each: int) -> bool:
    """Tell whether the case at a place is asked in a language; ``each`` 0: in all."""
    first = place * each % len(targets)
    return not each or (targets.index(target) - first) % len(targets) < each


def prompt_of(
    question: Question, settings: RunSettings, stated: Sequence[Edit] | None = None
) -> str:
    """Return the user turn that asks a question, with its edit if there is one.

    ``stated`` are the edits that a memory states instead.
    """
    if settings.editor == NOTHING:
        return question.item.question
    name = language(question.target).name
    if settings.parity:
        name = parity_name(question.target)
    edits = [question.case.edits[question.source]] if stated is None else stated
    return edit_prompt(edits, question.item.question, name)


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
