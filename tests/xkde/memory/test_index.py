"""Qdrant gives what the exact search gives; without its client it says so.

The client is an extra; without it most of this is skipped.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.xkde.memory.test_retrieval import QUERY, Letters, edits
from xkde.errors import SettingsError
from xkde.memory.index import build_index, connect_qdrant, qdrant_search
from xkde.memory.retrieval import retrieve
from xkde.types import Query

needs_client = pytest.mark.skipif(
    not find_spec("qdrant_client"), reason="qdrant-client is not installed"
)


@pytest.mark.skipif(bool(find_spec("qdrant_client")), reason="it is installed")
def test_without_the_client() -> None:
    with pytest.raises(SettingsError, match="pip install qdrant-client"):
        connect_qdrant()


@needs_client
@pytest.mark.parametrize("weight", [0.0, 0.2])
def test_it_finds_what_the_exact_search_finds(weight: float) -> None:
    client = connect_qdrant()
    known = edits(300)
    here = build_index(known, Letters())
    there = build_index(known, Letters(), make_search=qdrant_search(client))
    for number in range(0, 300, 37):
        query = Query(f"Who leads T{number}ville?", "en")
        one = retrieve(here, query, k=3, threshold=0.5, weight=weight)
        other = retrieve(there, query, k=3, threshold=0.5, weight=weight)
        scores = [[found.score for found in each] for each in (one, other)]
        np.testing.assert_allclose(*scores, atol=1e-5)
        assert {f.place for f in one if f.score > one[-1].score + 1e-5} <= {
            f.place for f in other
        }


@needs_client
def test_a_name_is_found_however_far_its_vector_is() -> None:
    known = edits(300)
    index = build_index(known, Letters(), make_search=qdrant_search(connect_qdrant()))
    far = Query("T123ville ปกครองโดยใคร ๆ ๆ ๆ ๆ ๆ ๆ ๆ ๆ ๆ", "th")
    (found,) = retrieve(index, far, k=1, threshold=-9, weight=5.0)
    assert (found.place, found.lexical) == (123, 1.0)


@needs_client
def test_a_collection_is_made_anew_and_may_lie_in_a_folder(tmp_path: Path) -> None:
    client = connect_qdrant(str(tmp_path / "qdrant"))
    build_index(edits(20), Letters(), make_search=qdrant_search(client))
    index = build_index(edits(5), Letters(), make_search=qdrant_search(client))
    assert len(retrieve(index, QUERY, k=9, threshold=-9)) == 5
    empty = build_index([], Letters(), make_search=qdrant_search(client))
    assert retrieve(empty, QUERY, k=9, threshold=-9) == ()
    client.close()
