"""Own words are no template, and change what generality asks, nothing else."""

from dataclasses import replace

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.own_words import in_own_words, own_wordings
from xkde.data.atlas.questions import wordings
from xkde.data.atlas.records import RELATIONS
from xkde.data.atlas.world import atlas
from xkde.evaluation.run.questions import choose
from xkde.text import normalise

WORLD = atlas()


def test_no_own_wording_is_one_that_training_saw() -> None:
    assert set(own_wordings()) == {"en", "de", "fr", "zh"}
    for code, by_relation in own_wordings().items():
        assert set(by_relation) == set(RELATIONS)
        for relation, texts in by_relation.items():
            trained = {normalise(text) for text in wordings(WORLD, relation, code)}
            assert len({normalise(text) for text in texts}) == 2
            for text in texts:
                assert text.count("{subject}") == 1
                assert normalise(text) not in trained


def test_only_the_questions_of_generality_are_others() -> None:
    cases = atlas_cases(WORLD, limit=39)
    for case, own in zip(cases, in_own_words(WORLD, cases), strict=True):
        for code in own_wordings():
            item, theirs = own.probes["generality"][code], case.probes["generality"]
            assert item.question != theirs[code].question
            assert replace(item, question="") == replace(theirs[code], question="")
            assert own.probes["reliability"][code] == case.probes["reliability"][code]
            assert own.edits[code] == case.edits[code]


def test_it_is_a_benchmark_of_its_own() -> None:
    chosen = choose("atlas-own-words", "en-all", limit=30)
    assert chosen.benchmark == "atlas-own-words"
    assert [target for _, target in chosen.directions] == ["en", "de", "fr", "zh"]
    plain = choose("atlas", "en-en", limit=30)
    assert [case.id for case in chosen.cases] == [case.id for case in plain.cases]
    assert chosen.sha256 != plain.sha256
