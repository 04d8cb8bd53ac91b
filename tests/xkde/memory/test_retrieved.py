"""What a memory says to a query: what passes, in which order, without an encoder too.

python -m pytest tests/xkde/memory/test_retrieved.py
"""

import numpy as np

from tests.xkde.memory.test_retrieval import Letters
from xkde.memory.cached_encoder import ROOM, NamesAlone, Remembering
from xkde.memory.index import build_index, statement
from xkde.memory.retrieval import Retrieved
from xkde.memory.retrieved import AT_MOST, SHOWN, Recalled, recall
from xkde.types import Edit, Query

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")
PERU = Edit("What is the capital of Peru?", "Cuzco", "en", "Peru")


def test_names_alone_find_an_edit_in_the_same_script() -> None:
    index = build_index([JAPAN, PERU], NamesAlone())
    queries = [Query("Where does Japan’s government sit?", "en"), Query("日本？", "zh")]
    english, chinese = recall(index, queries, 0.75, weight=1.0)
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
    assert len(recalled.passed) == AT_MOST
    assert [edit.question for edit in recalled.stated] == ["Q2?", "Q5?", "Q7?"]
    assert Recalled(found, 0.97).stated == ()


def test_what_is_below_is_kept_to_be_seen() -> None:
    index = build_index([JAPAN, PERU], Letters())
    [found] = recall(index, [Query("Anything at all", "en")], 99.0)
    assert len(found.nearest) == 2 <= SHOWN
    assert found.passed == ()
    [empty] = recall(build_index([], Letters()), [Query("Q?", "en")], 0.5)
    assert empty.nearest == ()


def test_no_edit_is_read_twice() -> None:
    letters = Letters()
    encoder = Remembering(letters)
    first = build_index([JAPAN], encoder)
    both = build_index([PERU, JAPAN], encoder)
    read = [text for kind, text in letters.read if kind == "edit"]
    assert read == [statement(JAPAN), statement(PERU)]
    assert np.array_equal(first.vectors[0], both.vectors[1])
    encoder.known.update({str(i): first.vectors[0] for i in range(ROOM)})
    again = build_index([PERU], encoder)  # full: it forgets, and reads anew
    assert np.array_equal(again.vectors[0], both.vectors[0])
    assert len(encoder.known) == 1
