"""Readers of the public sources: files of others become facts, hops and neighbours.

    material = read_sources({"zsre": Path("zsre_train")})

=============  ==================================================================
zsre           parallel ZsRE, ``zsre_mend_train_en_10000.txt`` and so on: a line
               is ``question<TAB>answer``, line i is the same fact in every file
knowedit       KnowEdit's training sets (recent facts, counterfacts, WikiBio)
halluedit      HalluEditBench's tables: paraphrases, 2 to 6 hops, neighbours
mquake         MQuAKE: one to four edits and a question over all of them
rippleedits    RippleEdits: aliases, compositions, neighbours of an edit
generated      rows that ``python -m xkde data generate`` has made
conversations  conversations, in the form of ``YukinoKaren/X_KDE_train_data``
=============  ==================================================================

A record that cannot be used is counted with its reason, never an error: files of this
size always hold some. Only a folder without any file of a source's form is refused, and
one of parallel files with two of a language: their lines would be of other facts.
"""

import csv
import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xkde.data.benchmarks.records import answers as forms
from xkde.data.instructions.records import (
    Fact,
    GivenConversation,
    Hop,
    Material,
    Neighbour,
    Paraphrase,
    Rejected,
    SourceFile,
    read_instruction,
)
from xkde.errors import DataError, InputError
from xkde.languages import language
from xkde.text import parse_json
from xkde.types import Edit

FEWEST_LANGUAGES = 8  # of a parallel fact, English among them
MOST_HOPS = 6
REPLACEMENT = "\ufffd"  # what stands for bytes that are no UTF-8
_CODE = re.compile(r"_([a-z]{2,3})_\d+$")


@dataclass
class _Reading:
    """What one source gives while it is read."""

    source: str
    files: list[SourceFile] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    paraphrases: list[Paraphrase] = field(default_factory=list)
    hops: list[Hop] = field(default_factory=list)
    neighbours: list[Neighbour] = field(default_factory=list)
    conversations: list[GivenConversation] = field(default_factory=list)

    def reject(self, file: str, line: int, reason: str) -> None:
        self.rejected.append(Rejected(self.source, file, line, reason))

    def material(self) -> Material:
        return Material(
            tuple(self.facts),
            tuple(self.paraphrases),
            tuple(self.hops),
            tuple(self.neighbours),
            tuple(self.conversations),
            tuple(self.rejected),
            tuple(self.files),
        )


def read_sources(places: Mapping[str, Path]) -> Material:
    """Read every named source; ``atlas`` is no file and is not among them.

    Raises InputError for a name that is none, DataError for a folder without files.
    """
    material = Material()
    for name, path in places.items():
        if name not in READERS:
            raise InputError(
                f"“{name}” is no source. Use {', '.join(READERS)}, each with its file "
                "or folder (zsre=FOLDER), or atlas."
            )
        reading = _Reading(name)
        ending, read = READERS[name]
        files = _files(path, ending)
        if not files:
            raise DataError(
                f"{path} holds no file of {name}: none ends in {' or '.join(ending)}. "
                "Give the folder in which its original files lie."
            )
        read(reading, files)
        material += reading.material()
    return material


def _files(path: Path, endings: tuple[str, ...]) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(p for p in path.rglob("*") if p.is_file() and p.suffix in endings)


def _text(reading: _Reading, path: Path) -> str:
    """Return a file's text, its digest kept; bytes that are no UTF-8 are marked."""
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    reading.files.append(SourceFile(reading.source, path.name, digest, 0))
    return content.decode("utf-8-sig", errors="replace")


def _count(reading: _Reading, records: int) -> None:
    """Write down how many records the file read last has."""
    last = reading.files[-1]
    reading.files[-1] = SourceFile(last.source, last.name, last.sha256, records)


# Parallel ZsRE


