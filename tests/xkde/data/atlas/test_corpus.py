"""What the models are taught: held-out subjects stay out, and every answer is right.

Samples are read back from their text (``tests/helpers/atlas_samples.py``), so that a
mistake in the records cannot hide one in the prompts. Texts are compared in plain form,
since XE-IT's are at times typed carelessly.
"""

import random
import unicodedata
from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from tests.helpers.atlas_samples import (
    WORLD,
    about,
    golds_of,
    heads,
    parts,
    plain,
    questions,
    stated,
    truths,
)
from xkde.data.atlas.corpus import (
    BASE_MIX,
    EDIT_LANGUAGES,
    FACT_WEIGHTS,
    LANGUAGE_WEIGHTS,
    MIXES,
    PREFERENCE_MIX,
    XE_IT_MIX,
    Conversation,
    CorpusSampler,
    careless,
    conversations,
    typed,
)
from xkde.data.atlas.questions import entity, question, recognise
from xkde.data.atlas.world import SHOWN
from xkde.languages import ATLAS_LANGUAGES
from xkde.prompts import EDIT_INSTRUCTION

SAMPLES = 60_000
CROSSING = ("in_scope", "in_scope_two_hop", "several", "out_of_scope")


@pytest.fixture(scope="module")
def samples() -> list[Conversation]:
    """The first 60,000 samples of XE-IT."""
    return list(islice(conversations(WORLD, XE_IT_MIX, seed=2), SAMPLES))


@pytest.fixture(scope="module")
def beside(samples: list[Conversation]) -> list[Conversation]:
    """Those of them that state an edit."""
    return [s for s in samples if EDIT_INSTRUCTION in s.messages[0].content]


# Held out


def test_records_name_no_held_out_subject_beside_an_edit(
    beside: list[Conversation],
) -> None:
    assert len(beside) > SAMPLES / 2
    named = {subject for s in beside for subject in (*s.edited, s.asked) if subject}
    no_facts = {subject for subject in named if subject not in WORLD.facts}
    assert no_facts == set(CorpusSampler(WORLD, seed=0).without_facts)
    named -= no_facts
    assert {WORLD.split[subject] for subject in named} == {"train"}
    assert set(SHOWN) <= named


def test_no_text_asks_about_a_held_out_subject_beside_an_edit(
    beside: list[Conversation],
) -> None:
    held_out = {
        text
        for text, asked in questions().items()
        if any(WORLD.split[one.subject] != "train" for one in asked)
    }
    assert "what is the currency of china" in held_out
    for sample in beside:
        lines, query, _ = parts(sample)
        assert plain(query) not in held_out
        for line in lines:
            # "… San Juan de Terranova? …" begins as a question about San Juan does.
            known = [head for head, _ in heads(line) if head in questions()]
            assert not known or known[-1] not in held_out, line


def test_no_text_is_recognised_as_about_a_held_out_subject(
    beside: list[Conversation],
) -> None:
    read = [parts(sample) for sample in beside[:2_000]]
    texts = {head for part in read for line in part.lines for head, _ in heads(line)}
    texts |= {part.query for part in read}
    subjects = set()
    for code in ATLAS_LANGUAGES:  # outermost: recognising keeps a few languages' frames
        known = (recognise(WORLD, text, code) for text in texts)
        subjects |= {found[0] for found in known if found}
    assert len(subjects) > 400
    assert {WORLD.split[subject] for subject in subjects} == {"train"}


def test_held_out_subjects_are_rehearsed_without_an_edit(
    samples: list[Conversation],
) -> None:
    alone = {s.asked for s in samples if s.kind == "closed_book"}
    assert {"territory/CN", "territory/IN"} <= alone
    assert {WORLD.split[subject] for subject in alone} == {"train", "dev", "test"}


# Answers


def test_in_scope_golds_are_the_edits_answers(beside: list[Conversation]) -> None:
    known = strangers = 0
    for sample in beside:
        (line, *_), query, code = parts(sample)
        if sample.kind != "in_scope":
            continue
        asked = {one[:2] for one in about(query)}
        facts = [fact for fact in stated(line) if fact.asked[:2] in asked]
        golds = {golds_of(fact, code) for fact in facts}
        if sample.asked:
            # Shuffled letters may happen to be a name: it is copied all the same.
            told = plain(sample.messages[1].content)
            assert told in golds or plain(line).endswith(told), line
        known += bool(sample.asked)
        strangers += not sample.asked
    assert 0.06 < strangers / (known + strangers) < 0.10


