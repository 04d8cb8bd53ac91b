"""What is seen of an editor: before, with, and after, which is as before.

python -m pytest tests/xkde/asking/test_before_and_after.py
"""

from pathlib import Path

from xkde.asking.before_and_after import before_and_after
from xkde.editors.registry import make
from xkde.engines.loading import load
from xkde.types import Edit, Query, Sampling

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")
QUERIES = [Query(JAPAN.question, "en"), Query("为什么？", "zh")]


def test_after_the_revert_all_is_as_before(atlas_folder: Path) -> None:
    engine = load(atlas_folder, device="cpu")
    editor = make("ft-m", {"learning_rate": 0.05, "layer": 1, "steps": 40})
    seen = before_and_after(editor, engine, [JAPAN], QUERIES, Sampling(8))
    assert seen.is_reverted
    assert seen.after[0].text == "Osaka"
    assert [g.text for g in seen.before] == [g.text for g in seen.as_before]
    assert seen.before[0].text != "Osaka"
    assert seen.at_work.edits == (JAPAN,)
