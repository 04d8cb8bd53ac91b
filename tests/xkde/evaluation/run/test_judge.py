"""A judge's word: a column of its own, absent where it failed, resumed, recorded.

Against a real server on loopback that speaks the protocol.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.judge_server import judging
from tests.helpers.result_samples import SETTINGS, row
from xkde.errors import CheckpointError, DataError, InputError, SettingsError
from xkde.evaluation.results.judged import read_verdicts
from xkde.evaluation.results.rows import load_results
from xkde.evaluation.results.store import append_part, finish, open_store, rows_in
from xkde.evaluation.run.judge import (
    PROMPT,
    Judge,
    check_same,
    filled,
    judge_answers,
    open_judge,
    verdict_in,
)

ROWS = [
    row(case="1", gold="Osaka", answer="osaka", exact=True),
    row(case="2", gold="Osaka", answer="Kyoto", exact=False),
    row(case="3", gold="Osaka", answer="Ōsaka", exact=False),
    row(case="4", gold="Osaka", answer="Kyoto", exact=False),  # as case 2
    row(case="5", gold="Osaka", answer=None, exact=None, finish="too_long"),
    row(case="1", gold="Osaka", answer="Osaka", exact=None, protocol="teacher-forced"),
]


@pytest.fixture
def server() -> Iterator[Any]:
    with judging() as served:
        yield served


@pytest.fixture
def judge(server: Any) -> Judge:
    return replace(open_judge(server.address), retries=0, patience=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    open_store(tmp_path / "run", SETTINGS)
    append_part(tmp_path / "run", ROWS, 1.0)
    return tmp_path / "run"


def judge_all(judge: Judge, folder: Path) -> None:
    check_same(judge, folder)
    judge_answers(judge, rows_in(folder), folder)


def judged(folder: Path) -> list[bool | None]:
    return load_results([finish(folder, SETTINGS, {})])["judged"].to_pylist()


def card(folder: Path) -> Any:
    return json.loads((folder / "card.json").read_text("utf-8"))["judge"]


def test_off_unless_asked(folder: Path) -> None:
    assert judged(folder) == [None] * len(ROWS)
    assert card(folder) is None


def test_a_column_of_its_own(server: Any, judge: Judge, folder: Path) -> None:
    server.says["Ōsaka"] = "<think>Incorrect? No: only the mark.</think>\n**Correct**"
    judge_all(judge, folder)
    assert judged(folder) == [True, False, True, False, None, None]
    assert len(server.asked) == 3  # equal answers once
    sent = server.asked[0]
    assert (sent["model"], sent["temperature"]) == ("solomon", 0.0)
    assert "Question: 纳尼亚的首都是哪里？\n" in sent["messages"][0]["content"]
    told = card(folder)
    assert (told["judged"], told["absent"], told["differs_from_exact"]) == (4, 0, 1)
    assert (told["model"], told["prompt"], told["temperature"]) == (
        "solomon",
        PROMPT,
        0.0,
    )
    exact = load_results([folder])["exact"].to_pylist()
    assert exact == [each.exact for each in ROWS]  # no other score was touched


def test_failures_are_absent_and_counted(
    server: Any, judge: Judge, folder: Path
) -> None:
    server.says |= {"Kyoto": 500, "Ōsaka": "Maybe."}
    judge_all(judge, folder)
    assert judged(folder) == [True, None, None, None, None, None]
    told = card(folder)
    assert (told["judged"], told["absent"]) == (1, 3)
    assert told["why_absent"] == {
        "the judge's server: error 500": 1,
        "a reply that is neither CORRECT nor INCORRECT": 1,
    }
    server.says.clear()
    server.asked.clear()
    judge_all(judge, folder)  # what is there is not asked again
    assert len(server.asked) == 2
    assert judged(folder) == [True, False, False, False, None, None]
    assert card(folder)["why_absent"] == {}


def test_a_judge_that_is_gone(server: Any, judge: Judge, folder: Path) -> None:
    server.shutdown()
    server.server_close()
    more = [row(case=str(i), answer=f"answer {i}") for i in range(10, 110)]
    append_part(folder, more, 1.0)
    judge_all(replace(judge, patience=1), folder)
    assert judged(folder) == [None] * (len(ROWS) + 100)
    told = card(folder)["why_absent"]
    assert told == {
        "no answer from the judge's server": 64,
        "not asked, since it failed before": 39,
    }


def test_another_judge_is_refused(judge: Judge, folder: Path) -> None:
    judge_all(judge, folder)
    for changes in ({"model": "x"}, {"prompt": PROMPT + "!"}, {"temperature": 1.0}):
        with pytest.raises(SettingsError, match=f"another {next(iter(changes))}"):
            check_same(replace(judge, **changes), folder)
    judge_all(replace(judge, retries=9), folder)
    part = folder / "judge" / "000000.json"
    part.write_text(part.read_text("utf-8")[:-9], "utf-8")
    with pytest.raises(DataError, match=r"000000\.json is damaged"):
        read_verdicts(folder)


def test_what_cannot_judge(server: Any) -> None:
    assert open_judge("http://127.0.0.1:9/v1", "named").model == "named"
    with pytest.raises(CheckpointError, match="No judge answers"):
        open_judge("http://127.0.0.1:9/v1")
    with pytest.raises(InputError, match=r"lacks \{reference\}"):
        open_judge(server.address, prompt="Is {answer} right? {question}")


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("CORRECT", True),
        ("  incorrect, since …", False),
        ("**Correct.**", True),
        ("<think>correct</think> INCORRECT", False),
        ("The answer is correct", None),
        ("correctly", None),
        ("", None),
    ],
)
def test_replies(reply: str, right: bool | None) -> None:
    assert verdict_in(reply) is right


def test_fields_are_filled_once() -> None:
    told = filled("{question}|{reference}|{answer}", {
        "question": "{answer}?", "reference": "{x}", "answer": "{question}",
    })  # fmt: skip
    assert told == "{answer}?|{x}|{question}"