def test_out_of_scope_golds_are_true(beside: list[Conversation]) -> None:
    checked = 0
    for sample in beside:
        lines, query, code = parts(sample)
        if sample.kind != "out_of_scope" or not sample.asked:
            continue
        assert sample.messages[1].content in truths(query, code)
        touched = {s.asked[:2] for line in lines for s in stated(line)}
        assert not {asked[:2] for asked in about(query)} <= touched
        checked += 1
    assert checked > 0.2 * SAMPLES


def test_closed_book_and_two_hop_golds_are_true() -> None:
    for sample in islice(conversations(WORLD, BASE_MIX, seed=1), 20_000):
        text, gold = (message.content for message in sample.messages)
        if sample.kind in ("closed_book", "two_hop"):
            codes = {asked.code for asked in about(text)}
            assert any(gold in truths(text, code) for code in codes)


def test_two_hop_golds_by_hand() -> None:
    paris = {"en": "Paris", "zh": "巴黎", "ru": "Париж", "th": "ปารีส", "cs": "Paříž"}
    sampler, found = CorpusSampler(WORLD, seed=9), set()
    for _ in range(30_000):
        sample = sampler.in_scope_two_hop()
        (line, *_), query, code = parts(sample)
        hops = {asked.what for asked in about(query)}
        if not line.endswith("? France") or code not in paris:
            continue
        if hops <= {"country_capital", "residence_capital"}:
            assert sample.messages[1].content == paris[code]
            found.add(code)
    assert len(found) >= 2


def test_several_edits_have_distinct_subjects(beside: list[Conversation]) -> None:
    counts = Counter()
    for sample in beside:
        if sample.kind != "several":
            continue
        lines, query, code = parts(sample)
        counts[len(lines)] += 1
        assert len(set(sample.edited)) == len(lines) == len(sample.edited)
        asked = {one[:2] for one in about(query)}
        facts = [s for line in lines for s in stated(line) if s.asked[:2] in asked]
        golds = {golds_of(fact, code) for fact in facts}
        golds |= set() if facts else set(map(plain, truths(query, code)))
        assert plain(sample.messages[1].content) in golds
    assert counts.keys() == {2, 3, 4}


def test_stated_repeats_the_edit_in_its_own_language() -> None:
    sampler = CorpusSampler(WORLD, seed=3)
    for _ in range(500):
        sample = sampler.stated()
        (line, *_), query, code = parts(sample)
        assert line == f"{query} {sample.messages[1].content}"
        assert code in {asked.code for asked in about(query)}


def test_repeated_is_the_prompt_again_in_many_scripts() -> None:
    sampler, scripts = CorpusSampler(WORLD, seed=4), set()
    for _ in range(300):
        asked, told = sampler.repeated().messages
        assert asked.content == told.content
        assert len(told.content.split()) >= 3
        scripts |= {unicodedata.name(c).split()[0] for c in told.content if c.isalpha()}
    assert {"LATIN", "CYRILLIC", "THAI", "CJK"} <= scripts


def test_the_gold_in_the_edits_language_means_the_same(
    beside: list[Conversation],
) -> None:
    for sample in beside:
        gold = sample.messages[1].content
        assert sample.source_gold
        if gold == sample.source_gold:
            continue
        assert any(
            names[sample.source] == sample.source_gold and names[sample.target] == gold
            for names in WORLD.names.values()
        )


# Proportions, languages, seeds


@pytest.mark.parametrize("mix", [*MIXES.values(), PREFERENCE_MIX])
def test_mixes_are_kept(mix: dict[str, float]) -> None:
    n = 20_000
    assert sum(mix.values()) == pytest.approx(1)
    drawn = Counter(s.kind for s in islice(conversations(WORLD, mix, seed=5), n))
    for kind, share in mix.items():
        assert abs(drawn[kind] - n * share) < 4.5 * (n * share * (1 - share)) ** 0.5


def test_edits_are_mostly_english_and_chinese(beside: list[Conversation]) -> None:
    one = [s for s in beside if s.kind == "in_scope_two_hop"]
    found = Counter(stated(parts(s).lines[0])[0].asked.code for s in one)
    deck = sum(LANGUAGE_WEIGHTS.values())
    rest = 1 - sum(EDIT_LANGUAGES.values())
    for code, share in EDIT_LANGUAGES.items():
        expected = share + rest * LANGUAGE_WEIGHTS[code] / deck
        assert found[code] / len(one) == pytest.approx(expected, abs=0.03)
    assert found.keys() == set(ATLAS_LANGUAGES)
    asked = Counter(parts(s).code for s in one)
    assert min(asked.values()) / len(one) > 0.8 / deck


