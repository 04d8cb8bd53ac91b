"""Atlas's encoder: what it learns from, its loss by hand, its size.

A run of its training is in ``test_running.py``.
"""

import math

import pytest
import torch

from xkde.data.atlas.questions import recognise
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.text import normalise
from xkde.training.atlas_models.encoder import (
    EncoderSettings,
    Triple,
    collate,
    dev_triples,
    fresh_encoder,
    info_nce,
    load_encoder_settings,
    rows,
    triples,
)

LARGEST = 12_000_000  # bytes of weights that are shipped


@pytest.fixture(scope="module")
def drawn() -> list[Triple]:
    return list(triples(atlas(), 5000, seed=3))


# What it learns from


def test_the_same_for_a_seed(drawn: list[Triple]) -> None:
    assert len(drawn) == 5000
    assert drawn[:500] == list(triples(atlas(), 500, seed=3))
    assert drawn[:50] != list(triples(atlas(), 50, seed=4))


def test_held_out_subjects_are_in_no_edit_and_no_query(drawn: list[Triple]) -> None:
    world = atlas()
    subjects = {subject for triple in drawn for subject in triple.subjects}
    assert {world.split[subject] for subject in subjects} == {"train"}
    # And by their texts: no question about a held-out subject can be read in any.
    asked = [
        recognise(world, text, code)
        for triple in drawn[:400]
        for text in (triple.query, triple.positive, triple.negative)
        for code in ATLAS_LANGUAGES
    ]
    facts = [fact for fact in asked if fact]
    assert len(facts) > 50
    assert {world.split[subject] for subject, _ in facts} == {"train"}


def test_what_is_held_out_is_about_the_dev_split() -> None:
    world = atlas()
    apart = dev_triples(world, 300, 1)
    subjects = {triple.subjects[0] for triple in apart}
    assert {world.split[subject] for subject in subjects} == {"dev"}


def test_a_positive_is_about_the_query_and_a_negative_is_not(
    drawn: list[Triple],
) -> None:
    world = atlas()
    checked = 0
    for triple in drawn:
        assert triple.key != triple.negative_key
        for code in ATLAS_LANGUAGES if triple.subjects else ():
            fact = recognise(world, triple.query, code)
            if fact:
                assert ":".join(fact) == triple.key
                checked += 1
    assert checked > 500


def test_names_strings_and_strangers_are_there(drawn: list[Triple]) -> None:
    names = [t for t in drawn if t.key in atlas().names]
    assert 0.31 < len(names) / len(drawn) < 0.41
    for triple in names:
        own = set(atlas().names[triple.key].values())
        assert {triple.query, triple.positive} <= own
        assert triple.negative in atlas().names[triple.negative_key].values()
    strings = [t for t in drawn if t.key.startswith("string:")]
    assert all(normalise(t.query) == normalise(t.positive) for t in strings)
    strangers = [t for t in drawn if not t.subjects and ":" in t.key]
    share = (len(strangers) - len(strings)) / len(drawn)
    assert 0.1 < share < 0.18
    assert any(not t.query.isascii() and t.positive.isascii() for t in drawn)


# The loss


def test_the_loss_by_hand() -> None:
    query = torch.eye(2)
    vectors = torch.cat([query, query, -query])  # negatives are the opposite
    keys = torch.tensor([[1, 2], [3, 4]])
    e = math.e
    there = math.log(e + 1 + 1 / e + 1) - 1  # own 1, other 0, own negative -1, other 0
    back = math.log(e + 1) - 1
    assert info_nce(vectors, keys, 1.0).item() == pytest.approx((there + back) / 2)
    # The other positive is about the same fact, and so is the other's negative.
    same = torch.tensor([[1, 1], [3, 1]])
    first = math.log(e + 1 / e) - 1  # without both of the other's
    second = math.log(e + 1) - 1  # without the first's positive and its own negative
    there = (first + second) / 2
    assert info_nce(vectors, same, 1.0).item() == pytest.approx(there / 2)


def test_a_batch_holds_queries_then_positives_then_negatives() -> None:
    _, tokenizer = fresh_encoder(load_encoder_settings("atlas-encoder-smoke")[0])
    table = rows(
        tokenizer, [Triple("a", "b b", "c", "k", "n"), Triple("d", "e", "f", "k", "m")]
    )
    batch = collate(list(table))
    texts = [
        tokenizer.decode(ids[: int(mask.sum())])
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]
    assert texts == ["a", "d", "b b", "e", "c", "f"]
    keys = batch["keys"]
    assert keys[0, 0] == keys[0, 1]
    assert len(set(keys.flatten().tolist())) == 3
    assert table[0]["length"] == int(batch["attention_mask"][::2].sum())


# The model


def test_the_shipped_model_is_small_and_reads_in_lower_case() -> None:
    settings, _ = load_encoder_settings("atlas-encoder-laptop")
    model, tokenizer = fresh_encoder(settings)
    assert 2_000_000 <= model.num_parameters() <= 6_000_000
    assert 2 * model.num_parameters() < LARGEST  # bf16
    assert len(tokenizer) == model.config.vocab_size == settings.vocabulary
    read = {text: tokenizer(text)["input_ids"] for text in ("İzmir", "IZMIR", "izmir")}
    assert read["İzmir"] == read["izmir"] == read["IZMIR"]
    assert len(tokenizer("Japan")["input_ids"]) <= 2


# Settings


def test_the_default_settings_are_the_laptops() -> None:
    assert load_encoder_settings("atlas-encoder-laptop")[0] == EncoderSettings()
