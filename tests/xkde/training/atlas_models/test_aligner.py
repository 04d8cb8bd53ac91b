"""Atlas's translation model: what it learns from, and its size.

A run of its training is in ``test_running.py``.
"""

from itertools import permutations

import pytest

from xkde.data.atlas.names import LATIN
from xkde.data.atlas.world import atlas
from xkde.engines.aligner import Translation
from xkde.languages import ATLAS_LANGUAGES
from xkde.training.atlas_models.aligner import (
    HELD_OUT_KINDS,
    AlignerSettings,
    fresh_aligner,
    held_out_translations,
    is_held_out,
    load_aligner_settings,
    rows,
    training_translations,
)

LARGEST = 16_000_000  # bytes of weights that are shipped


@pytest.fixture(scope="module")
def drawn() -> list[Translation]:
    return list(training_translations(atlas(), 6000, seed=3, one_in=25))


# What it learns from


def test_the_same_for_a_seed(drawn: list[Translation]) -> None:
    assert len(drawn) == 6000
    assert drawn == list(training_translations(atlas(), 6000, seed=3, one_in=25))
    assert drawn[:50] != list(training_translations(atlas(), 50, seed=4, one_in=25))


def test_names_are_right_and_the_rest_is_copied(drawn: list[Translation]) -> None:
    right = {
        Translation(name[a], a, name[b], b)
        for name in atlas().names.values()
        for a in ATLAS_LANGUAGES
        for b in ATLAS_LANGUAGES
    }
    others = [translation for translation in drawn if translation not in right]
    assert 0.15 < len(others) / len(drawn) < 0.25
    assert all(translation.source == translation.target for translation in others)
    latin = [
        t for t in others if t.source_language in LATIN and t.target_language in LATIN
    ]
    assert len(latin) > len(others) / 2
    assert any(t.source.isdigit() for t in others)


def test_every_direction_is_there(drawn: list[Translation]) -> None:
    directions = {(t.source_language, t.target_language) for t in drawn}
    assert set(permutations(ATLAS_LANGUAGES, 2)) <= directions
    assert {(code, code) for code in ATLAS_LANGUAGES} <= directions


def test_held_out_entities_are_never_trained_on() -> None:
    world = atlas()
    apart = [entity for entity in world.names if is_held_out(entity, 4)]
    assert 0 < len(apart) < len(world.names) / 2
    assert {entity.split("/")[0] for entity in apart} <= set(HELD_OUT_KINDS)
    assert not any(is_held_out(entity, 0) for entity in world.names)
    kept = {
        name
        for entity in world.names
        if entity not in apart
        for name in world.names[entity].values()
    }
    only_apart = {n for e in apart for n in world.names[e].values()} - kept
    trained = {t.target for t in training_translations(world, 4000, 1, one_in=4)}
    assert not trained & only_apart
    dev = held_out_translations(world, 50, 1, one_in=4)
    assert len(dev) == 50
    assert {t.target for t in dev} & only_apart
    assert held_out_translations(world, 50, 1, one_in=0) == []


# The model


def test_the_shipped_model_is_small() -> None:
    settings, _ = load_aligner_settings("atlas-aligner-laptop")
    model, tokenizer = fresh_aligner(settings)
    assert 3_000_000 <= model.num_parameters() <= 6_000_000
    assert 2 * model.num_parameters() < LARGEST  # bf16
    assert len(tokenizer) == model.config.vocab_size == settings.vocabulary
    assert model.lm_head.weight is model.model.shared.weight
    assert model.config.decoder_start_token_id == tokenizer.eos_token_id
    table = rows(tokenizer, [Translation("Osaka", "en", "大阪", "zh")])
    (row,) = table
    assert row["length"] == len(row["input_ids"]) + len(row["labels"])
    assert tokenizer.decode(row["labels"]) == "zho_Hans大阪<|end|>"
    assert tokenizer.decode(row["input_ids"]) == "eng_LatnOsaka<|end|>"


# Settings


def test_the_default_settings_are_the_laptops() -> None:
    laptop, _ = load_aligner_settings("atlas-aligner-laptop")
    default = AlignerSettings()
    for name in ("vocabulary", "hidden_size", "layers", "dropout", "held_out"):
        assert getattr(laptop, name) == getattr(default, name)