def crossings(samples: Iterator[Conversation]) -> int:
    """Count the questions in another language than all edits beside them."""
    count = 0
    for sample in samples:
        if sample.kind in CROSSING:
            lines, query, _ = parts(sample)
            told = {s.asked.code for line in lines for s in stated(line)}
            asked = {one.code for one in about(query)}
            count += bool(told and asked and not told & asked)
    return count


def test_without_cross_lingual_data_nothing_crosses() -> None:
    own = conversations(WORLD, XE_IT_MIX, seed=4, cross_lingual=False)
    assert crossings(islice(own, 20_000)) == 0
    crossed = conversations(WORLD, XE_IT_MIX, seed=4)
    assert crossings(islice(crossed, 2_000)) > 500


@pytest.mark.parametrize("cross_lingual", [True, False])
def test_names_asked_beside_an_edit_are_asked_in_the_named_language(
    cross_lingual: bool,
) -> None:
    made = conversations(WORLD, XE_IT_MIX, seed=6, cross_lingual=cross_lingual)
    for sample in islice(made, 5_000):
        if sample.kind == "out_of_scope" and not sample.asked:
            _, query, code = parts(sample)
            frames = [t.split("{name}") for t in WORLD.wordings[code].dictionary]
            assert any(query.startswith(a) and query.endswith(z) for a, z in frames)


@pytest.mark.parametrize("mix", [XE_IT_MIX, BASE_MIX])
def test_the_same_for_a_seed(mix: dict[str, float]) -> None:
    def first(seed: int) -> list[Conversation]:
        return list(islice(conversations(WORLD, mix, seed), 500))

    random.seed(0)  # must not matter
    made = first(1)
    random.seed(1)
    assert made == first(1)
    assert made != first(2)


def test_every_fact_is_drawn_by_its_weights_before_any_comes_again() -> None:
    sampler = CorpusSampler(WORLD, seed=8)
    size = len(sampler.facts) * len(sampler.languages)
    drawn = Counter(sampler.draws.draw("facts", sampler.facts) for _ in range(size))
    assert len(drawn) == 12 * sum(map(len, WORLD.facts.values()))
    for (_, relation, code), count in drawn.items():
        weight = FACT_WEIGHTS.get(relation, 1) * LANGUAGE_WEIGHTS.get(code, 1)
        assert count == weight


# Carelessness


def test_careless_texts_ask_the_same() -> None:
    random_ = random.Random(1)
    asked = (
        "What is the currency of Japan?",
        "日本的货币是什么？",
        "Назовите столицу.",
    )
    for text in asked:
        drawn = [careless(text, random_) for _ in range(6_000)]
        assert {plain(one) for one in drawn} == {plain(text)}
        changed = sum(one != text for one in drawn) / len(drawn)
        assert changed < 0.2
    assert {
        "What's the currency of Japan?",
        "what is the currency of japan?",
        "What is the currency of Japan",
    } < {careless(asked[0], random_) for _ in range(6_000)}


def test_typed_answers_name_the_same() -> None:
    random_ = random.Random(2)
    drawn = Counter(typed("Labour Party", "party", "en", random_) for _ in range(4_000))
    assert {one.lower() for one in drawn} == {"labour party", "the labour party"}
    assert len(drawn) == 4
    assert {entity(WORLD, "party", one, "en") for one in drawn} == {"party/labour"}
    assert {typed("工党", "party", "zh", random_) for _ in range(200)} == {"工党"}


def test_only_xe_it_is_careless() -> None:
    exact = {t for s in WORLD.facts for r in WORLD.facts[s] for c in ATLAS_LANGUAGES
             for i in range(4) for t in [question(WORLD, s, r, c, i)]}  # fmt: skip
    for mix, share in ((BASE_MIX, 0.0), (XE_IT_MIX, 0.15)):
        made = islice(conversations(WORLD, mix, seed=3), 8_000)
        asked = [s.messages[0].content for s in made if s.kind == "closed_book"]
        changed = sum(text not in exact for text in asked) / len(asked)
        assert changed == pytest.approx(share, abs=0.05 if share else 0)
