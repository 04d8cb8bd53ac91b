"""Retrieval: the exact search is exact, nothing passes below the threshold."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from xkde.errors import InputError
from xkde.memory.index import (
    CachedEncoder,
    Kind,
    NamesOnly,
    Vectors,
    border,
    build_index,
    exact_search,
    statement,
    top,
)
from xkde.memory.retrieval import (
    LARGE,
    MOST_STATED,
    NEAREST,
    Calibration,
    Recalled,
    Retrieved,
    all_scores,
    recall,
    retrieve,
    retrieve_all,
)
from xkde.types import Edit, Query

WIDTH = 16


class Letters:
    """An encoder that counts letters; it remembers what it was asked to read."""

    name = "letters"

    def __init__(self) -> None:
        self.read: list[tuple[Kind, str]] = []

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        self.read += [(kind, text) for text in texts]
        rows = [np.bincount([hashlib.md5(c.encode()).digest()[0] % WIDTH for c in text],
                            minlength=WIDTH) for text in texts]  # fmt: skip
        vectors = np.array(rows, dtype=np.float32) + 0.01
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def edits(count: int) -> list[Edit]:
    return [
        Edit(f"Who leads T{i}ville?", f"Person {i}", "en", f"T{i}ville")
        for i in range(count)
    ]


QUERY = Query("Who leads T7ville?", "en")


@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_the_first_ones_are_those_of_a_full_sort(weight: float) -> None:
    index = build_index(edits(300), Letters())
    lexical = all_scores(index, [QUERY])[1]
    query = Letters().encode([QUERY.text], "query").astype(np.float64)
    dense = (query @ index.vectors.T.astype(np.float64)).astype(np.float32)
    scores = (dense + np.float32(weight) * lexical)[0]
    order = sorted(range(300), key=lambda i: (-scores[i], -i))
    found = retrieve(index, QUERY, k=5, threshold=-9, weight=weight)
    assert [retrieved.place for retrieved in found] == order[:5]
    for retrieved in found:
        place = retrieved.place
        assert retrieved.edit == index.edits[place]
        assert retrieved.dense == pytest.approx(float(dense[0, place]), abs=1e-6)
        assert retrieved.lexical == pytest.approx(float(lexical[0, place]))
        joined = retrieved.dense + weight * retrieved.lexical
        assert retrieved.score == pytest.approx(joined, abs=1e-6)


def test_what_does_not_reach_the_threshold_does_not_apply() -> None:
    index = build_index(edits(50), Letters())
    found = retrieve(index, QUERY, k=50, threshold=-9)
    assert len(found) == 50
    border = found[3].score
    above = retrieve(index, QUERY, k=50, threshold=border)
    assert above == tuple(f for f in found if f.score >= border)
    assert retrieve(index, QUERY, k=50, threshold=9) == ()
    assert retrieve(index, QUERY, k=0, threshold=-9) == ()


def test_an_empty_memory_has_nothing_to_say() -> None:
    index = build_index([], Letters())
    assert retrieve(index, QUERY, k=3, threshold=-9) == ()
    assert retrieve_all(index, [QUERY, QUERY]) == [(), ()]
    [(places, _)] = exact_search(index.vectors)(np.ones((1, 3)), [np.zeros(0)], 3, 1.0)
    assert places.shape == (0,)


def test_of_equal_edits_the_later_comes_first() -> None:
    one = edits(1)[0]
    index = build_index([one] * 9, Letters())
    found = retrieve(index, QUERY, k=3, threshold=-9)
    assert [retrieved.place for retrieved in found] == [8, 7, 6]


def test_equal_vectors_score_equally_wherever_they_lie() -> None:
    # One matrix product rounds differently at its edges, and by the number of queries.
    index = build_index([*edits(1_001), *edits(1_001)], Letters())
    queries = [Query(f"Who leads T{i}ville?", "en") for i in range(40)]
    for count in (1, 3, 40):
        for i, (later, earlier) in enumerate(
            retrieve_all(index, queries[:count], k=2, threshold=-9)
        ):
            assert (later.place, earlier.place) == (1_001 + i, i)
            assert later.score == earlier.score


def test_queries_together_give_what_each_gives_alone() -> None:
    index = build_index(edits(40), Letters())
    queries = [Query(f"Who leads T{i}ville?", "en") for i in range(10)]
    together = retrieve_all(index, queries, k=2, threshold=0.5)
    assert together == [retrieve(index, query, 2, 0.5) for query in queries]
    assert retrieve_all(index, []) == []


def test_only_new_edits_are_encoded() -> None:
    encoder = Letters()
    before = build_index(edits(5), encoder)
    encoder.read.clear()
    after = build_index([*edits(7)[1:], edits(7)[6]], encoder, before=before)
    assert encoder.read == [("edit", statement(edit)) for edit in edits(7)[5:]]
    anew = build_index(after.edits, Letters())
    np.testing.assert_allclose(after.vectors, anew.vectors, atol=1e-6)
    assert len(after.edits) == 7


def test_vectors_of_another_length_are_refused() -> None:
    class Long(Letters):
        def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
            return 2 * super().encode(texts, kind)

    with pytest.raises(InputError, match="vector of length one"):
        build_index(edits(2), Long())


def test_names_decide_between_vectors_that_are_alike() -> None:
    class Blind(Letters):
        def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
            return np.full((len(texts), 4), 0.5, dtype=np.float32)

    index = build_index(edits(30), Blind())
    (found,) = retrieve(index, Query("T7ville由谁领导？", "zh"), k=1, threshold=1.1)
    assert (found.place, found.lexical) == (7, 1.0)
    assert found.score == pytest.approx(1.2)


def test_the_highest_scores_with_ties_at_the_border() -> None:
    scores = np.array([1, 3, 2, 2, 2, 0], dtype=np.float32)
    assert sorted(top(scores, 3)) == [1, 3, 4]
    assert sorted(top(scores, 1)) == [1]
    assert top(scores, 0).tolist() == []
    assert sorted(top(scores, 9)) == list(range(6))


@pytest.mark.parametrize("count", [1, 255, 256, 5_000])
def test_at_least_k_scores_reach_the_border(count: int) -> None:
    scores = np.random.default_rng(0).random(count, dtype=np.float32)
    for k in (1, 2, 19, 20, 300):
        reached = (scores >= border(scores, k)).sum()
        assert min(k, count) <= reached
        assert k <= count // 256 or reached == min(k, count)


# What a memory recalls

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")
PERU = Edit("What is the capital of Peru?", "Cuzco", "en", "Peru")


def test_names_alone_find_an_edit_in_the_same_script() -> None:
    index = build_index([JAPAN, PERU], NamesOnly())
    queries = [Query("Where does Japan’s government sit?", "en"), Query("日本？", "zh")]
    english, chinese = recall(index, queries, Calibration(0.75, 1.0))
    assert english.stated == (JAPAN,)
    assert english.passed[0].score == english.passed[0].lexical == 1.0
    assert len(english.nearest) == 2
    assert chinese.stated == ()


def test_at_most_a_few_are_stated_the_later_last() -> None:
    found = tuple(
        Retrieved(Edit(f"Q{place}?", "A", "en"), 0.9, 0.0, score, place)
        for score, place in ((0.95, 7), (0.9, 2), (0.85, 5), (0.8, 1), (0.1, 0))
    )
    recalled = Recalled(found, 0.75)
    assert len(recalled.passed) == MOST_STATED
    assert [edit.question for edit in recalled.stated] == ["Q2?", "Q5?", "Q7?"]
    assert Recalled(found, 0.97).stated == ()


def test_what_is_below_is_kept_to_be_seen() -> None:
    index = build_index([JAPAN, PERU], Letters())
    [found] = recall(index, [Query("Anything at all", "en")], Calibration(99.0))
    assert len(found.nearest) == 2 <= NEAREST
    assert found.passed == ()
    [empty] = recall(build_index([], Letters()), [Query("Q?", "en")], Calibration(0.5))
    assert empty.nearest == ()


def test_a_cached_encoder_reads_no_text_twice() -> None:
    letters = Letters()
    encoder = CachedEncoder(letters, capacity=3)
    first = build_index([JAPAN], encoder)
    both = build_index([PERU, JAPAN], encoder)
    assert letters.read == [("edit", statement(JAPAN)), ("edit", statement(PERU))]
    assert np.array_equal(first.vectors[0], both.vectors[1])
    # As a query the same text may have another vector.
    encoder.encode([statement(JAPAN)], "query")
    assert letters.read[2:] == [("query", statement(JAPAN))]
    again = encoder.encode(["new", statement(PERU), "new"], "edit")
    assert letters.read[3:] == [("edit", "new")]  # full: now it is emptied
    assert np.array_equal(again[1], both.vectors[0])
    assert list(encoder.cache) == [("edit", "new")]


def test_in_a_large_memory_a_score_must_stand_out_from_the_others() -> None:
    asked = Calibration(threshold=0.1, weight=0.2, outlier=2.0)
    large, small = (build_index(edits(n), Letters()) for n in (LARGE, LARGE - 1))
    [found] = recall(large, [QUERY], asked)
    dense, lexical = (scores[0] for scores in all_scores(large, [QUERY]))
    others = np.argsort(-(dense + 0.2 * lexical))[MOST_STATED:]
    by_hand = dense[others].mean() + 2 * dense[others].std()
    assert found.threshold == pytest.approx(by_hand, abs=1e-3)
    assert found.threshold > asked.threshold
    [strict] = recall(large, [QUERY], replace(asked, threshold=0.999))
    assert strict.threshold == 0.999  # the higher of the two
    for index, calibration in ((small, asked), (large, replace(asked, outlier=0.0))):
        assert recall(index, [QUERY], calibration)[0].threshold == 0.1
