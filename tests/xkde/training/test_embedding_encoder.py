"""The closed-form encoder: by hand, on Atlas's own embeddings, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from xkde import paths
from xkde.data.atlas.world import atlas
from xkde.data.instructions.records import Fact
from xkde.data.instructions.stock import atlas_fact
from xkde.engines.encoder import load_encoder
from xkde.errors import CheckpointError, InputError
from xkde.languages import ATLAS_LANGUAGES
from xkde.training.embedding_encoder import (
    STATED,
    fit,
    texts_of,
    train_embedding_encoder,
)


def facts(split: str) -> list[Fact]:
    world = atlas()
    names = [name for name in world.facts if world.split[name] == split]
    return [atlas_fact(world, n, r) for n in names for r in sorted(world.facts[n])]


def test_what_differs_within_a_fact_vanishes() -> None:
    """Facts differ along the first axis, languages along the second, ten times more."""
    draw = np.random.default_rng(0)
    meanings, languages = draw.normal(size=(300, 1)), draw.normal(size=(1, 12)) * 10
    texts = np.zeros((300, 12, 3), dtype=np.float32)
    texts[..., 0], texts[..., 1] = meanings, languages
    mean, projection = fit(texts, width=1, shrinkage=1e-3)
    assert mean == pytest.approx(texts.reshape(-1, 3).mean(0), abs=1e-3)
    placed = ((texts - mean) @ projection)[..., 0]
    assert placed.std(1).max() < 0.05 * placed.mean(1).std()
    assert abs(projection[1, 0]) < 1e-3 * abs(projection[0, 0])


def test_a_fact_is_asked_in_all_languages_and_stated_with_any_answer() -> None:
    [first, *_] = some = facts("train")[:5]
    texts = texts_of(some, seed=1)
    assert {len(one) for one in texts} == {12 + STATED}
    assert texts[0][0] == first.questions[ATLAS_LANGUAGES[0]]
    assert texts == texts_of(some, seed=1) != texts_of(some, seed=2)


@pytest.mark.slow
def test_an_encoder_of_atlas_finds_edits_across_languages(tmp_path: Path) -> None:
    folder, out = paths.EMBEDDED_CHECKPOINTS / "atlas-base", tmp_path / "own"
    chosen = train_embedding_encoder(
        "atlas-base", folder, facts("train"), facts("dev"), out, 3, {"atlas": "own"}
    )
    assert chosen.hit > 3 * 3 / chosen.edits  # three of all edits, drawn by chance
    encoder = load_encoder(out)
    vectors = encoder.encode(["Where is Japan?", "日本在哪里？", " "], "query")
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert encoder.calibration.threshold == pytest.approx(chosen.threshold)
    card = json.loads((out / paths.CARD).read_text("utf-8"))
    write = {**card, "base": "atlas-encoder"}
    (out / paths.CARD).write_text(json.dumps(write), "utf-8")
    with pytest.raises(CheckpointError, match=r"atlas-encoder"):
        load_encoder(out)


def test_too_few_facts_are_refused(tmp_path: Path) -> None:
    folder, few = paths.EMBEDDED_CHECKPOINTS / "atlas-base", facts("dev")[:9]
    with pytest.raises(InputError, match="Only 9 facts"):
        train_embedding_encoder("atlas-base", folder, few, few, tmp_path, 1, {})
