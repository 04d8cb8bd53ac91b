"""Names found again in a query: shares counted by hand."""

import random

import numpy as np
import pytest

from xkde.memory.index import index_names, name_of, ngrams
from xkde.types import Edit


def score(name: str, query: str) -> float:
    return float(index_names([name]).scores(query)[0])


def test_ngrams() -> None:
    assert ngrams("Osaka!") == {" os", "osa", "sak", "aka", "ka "}
    assert ngrams("大阪市") == {"大阪", "阪市"}
    assert ngrams("法") == {"法"}
    assert ngrams("") == ngrams("?!") == set()


@pytest.mark.parametrize(
    ("name", "query", "expected"),
    [
        ("Osaka", "In which country is Osaka?", 1.0),
        ("Osaka", "Osaka位于哪个国家？", 1.0),
        ("Osaka", "В какой стране находится Осака?", 1.0),
        ("Osaka", "Where is Kyoto?", 0.0),
        ("日本", "日本的首都是哪里？", 1.0),
        ("日本", "日の出", 0.0),
        ("Brasília", "BRASILIA", 1.0),
        # " ba", "bar", "elo", "lon", "ona", "na " of nine
        ("Barcelona", "Барселона", 6 / 9),
        ("San", "Santo", 2 / 3),  # but not "an "
        ("โอซากา", "โอซากาอยู่ในประเทศใด", 1.0),
        ("", "anything", 0.0),
        ("Osaka", "", 0.0),
    ],
)
def test_scores(name: str, query: str, expected: float) -> None:
    assert score(name, query) == pytest.approx(expected)


def test_an_index_gives_what_each_name_gives_alone() -> None:
    random_ = random.Random(2)
    letters = "abcdeфжя日本国 "
    names = ["".join(random_.choices(letters, k=random_.randint(0, 9)))
             for _ in range(200)]  # fmt: skip
    index = index_names(names)
    for query in ("abcd abc de", "日本国的日本", "фжя abcde", *names[:20]):
        held = ngrams(query)
        expected = [
            len(ngrams(name) & held) / max(len(ngrams(name)), 1) for name in names
        ]
        np.testing.assert_allclose(index.scores(query), expected, rtol=1e-6)


def test_no_names() -> None:
    assert index_names([]).scores("Osaka").shape == (0,)
    assert index_names(["", ""]).scores("Osaka").tolist() == [0, 0]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is the capital of Japan?", "Japan?"),
        ("In which country is New Delhi?", "New Delhi?"),
        ("Кто такой Иван 4?", "Иван 4?"),
        ("Kalino Beresh的职业是什么？", "Kalino Beresh"),
        ("日本的首都是哪里？", ""),
        ("where is it?", ""),
    ],
)
def test_names_in_a_question_without_a_subject(question: str, name: str) -> None:
    assert name_of(Edit(question, "x", "en")) == name
    assert name_of(Edit(question, "x", "en", "Peru")) == "Peru"
