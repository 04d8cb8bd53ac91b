"""Labels in other programs' files, and back: JSONL, CSV, Label Studio, Argilla.

What is exported can be imported again without loss. Of a file that another program
has written the labels are taken, each with its case. Cells of CSV that a spreadsheet
would take for a formula are quoted.

- Label Studio's tasks: https://labelstud.io/guide/task_format
- Argilla's records: https://docs.argilla.io/latest/reference/argilla/records/records
"""

import csv
import io
import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

from xkde.errors import DataError, XkdeError
from xkde.labelling.records import (
    FailedCase,
    Label,
    LabelledCase,
    case_from,
    label_from,
    to_record,
)
from xkde.text import Json, cell_text, safe_cell

VERSION = 1  # of the records below
MOST = 100_000  # labels in a file
QUESTIONS = ("kind", "severity", "note")  # of a label, in other programs
_ANNOTATOR = "annotator"  # a further result: both programs know users by number only
_LABEL = "label_"  # begins a label's columns in CSV


def to_jsonl(cases: Iterable[LabelledCase]) -> str:
    """Return a line for each label, with its case."""
    return "".join(map(json_line, _each(cases)))


def json_line(one: tuple[FailedCase, Label]) -> str:
    """Return one label with its case as a line."""
    record = {
        "version": VERSION,
        "label": to_record(one[1]),
        "case": to_record(one[0]),
    }
    return json.dumps(record, ensure_ascii=False) + "\n"


def to_csv(cases: Iterable[LabelledCase]) -> str:
    """Return a row for each label, with its case."""
    out = io.StringIO()
    its = [each.name for each in fields(FailedCase)]
    said = [_LABEL + each.name for each in fields(Label)]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["version", *its, *said])
    for case, label in _each(cases):
        values = [*to_record(case).values(), *to_record(label).values()]
        writer.writerow([str(VERSION), *map(_cell, values)])
    return out.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else safe_cell(str(value))


def to_label_studio(cases: Iterable[LabelledCase]) -> str:
    """Return tasks: the machine's kind is the prediction, each label an annotation."""
    tasks = [
        {
            "data": to_record(each.case) | {"version": VERSION},
            "predictions": [
                {
                    "model_version": "x-kde kinds",
                    "result": [_result("kind", each.case.kind)],
                }
            ],
            "annotations": [
                {
                    "result": [
                        _result(name, text)
                        for name, text in _said(label)
                        if text or name == "kind"
                    ],
                    "ground_truth": label.settles,
                    "created_at": label.at,
                }
                for label in each.labels
            ],
        }
        for each in cases
    ]
    return json.dumps(tasks, ensure_ascii=False, indent=1)


def _said(label: Label) -> list[tuple[str, str]]:
    blind = "yes" if label.blind else ""
    texts = [(name, str(getattr(label, name))) for name in QUESTIONS]
    return [*texts, (_ANNOTATOR, label.annotator), ("blind", blind)]


def _result(name: str, text: str) -> dict[str, object]:
    chosen = name in ("kind", "severity", "blind")
    value = {"choices" if chosen else "text": [text]}
    sort = "choices" if chosen else "textarea"
    return {"from_name": name, "to_name": "answer", "type": sort, "value": value}


def to_argilla(cases: Iterable[LabelledCase]) -> str:
    """Return records: the machine's kind is a suggestion, each label a response.

    Argilla knows users by UUID: a name's is made of it, and stands in the metadata.
    """
    records = []
    for each in cases:
        case = to_record(each.case)
        shown = ("edit", "query", "gold", "answer")
        users = [str(uuid.uuid5(uuid.NAMESPACE_OID, its.annotator))
                 for its in each.labels]  # fmt: skip
        records.append(
            {
                "id": each.case.id,
                "fields": {name: str(case[name]) for name in shown},
                "metadata": {
                    "case": json.dumps(case, ensure_ascii=False),
                    "labels": json.dumps(
                        [to_record(label) for label in each.labels], ensure_ascii=False
                    ),
                    "version": VERSION,
                },
                "suggestions": {
                    "kind": {"value": each.case.kind, "agent": "x-kde kinds"}
                },
                "responses": {
                    name: [
                        {"value": getattr(label, name), "user_id": user}
                        for label, user in zip(each.labels, users, strict=True)
                        if getattr(label, name)
                    ]
                    for name in QUESTIONS
                },
            }
        )
    return json.dumps(records, ensure_ascii=False, indent=1)


@dataclass(frozen=True)
class ExchangeFormat:
    """A form of file: what it is called, how its name ends, what writes it."""

    name: str
    suffix: str
    write: Callable[[Iterable[LabelledCase]], str]


