"""Subjects and questions of test files, and whether a text has one of them.

A text is held out if it is one of the questions, or if it names one of the subjects:
of three letters or more as whole words, in a script without spaces between words
(Chinese, Japanese, Thai) of two letters or more anywhere. Everything is compared after
``xkde.text.normalise``. One look costs a dictionary lookup for each word of the text,
so that a hundred thousand texts take seconds.

Every string of a test file counts that lies under one of the field names below, also
those of records that no evaluation can use. Knows no training data.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from xkde.data.benchmarks.records import BenchmarkFileInfo, read_files
from xkde.errors import DataError
from xkde.text import normalise

SUBJECT_FIELDS = frozenset(("subject", "english_subject", "concept"))
QUESTION_FIELDS = frozenset(
    """src rephrase prompt rephrase_prompt english_prompt english_rephrase_prompt loc
    port question questions e_prompt o_prompt text paraphrased_question query
    locality_question question_2hop question_3hop question_4hop question_5hop
    question_6hop""".split()
) | {"New Question"}
# Natural Questions' mark before the locality questions of ZsRE's family
PREFIX = "nq question "
SHORTEST_SPACED, SHORTEST_UNSPACED = 3, 2

# Thai, Lao, Burmese, Khmer; kana, bopomofo, Chinese characters with their extensions
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u312f"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
_HAS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_RUNS = re.compile(f"[{_UNSPACED}]+|[^\\s{_UNSPACED}]+")


@dataclass(frozen=True)
class Hit:
    """Why a text is held out: the question or the subject that it has."""

    kind: str  # "question" or "subject"
    text: str  # normalised


@dataclass(frozen=True)
class HeldOut:
    """What may not be trained on; make one with ``held_out`` or ``read_held_out``."""

    questions: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()  # words apart, or letters of unspaced scripts
    # first word -> how many words the subjects that begin with it have
    spaced: dict[str, tuple[int, ...]] = field(default_factory=dict)
    # first two letters -> how many letters the subjects that begin with them have
    unspaced: dict[str, tuple[int, ...]] = field(default_factory=dict)
    files: tuple[BenchmarkFileInfo, ...] = ()

    def hit(self, text: str) -> Hit | None:
        """Return what a text has that is held out, or None."""
        plain = normalise(text)
        if plain in self.questions:
            return Hit("question", plain)
        return self._subject(plain)

    def hit_line(self, line: str) -> Hit | None:
        """Return the same of a question that its answer follows on the same line."""
        words = normalise(line).split()
        beginning = ""
        for word in words:
            beginning = f"{beginning} {word}" if beginning else word
            if beginning in self.questions:
                return Hit("question", beginning)
        return self._subject(" ".join(words))

    def _subject(self, plain: str) -> Hit | None:
        words = _RUNS.findall(plain)
        for start, word in enumerate(words):
            for length in self.spaced.get(word, ()):
                name = " ".join(words[start : start + length])
                if name in self.names:
                    return Hit("subject", name)
        if self.unspaced and _HAS_UNSPACED.search(plain):
            joined = plain.replace(" ", "")
            for start in range(len(joined) - 1):
                for length in self.unspaced.get(joined[start : start + 2], ()):
                    name = joined[start : start + length]
                    if name in self.names:
                        return Hit("subject", name)
        return None


def held_out(
    subjects: Iterable[str],
    questions: Iterable[str],
    files: Sequence[BenchmarkFileInfo] = (),
) -> HeldOut:
    """Return what holds out the given subjects and questions, in any language."""
    names: set[str] = set()
    spaced: dict[str, set[int]] = {}
    unspaced: dict[str, set[int]] = {}
    for subject in {normalise(subject) for subject in subjects}:
        if _HAS_UNSPACED.search(subject):
            name = subject.replace(" ", "")
            if len(name) >= SHORTEST_UNSPACED:
                names.add(name)
                unspaced.setdefault(name[:2], set()).add(len(name))
        elif len(subject) >= SHORTEST_SPACED:
            words = subject.split()
            names.add(subject)
            spaced.setdefault(words[0], set()).add(len(words))
    asked = {normalise(question) for question in questions}
    asked |= {question.removeprefix(PREFIX) for question in asked}
    return HeldOut(
        frozenset(asked - {""}),
        frozenset(names),
        {word: tuple(sorted(lengths)) for word, lengths in spaced.items()},
        {first: tuple(sorted(lengths)) for first, lengths in unspaced.items()},
        tuple(files),
    )


def read_held_out(paths: Sequence[Path]) -> HeldOut:
    """Read test files or folders of them, in any benchmark's form.

    Raises DataError for a path that cannot be read or holds nothing to hold out:
    a check against nothing would prove nothing.
    """
    subjects: set[str] = set()
    questions: set[str] = set()
    infos: list[BenchmarkFileInfo] = []
    for path in paths:
        before = len(subjects) + len(questions)
        files, _ = read_files(path)
        for file in files:
            infos.append(BenchmarkFileInfo(file.name, file.sha256, len(file.rows)))
            for row in file.rows:
                for name, text in _strings(row.value):
                    if name in SUBJECT_FIELDS:
                        subjects.add(text)
                    elif name in QUESTION_FIELDS:
                        questions.add(text)
        if len(subjects) + len(questions) == before:
            raise DataError(
                f"{path} holds no subject and no question under the names that test "
                "files use. Give a benchmark's original files."
            )
    return held_out(subjects, questions, infos)


def _strings(value: object, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every string of a record with the field that it lies under."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _strings(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, name)
    elif isinstance(value, str):
        yield name, value


def digest(held: HeldOut) -> str:
    """Return one digest of all files that were read for it."""
    lines = "".join(f"{file.sha256}  {file.name}\n" for file in held.files)
    return hashlib.sha256(lines.encode()).hexdigest()