def _read_zsre(reading: _Reading, files: list[Path]) -> None:
    columns: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for path in files:
        match = _CODE.search(path.stem)
        try:
            code = language(match[1]).code if match else ""
        except InputError:
            code = ""
        if not code:
            reading.reject(path.name, 0, "its name has no language that is known")
            continue
        if code in columns:
            raise DataError(
                f"{names[code]} and {path.name} are both in {language(code).name}. "
                "Give a folder with one file of each language, all of the same facts."
            )
        columns[code] = _text(reading, path).removesuffix("\n").split("\n")
        names[code] = path.name
        _count(reading, len(columns[code]))
    lengths = Counter(map(len, columns.values()))
    length = lengths.most_common(1)[0][0] if lengths else 0
    for code in [code for code in columns if len(columns[code]) != length]:
        reading.reject(names[code], 0, "its lines are not as many as in other files")
        del columns[code]
    for row in range(length):
        fact = _parallel_fact(reading, row, columns, names)
        if fact is not None:
            reading.facts.append(fact)


def _parallel_fact(
    reading: _Reading,
    row: int,
    columns: Mapping[str, list[str]],
    names: Mapping[str, str],
) -> Fact | None:
    questions: dict[str, str] = {}
    answers: dict[str, str] = {}
    for code, lines in columns.items():
        cells = [" ".join(cell.split()) for cell in lines[row].split("\t")]
        if len(cells) != 2 or not all(cells):
            reading.reject(names[code], row + 1, "not one question and one answer")
        elif REPLACEMENT in lines[row]:
            reading.reject(names[code], row + 1, "no UTF-8 text")
        else:
            questions[code], answers[code] = cells
    if "en" in questions and len(questions) >= FEWEST_LANGUAGES:
        return Fact(f"zsre:{row}", reading.source, questions, answers)
    first = next(iter(names.values()))
    reading.reject(first, row + 1, f"fewer than {FEWEST_LANGUAGES} languages, or no en")
    return None


# JSON: KnowEdit, MQuAKE, RippleEdits, conversations