FORMATS: dict[str, ExchangeFormat] = {
    "jsonl": ExchangeFormat("JSON lines", ".jsonl", to_jsonl),
    "csv": ExchangeFormat("CSV", ".csv", to_csv),
    "label_studio": ExchangeFormat("Label Studio", ".studio.json", to_label_studio),
    "argilla": ExchangeFormat("Argilla", ".argilla.json", to_argilla),
}  # fmt: skip


def _each(cases: Iterable[LabelledCase]) -> Iterator[tuple[FailedCase, Label]]:
    for each in cases:
        for label in each.labels:
            yield each.case, label


def read_labels(text: str) -> list[LabelledCase]:
    """Return the labels of a file in any of these forms.

    Raises DataError, with the number of the record that cannot be read.
    """
    found: dict[str, tuple[FailedCase, list[Label]]] = {}
    for number, (case, labels) in enumerate(_records(text.removeprefix("\ufeff")), 1):
        if number > MOST:
            raise DataError(
                "The file has more than {most} labels: split it.", most=f"{MOST:,}"
            )
        try:
            its_case = case_from(case)
            its_labels = [label_from({**each, "case_id": its_case.id})
                          for each in labels]  # fmt: skip
        except XkdeError as error:
            raise DataError(
                "Record {number} cannot be read: {reason} Nothing was taken over.",
                number=number,
                reason=error.notice,
            ) from error
        known = found.setdefault(its_case.id, (its_case, []))
        known[1].extend(its_labels)
    if not found:
        raise DataError("The file has no labels.")
    return [LabelledCase(case, tuple(labels)) for case, labels in found.values()]


Read = tuple[Json, Sequence[Json]]  # a case and its labels


def _records(text: str) -> Iterator[Read]:
    start = text.lstrip()[:1]
    try:
        if start == "[":
            yield from map(_from_list, json.loads(text))
        elif start == "{":
            for line in filter(str.strip, text.splitlines()):
                record = json.loads(line)
                _known_version(record.get("version"))
                yield record["case"], [record["label"]]
        else:
            for row in csv.DictReader(io.StringIO(text)):
                yield _from_row(row)
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise DataError(
            "This is no file of labels: it takes JSON lines, CSV, or what Label Studio "
            "or Argilla exports as JSON. Nothing was taken over."
        ) from error


def _known_version(version: object) -> None:
    if isinstance(version, int | str) and int(version) > VERSION:
        raise DataError(
            "The file was written by a later version of X-KDE. Update X-KDE, then "
            "import it again. Nothing was taken over."
        )


def _from_row(row: Mapping[str, str]) -> Read:
    _known_version(row["version"])
    texts = {name: cell_text(cell) for name, cell in row.items() if cell is not None}
    label = {name.removeprefix(_LABEL): text for name, text in texts.items()
             if name.startswith(_LABEL)}  # fmt: skip
    case: dict[str, object] = {
        name: text for name, text in texts.items() if not name.startswith(_LABEL)
    }
    case["question"] = int(texts["question"])
    case["glosses"] = json.loads(row["glosses"] or "{}")
    for name in ("base_answer", "beside_answer"):
        case[name] = texts[name] if texts[name] else None
    return case, [label]


def _from_list(record: Json) -> Read:
    if "fields" in record:
        return _from_argilla(record)
    _known_version(record["data"].get("version"))
    labels = []
    for annotation in record.get("annotations", []):
        said = {
            each["from_name"]: next(
                iter(each["value"].get("choices") or each["value"].get("text") or []),
                "",
            )
            for each in annotation["result"]
        }
        user = annotation.get("completed_by") or "Label Studio"
        who = user.get("email", "") if isinstance(user, dict) else str(user)
        labels.append(
            {
                "annotator": who,
                **said,
                "at": annotation.get("created_at"),
                "settles": annotation.get("ground_truth", False),
                "blind": said.get("blind") == "yes",
            }
        )
    return record["data"], labels


def _from_argilla(record: Json) -> Read:
    """Return a record's case and labels: as responses say, by the names we gave."""
    about = record["metadata"]
    _known_version(about.get("version"))
    ours = json.loads(about.get("labels") or "[]")
    names = {str(uuid.uuid5(uuid.NAMESPACE_OID, its["annotator"])): its for its in ours}
    said: dict[str, dict[str, object]] = {}
    for question, responses in record["responses"].items():
        for response in responses:
            user = str(response["user_id"])
            said.setdefault(user, {})[question] = response["value"]
    # What was labelled here and is unchanged there keeps its time and its sort.
    new = [
        {"annotator": names[user]["annotator"] if user in names else user, **its}
        for user, its in said.items()
        if not any(its["kind"] == each["kind"] and user in names for each in ours)
    ]
    return json.loads(about["case"]), [*ours, *new]
