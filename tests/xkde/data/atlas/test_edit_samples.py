"""What SERAC and MEND learn from: held-out subjects stay out, answers are right.

Samples are read back from their text, so that a mistake in the records cannot hide one
in the questions.
"""

from itertools import islice

import pytest

from tests.helpers.atlas_samples import WORLD, about, plain, questions, truths
from xkde.data.atlas.edit_samples import (
    NOVEL_ANSWER_SHARE,
    NOVEL_SUBJECT_SHARE,
    TWO_HOP_SHARE,
    EditSample,
    edit_samples,
)
from xkde.data.atlas.records import TWO_HOPS
from xkde.languages import ATLAS_LANGUAGES

COUNT = 6_000


@pytest.fixture(scope="module")
def samples() -> list[EditSample]:
    return list(islice(edit_samples(WORLD, seed=3), COUNT))


def test_the_same_for_a_seed(samples: list[EditSample]) -> None:
    assert samples[:50] == list(islice(edit_samples(WORLD, seed=3), 50))
    assert samples[:50] != list(islice(edit_samples(WORLD, seed=4), 50))


# Held out


def test_records_name_no_held_out_subject(samples: list[EditSample]) -> None:
    named = {s.subject for s in samples} | {s.inside.subject for s in samples}
    named |= {s.outside.subject for s in samples}
    assert {WORLD.split[subject] for subject in named - {""}} == {"train"}


def test_no_text_asks_about_a_held_out_subject(samples: list[EditSample]) -> None:
    held_out = {
        text
        for text, asked in questions().items()
        if any(WORLD.split[one.subject] != "train" for one in asked)
    }
    assert "what is the currency of china" in held_out
    texts = {
        plain(text)
        for s in samples
        for text in (s.edit.question, s.inside.text, s.outside.text)
    }
    assert len(texts) > COUNT
    assert not texts & held_out


# Scope and answers


def test_a_query_in_scope_asks_what_the_edit_says_or_follows(
    samples: list[EditSample],
) -> None:
    for sample in samples:
        if not sample.subject:
            continue
        edited = {(a.subject, a.what) for a in about(sample.edit.question)}
        for asked in about(sample.inside.text):
            first = TWO_HOPS.get(asked.what, (asked.what, ""))[0]
            if (asked.subject, first) in edited:
                break
        else:
            raise AssertionError(sample)


def test_a_query_outside_asks_something_else_and_its_answer_is_true(
    samples: list[EditSample],
) -> None:
    for sample in samples:
        edited = {(a.subject, a.what) for a in about(sample.edit.question)}
        outside = {(a.subject, a.what) for a in about(sample.outside.text)}
        # Two subjects may share a name; then one of them is not the edit's.
        assert not outside or outside - edited
        if sample.outside.subject:
            found = truths(sample.outside.text, sample.outside.language)
            assert sample.outside.gold in found, sample


def test_answers_are_the_edits_in_the_querys_language(
    samples: list[EditSample],
) -> None:
    for sample in samples:
        same = sample.inside.language == sample.edit.language
        two_hops = any(a.what in TWO_HOPS for a in about(sample.inside.text))
        if same and not two_hops:
            assert plain(sample.edit.answer).endswith(plain(sample.inside.gold))


def test_shares_are_kept(samples: list[EditSample]) -> None:
    hops = sum(any(a.what in TWO_HOPS for a in about(s.inside.text)) for s in samples)
    strangers = sum(not s.subject for s in samples)
    known = {name for names in WORLD.names.values() for name in names.values()}
    plain_names = {plain(name) for name in known}
    invented = sum(plain(s.inside.gold) not in plain_names for s in samples)
    direct = 1 - TWO_HOP_SHARE
    assert abs(hops / COUNT - TWO_HOP_SHARE) < 0.02
    assert abs(strangers / COUNT - direct * NOVEL_SUBJECT_SHARE) < 0.015
    assert abs(invented / COUNT - direct * NOVEL_ANSWER_SHARE) < 0.03


def test_edits_of_one_fact_say_so(samples: list[EditSample]) -> None:
    facts = {s.fact for s in samples}
    assert 300 < len(facts) < COUNT
    for sample in samples[:200]:
        if sample.subject:
            assert sample.fact.startswith(sample.subject)


def test_without_cross_lingual_data_nothing_crosses() -> None:
    drawn = islice(edit_samples(WORLD, seed=3, cross_lingual=False), 300)
    for sample in drawn:
        languages = {sample.inside.language, sample.outside.language}
        assert languages == {sample.edit.language}


def test_every_language_is_asked_in(samples: list[EditSample]) -> None:
    assert {s.inside.language for s in samples} == set(ATLAS_LANGUAGES)
    assert {s.outside.language for s in samples} == set(ATLAS_LANGUAGES)
