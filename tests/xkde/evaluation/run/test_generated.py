"""Greedy answers of an engine, in any batch the same.

python -m pytest tests/xkde/evaluation/run/test_generated.py
"""

from pathlib import Path

from xkde.engines.loading import load
from xkde.evaluation.run.generated import generations, same
from xkde.types import Sampling

PROMPTS = ("Why?", "日本的首都是哪座城市？", "Why?", "Who respond to the query?")


def test_one_equals_many(checkpoint_folder: Path) -> None:
    engine = load(checkpoint_folder)
    together = generations(engine, PROMPTS, max_new_tokens=6)
    alone = [
        engine.generate([engine.encode_query(text)], Sampling(6))[0] for text in PROMPTS
    ]
    assert [g.text for g in together if g] == [g.text for g in alone]
    assert together[0] is together[2]
    by_one = generations(engine, PROMPTS, max_new_tokens=6, batch_size=1)
    assert [g.text for g in by_one if g] == [g.text for g in alone]


def test_what_leaves_no_room_is_not_asked(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    assert engine.max_length == 256
    found = generations(engine, ["Why? " * 300, "Why?"], max_new_tokens=6)
    assert found[0] is None
    assert found[1] is not None
    assert generations(engine, ["Why?"], max_new_tokens=256) == [None]


def test_same_after_normalisation() -> None:
    assert same("Osaka.", "osaka")
    assert not same("Osaka", "大阪")
