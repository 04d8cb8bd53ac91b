"""Each rule gives its kind to answers that a person reads so, and says why."""

import json
from dataclasses import replace

import pytest

from xkde import paths
from xkde.evaluation.analysis.kinds import (
    EVIDENCE,
    KEYS,
    AnswerToSort,
    Kind,
    kind_of,
)

ROW = AnswerToSort(
    answer="",
    gold="Lissabon",
    probe="reliability",
    source="en",
    target="de",
    is_right=False,
    query="Wo hat die Firma Lumatrix ihren Sitz?",
    stated="Lisbon",
    new="Lissabon",
    old=("Prag", "Prague"),
    gold_names=(("de", "Lissabon"), ("tr", "Lizbon")),
)
TWO_HOPS = replace(
    ROW,
    probe="portability",
    gold="Portugal",
    old=("Tschechien",),
    query="In welchem Land liegt der Sitz der Firma Lumatrix?",
)
ELSEWHERE = replace(
    ROW,
    probe="locality",
    gold="Bern",
    old=(),
    query="Wie heißt die Hauptstadt der Schweiz?",
)


@pytest.mark.parametrize(
    ("row", "answer", "kind", "rule"),
    [
        (replace(ROW, is_right=True), "Lissabon", Kind.RIGHT, "exact"),
        (ROW, "Prag", Kind.OLD_FACT, "old"),
        (replace(ROW, base_answer="Rom"), "Rom.", Kind.OLD_FACT, "as_before"),
        (ROW, "Lisbon", Kind.UNTRANSLATED, "copied"),
        (ROW, "Lizbon", Kind.WRONG_LANGUAGE, "gold_elsewhere"),
        (ROW, "Лиссабон", Kind.WRONG_LANGUAGE, "script"),
        (ROW, "Lissabonn", Kind.NEAR_MISS, "spelling"),
        (ROW, "in Lissabon", Kind.NEAR_MISS, "names_gold"),
        (replace(ROW, is_of_kind=True), "Wien", Kind.OTHER_ENTITY, "same_kind"),
        (replace(ROW, is_of_kind=False), "Euro", Kind.SOMETHING_ELSE, "other_kind"),
        (ROW, "ab", Kind.BROKEN, "fragment"),
        (ROW, "Oslo", Kind.OTHER_ENTITY, "another_name"),
        (ROW, "Firma Lumatrix", Kind.SOMETHING_ELSE, "echo"),
        (ROW, "1984", Kind.SOMETHING_ELSE, "shape"),
        (ROW, " ", Kind.BROKEN, "empty"),
        (ROW, "Lis Lis Lis Lis Lis", Kind.BROKEN, "repeated"),
        (ROW, "Lisสboa", Kind.BROKEN, "mixed_scripts"),
        (replace(ROW, finish="length"), "Prag und", Kind.BROKEN, "cut_off"),
        (replace(ROW, is_stated=False), "Prag", Kind.NOT_RETRIEVED, "not_stated"),
        (
            replace(TWO_HOPS, defects=("hop_answer_is_new_answer",)),
            "Oslo",
            Kind.GOLD_DOUBTFUL,
            "defect",
        ),
        (TWO_HOPS, "Lissabon", Kind.FIRST_HOP, "new_answer"),
        (TWO_HOPS, "Tschechien", Kind.OLD_FACT, "old"),
        (ELSEWHERE, "Lissabon", Kind.LEAKED, "new_answer"),
        (
            replace(ELSEWHERE, before="Bern", was_right=True),
            "Genf",
            Kind.LOST_FACT,
            "right_before",
        ),
        (  # right but for an accent
            replace(ELSEWHERE, gold="Málaga", before="Malaga", was_right=False),
            "Genf",
            Kind.LOST_FACT,
            "right_before",
        ),
        (replace(TWO_HOPS, new="Oz"), "Oz", Kind.FIRST_HOP, "new_answer"),
        (
            replace(ELSEWHERE, before="Genf", was_right=False),
            "Rom",
            Kind.NOT_KNOWN,
            "wrong_before",
        ),
    ],
)
def test_answers_have_the_kind_that_a_reader_gives(
    row: AnswerToSort, answer: str, kind: Kind, rule: str
) -> None:
    found = kind_of(replace(row, answer=answer))
    assert (found.kind, found.rule) == (kind, rule)
    assert "{" not in found.evidence


def test_every_kind_has_a_key_and_words_in_both_languages() -> None:
    assert len(set(KEYS.values())) == len(Kind)
    for code in ("en", "zh"):
        file = paths.STRINGS / f"{code}.json"
        texts = json.loads(file.read_text(encoding="utf-8"))
        assert {f"kind_{kind}" for kind in Kind} <= set(texts)
        assert {f"kind_why_{kind}" for kind in Kind} <= set(texts)
    chinese = json.loads((paths.STRINGS / "notices_zh.json").read_text("utf-8"))
    assert set(EVIDENCE.values()) <= set(chinese)
