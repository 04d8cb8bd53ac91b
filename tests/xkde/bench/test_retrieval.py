"""The bench of retrieval, small: every size is measured."""

import numpy as np

from xkde.bench.retrieval import (
    _names_by_scipy,
    _noisy_copies,
    invented_edits,
    measure,
)
from xkde.memory.index import index_names


def test_measure() -> None:
    found = measure(sizes=(20, 50), queries=3, encoded=8)
    assert (found["weights"], found["width"]) == ("atlas-encoder", 192)
    for size in (20, 50):
        assert 0 < found[f"exact_{size}_p50_ms"] <= found[f"exact_{size}_p95_ms"]
        # 192 numbers of four bytes, and what the names take
        assert found[f"exact_{size}_memory_mb"] >= round(size * 192 * 4 / 1e6, 1)
    assert found["32_of_50_both_products_ms"] >= found["32_of_50_one_product_ms"] >= 0
    assert found["32_of_50_retrieve_all_ms"] > 0


def test_scipy_gives_the_same_names_scores() -> None:
    index = index_names(["Japan", "日本国", "", "New Japan Cup"])
    texts = ["What is the capital of Japan?", "日本的首都是哪里？", "?"]
    ours = np.stack([index.scores(text) for text in texts])
    np.testing.assert_array_equal(_names_by_scipy(index)(texts), ours)


def test_edits_and_vectors() -> None:
    edits = invented_edits(24)
    assert len({edit.language for edit in edits}) == 12
    assert all(edit.subject in edit.question for edit in edits)
    base = np.eye(4, dtype=np.float32)
    many = _noisy_copies(base, 10)
    np.testing.assert_allclose(np.linalg.norm(many, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(many[:4], base, atol=1e-6)
    assert (many.argmax(axis=1) == np.arange(10) % 4).all()