def _records(reading: _Reading, path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    """Yield line and record of a JSON list or of JSON lines; the rest is rejected."""
    text = _text(reading, path)
    entries = _list_entries if text.lstrip()[:1] == "[" else _line_entries
    count = 0
    for line, value in entries(text):
        count += 1
        if isinstance(value, dict) and not _has_replacement(value):
            yield line, value
        else:
            reason = "no UTF-8 text" if isinstance(value, dict) else "no JSON record"
            reading.reject(path.name, line, reason)
    _count(reading, count)


def _has_replacement(value: object) -> bool:
    return REPLACEMENT in json.dumps(value, ensure_ascii=False)


def _line_entries(text: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield number, parse_json(line)
            except ValueError:
                yield number, None


def _list_entries(text: str) -> Iterator[tuple[int, object]]:
    """Yield the elements of a list up to where it breaks off, there None."""
    decoder = json.JSONDecoder()
    between = re.compile(r"[\s,]*")
    place = text.index("[") + 1
    while True:
        place = between.match(text, place).end()  # type: ignore[union-attr]
        if text[place : place + 1] == "]":
            return
        line = text.count("\n", 0, place) + 1
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            yield line, None
            return
        yield line, value


def _first(value: object) -> str:
    """Return the first form of an answer; empty if there is none."""
    return next(iter(forms(value)), "").strip()


def _edit(question: object, answer: object, subject: object = "") -> Edit | None:
    asked, new = _first(question), _first(answer)
    if not asked or not new:
        return None
    return Edit(asked, new, "en", subject=_first(subject))


def _entries(groups: object) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield kind and entry of questions that are listed by kind."""
    if isinstance(groups, dict):
        for kind, several in groups.items():
            for entry in several if isinstance(several, list) else ():
                if isinstance(entry, dict):
                    yield kind, entry


def _read_knowedit(reading: _Reading, files: list[Path]) -> None:
    for path in files:
        for line, value in _records(reading, path):
            edit = _edit(
                value.get("prompt", value.get("text")),
                value.get("target_new", value.get("labels")),
                value.get("subject", value.get("concept")),
            )
            if edit is None:
                reading.reject(path.name, line, "no prompt or no new answer")
                continue
            if "text" in value:  # WikiBio: a sentence that continues a text
                reading.paraphrases.append(
                    Paraphrase(reading.source, edit, edit.question)
                )
            for _, entry in _entries(value.get("portability")):
                asked = _first(entry.get("prompt"))
                answer = _first(entry.get("ground_truth"))
                if asked and answer:
                    hop = Hop(reading.source, (edit,), asked, answer, "en")
                    reading.hops.append(hop)
            for number, (_, entry) in enumerate(_entries(value.get("locality"))):
                asked = _first(entry.get("prompt"))
                if asked:
                    place = f"knowedit:{path.stem}:{line}:{number}"
                    reading.neighbours.append(
                        Neighbour(place, reading.source, edit, asked, "en")
                    )


def _read_mquake(reading: _Reading, files: list[Path]) -> None:
    for path in files:
        for line, value in _records(reading, path):
            rewrites = value.get("requested_rewrite")
            listed = rewrites if isinstance(rewrites, list) else []
            edits = [_rewrite(each) for each in listed if isinstance(each, dict)]
            whole = tuple(edit for edit in edits if edit is not None)
            answer = _first(value.get("new_answer"))
            asked = [_first(each) for each in _as_list(value.get("questions"))]
            if not whole or len(whole) < len(listed) or not answer or not any(asked):
                reading.reject(path.name, line, "no edits, question or new answer")
                continue
            steps = max(2, len(_as_list(value.get("new_single_hops"))))
            for question in filter(None, asked):
                hop = Hop(reading.source, whole, question, answer, "en", steps)
                reading.hops.append(hop)
            for edit, each in zip(whole, listed, strict=True):
                stated = _first(each.get("prompt"))
                if "{}" in stated and edit.subject:
                    query = stated.replace("{}", edit.subject)
                    reading.paraphrases.append(Paraphrase(reading.source, edit, query))


def _rewrite(value: Mapping[str, object]) -> Edit | None:
    new = value.get("target_new")
    return _edit(
        value.get("question"),
        new.get("str") if isinstance(new, dict) else new,
        value.get("subject"),
    )


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


# what RippleEdits calls its tests -> what they are for us
_RIPPLES = {
    "Subject_Aliasing": "paraphrase",
    "Compositionality_I": "hop",
    "Compositionality_II": "hop",
    "Logical_Generalization": "hop",
    "Relation_Specifity": "neighbour",  # so written in the original
    "Relation_Specificity": "neighbour",
    "Forgetfulness": "neighbour",
}


def _read_rippleedits(reading: _Reading, files: list[Path]) -> None:
    for path in files:
        for line, value in _records(reading, path):
            tests = list(_ripple_tests(value))
            edit = _ripple_edit(value, [a for kind, _, a in tests if kind != "hop"])
            if edit is None:
                reason = "its new answer cannot be separated from its statement"
                reading.reject(path.name, line, reason)
                continue
            for number, (kind, query, answer) in enumerate(tests):
                if kind == "paraphrase":
                    reading.paraphrases.append(Paraphrase(reading.source, edit, query))
                elif kind == "hop":
                    hop = Hop(reading.source, (edit,), query, answer, "en")
                    reading.hops.append(hop)
                else:
                    place = f"rippleedits:{path.stem}:{line}:{number}"
                    reading.neighbours.append(
                        Neighbour(place, reading.source, edit, query, "en")
                    )


def _ripple_tests(value: Mapping[str, object]) -> Iterator[tuple[str, str, str]]:
    """Yield what each test query is for us, its question and its answer."""
    for name, kind in _RIPPLES.items():
        for test in _as_list(value.get(name)):
            queries = test.get("test_queries") if isinstance(test, dict) else None
            for query in _as_list(queries):
                if not isinstance(query, dict):
                    continue
                asked = _first(query.get("prompt"))
                answers = [
                    _first(answer.get("value"))
                    for answer in _as_list(query.get("answers"))
                    if isinstance(answer, dict)
                ]
                if asked and any(answers):
                    yield kind, asked, next(filter(None, answers))


def _ripple_edit(value: Mapping[str, object], known: list[str]) -> Edit | None:
    """Split an edit's statement before its answer: “The father of X is” + “Y”.

    The answer is one that a test names, else all that differs from the old statement.
    """
    edit = value.get("edit")
    if not isinstance(edit, dict):
        return None
    statement = _first(edit.get("prompt")).rstrip(".")
    for answer in sorted(set(known), key=len, reverse=True):
        if statement.endswith(f" {answer}"):
            return _edit(statement.removesuffix(f" {answer}"), answer)
    before = edit.get("original_fact")
    old = _first(before.get("prompt")).rstrip(".") if isinstance(before, dict) else ""
    new_words, old_words = statement.split(), old.split()
    same = 0
    while same < min(len(new_words), len(old_words)) and (
        new_words[same] == old_words[same]
    ):
        same += 1
    return _edit(" ".join(new_words[:same]), " ".join(new_words[same:]))


def _read_conversations(reading: _Reading, files: list[Path]) -> None:
    for path in files:
        for line, value in _records(reading, path):
            try:
                given = read_instruction(value)
            except DataError as error:
                reading.reject(path.name, line, str(error).rstrip("."))
                continue
            reading.conversations.append(GivenConversation(reading.source, given.turns))


def _read_generated(reading: _Reading, files: list[Path]) -> None:
    for path in files:
        for line, value in _records(reading, path):
            texts = value.get("languages")
            if value.get("rejected") or not isinstance(texts, dict) or not texts:
                reason = str(value.get("rejected") or "no generated row")
                reading.reject(path.name, line, reason)
                continue
            sides = {code: t for code, t in texts.items() if isinstance(t, dict)}
            place = f"generated:{path.stem}:{line}"
            for source, stated in sides.items():
                _generated_edit(reading, place, source, stated, sides)


def _generated_edit(
    reading: _Reading,
    place: str,
    source: str,
    stated: Mapping[str, object],
    sides: Mapping[str, Mapping[str, object]],
) -> None:
    """Take one row's edit in one language, and its queries in all languages."""
    asked, new = _first(stated.get("question")), _first(stated.get("new_answer"))
    if not asked or not new:
        return
    edit = Edit(asked, new, source)
    for target, side in sides.items():
        query, answer = _first(side.get("query")), _first(side.get("answer"))
        if query and answer:
            reading.paraphrases.append(
                Paraphrase(reading.source, edit, query, target, answer, place)
            )
    query = _first(stated.get("neighbour"))
    if query:
        reading.neighbours.append(
            Neighbour(f"{place}:{source}", reading.source, edit, query, source)
        )


# HalluEditBench


def _read_halluedit(reading: _Reading, files: list[Path]) -> None:
    for path in files:
        text = _text(reading, path)
        rows = csv.DictReader(io.StringIO(text, newline=""))
        count = 0
        while True:
            try:
                row = next(rows, None)
            except csv.Error:  # a field without end swallows what follows
                reading.reject(path.name, rows.line_num, "no table from here on")
                break
            if row is None:
                break
            count += 1
            _halluedit_row(reading, path, rows.line_num, row)
        _count(reading, count)


def _halluedit_row(
    reading: _Reading, path: Path, line: int, row: Mapping[str, object]
) -> None:
    if REPLACEMENT in str(row):
        reading.reject(path.name, line, "no UTF-8 text")
        return
    cells = {name: str(cell or "").strip() for name, cell in row.items()}
    edit = _edit(cells.get("question"), cells.get("object"), cells.get("subject"))
    if edit is None:
        reading.reject(path.name, line, "no question or no answer")
        return
    other = cells.get("paraphrased_question") or edit.question
    reading.paraphrases.append(Paraphrase(reading.source, edit, other))
    for hops in range(2, MOST_HOPS + 1):
        asked, answer = cells.get(f"question_{hops}hop"), cells.get(f"answer_{hops}hop")
        if asked and answer:
            hop = Hop(reading.source, (edit,), asked, answer, "en", hops)
            reading.hops.append(hop)
    if cells.get("locality_question"):
        place = f"halluedit:{path.stem}:{line}"
        reading.neighbours.append(
            Neighbour(place, reading.source, edit, cells["locality_question"], "en")
        )


Reader = Callable[[_Reading, list[Path]], None]
READERS: dict[str, tuple[tuple[str, ...], Reader]] = {
    "zsre": ((".txt", ".tsv"), _read_zsre),
    "knowedit": ((".json", ".jsonl"), _read_knowedit),
    "halluedit": ((".csv",), _read_halluedit),
    "mquake": ((".json", ".jsonl"), _read_mquake),
    "rippleedits": ((".json", ".jsonl"), _read_rippleedits),
    "generated": ((".jsonl",), _read_generated),
    "conversations": ((".json", ".jsonl"), _read_conversations),
}
