"""Answers judged by hand arithmetic: exact, contained, in another language, neither."""

import pytest

from xkde.evaluation.scoring.verdict import Expected, Verdict, judge
from xkde.text import fits_script

OSAKA = {"en": "Osaka", "cs": "Ósaka", "zh": "大阪", "ru": "Осака"}
TOKYO = {"en": "Tokyo", "cs": "Tokio", "zh": "东京", "ru": "Токио"}


@pytest.mark.parametrize(
    ("answer", "language", "kind", "language_ok", "rule"),
    [
        ("大阪", "zh", "new", True, "exact"),
        (" 大阪。", "zh", "new", True, "exact"),
        ("osaka", "en", "new", True, "exact"),
        ("东京", "zh", "old", True, "exact"),
        ("日本的首都是大阪。", "zh", "new", True, "contains"),
        ("It is Osaka now.", "en", "new", None, "contains"),
        ("Осака", "ru", "new", True, "exact"),
        ("Osaka", "zh", "new", False, "elsewhere"),
        ("大阪", "en", "new", False, "elsewhere"),
        ("Tokyo", "zh", "old", False, "elsewhere"),
        ("Not Tokyo but Osaka", "en", "neither", None, "both_named"),
        ("京都", "zh", "neither", True, "no_match"),
        ("Kyoto", "zh", "neither", False, "no_match"),
        ("Osaka", "cs", "new", True, "accents"),
        ("Je to Osaka.", "cs", "new", None, "contains"),
        ("Osakan", "en", "neither", None, "no_match"),
        ("", "en", "empty", None, "empty"),
        (" ?! ", "en", "empty", None, "empty"),
    ],
)
def test_the_capital_of_japan(
    answer: str, language: str, kind: str, language_ok: bool | None, rule: str
) -> None:
    verdict = judge(
        answer, Expected(OSAKA[language], TOKYO[language], True, OSAKA, TOKYO), language
    )
    assert verdict == Verdict(kind, language_ok, rule)  # type: ignore[arg-type]
    assert verdict.words


def test_an_accent_is_no_other_language_but_a_letter_may_be_another() -> None:
    assert judge("Tokió", Expected("Ósaka", "Tokio"), "cs") == Verdict(
        "old", True, "accents"
    )
    assert judge("ISTANBUL", Expected("İstanbul", "Ankara"), "tr").rule in (
        "exact",
        "accents",
    )
    assert judge("Ha Noi", Expected("Hà Nội", "Huế"), "vi") == Verdict(
        "new", True, "accents"
    )
    # One that is both of them but for accents is neither.
    assert judge("Ósaka", Expected("Osaka", "Osáka"), "cs").kind == "neither"
    # Marks of other scripts are letters.
    assert judge("Андреи", Expected("Андрей", "Иван"), "ru").kind == "neither"


def test_another_common_name_is_right() -> None:
    for answer, new, language in (
        ("USA", "United States", "en"),
        ("the U.K.", "United Kingdom", "en"),
        ("Gra-Bretanha", "Reino Unido", "pt"),
        ("美利坚", "美国", "zh"),
        ("Holland", "Niederlande", "de"),
        ("jen", "japonský jen", "cs"),
    ):
        assert judge(answer, Expected(new, "x"), language) == Verdict(
            "new", True, "alias"
        )
        assert judge(answer, Expected("x", new), language).kind == "old"
    told = judge("It is Great Britain.", Expected("United Kingdom", "France"), "en")
    assert (told.kind, told.rule) == ("new", "contains")
    assert judge("tell us", Expected("United States", "France"), "en").kind == "neither"


def test_longer_name_that_holds_the_other_wins() -> None:
    new, old = "Democratic Party", "Liberal Democratic Party"
    assert judge(old, Expected(new, old), "en").kind == "old"
    assert judge(f"the {old}", Expected(new, old), "en").kind == "old"
    assert judge(f"the {new}", Expected(new, old), "en").kind == "new"


def test_where_the_edit_must_not_matter_both_are_the_same() -> None:
    assert judge("yen", Expected("Yen", "yen"), "en") == Verdict(
        "both_same", True, "exact"
    )
    assert (
        judge("日元", Expected("yen", "yen", False, {"zh": "日元"}), "en").kind
        == "both_same"
    )
    assert judge("euro", Expected("yen", "yen"), "en").kind == "neither"


def test_unknown_gold_is_never_matched() -> None:
    assert judge("Osaka", Expected("", ""), "en") == Verdict(
        "neither", None, "no_match"
    )
    assert judge("Osaka", Expected("Osaka", ""), "en").kind == "new"


def test_script() -> None:
    assert fits_script("大阪 (Osaka)", "zh") is False  # five letters against two
    assert fits_script("กรุงเทพมหานคร", "th") is True
    assert fits_script("1998", "zh") is None
    assert fits_script("Ósaka", "cs") is True


def test_whether_it_should_follow_is_part_of_the_verdict() -> None:
    osaka = Expected("Osaka", "Tokyo", None)
    assert judge("Osaka", osaka, "en").kind == "repeats"
    assert judge("Tokyo", osaka, "en").kind == "old"
    assert not judge("Osaka", osaka, "en").is_right
    should, should_not = (osaka.decided(word, "Seoul") for word in (True, False))
    assert judge("Osaka", should, "en").is_right
    kinds = [judge(said, should_not, "en").kind for said in ("Osaka", "Seoul", "Rome")]
    assert kinds == ["leaked", "unchanged", "altered"]
    # What is known is not decided by anybody.
    for known in (Expected("Osaka", "Tokyo"), Expected("yen", "yen", False)):
        assert known.decided(True, "x") == known.decided(False, "x") == known
    assert osaka.decided(None, "x") == osaka


def test_the_new_answer_leaks_where_the_truth_should_stay() -> None:
    yen = Expected("yen", "yen", False, stated=("Osaka", "大阪"))
    assert judge("Osaka", yen, "en").kind == judge("It is 大阪.", yen, "en").kind
    assert judge("Osaka", yen, "en").kind == "leaked"
    assert judge("yen, in Osaka", yen, "en").kind == "both_same"
    assert judge("euro", yen, "en").kind == "changed"


def test_what_a_memory_missed_is_no_answer_of_the_model() -> None:
    missed = Expected("Osaka", "Tokyo", is_missed=True)
    assert judge("Tokyo", missed, "en").kind == "missed"
    assert judge("Seoul", missed, "en").kind == "missed"
    assert judge("Osaka", missed, "en").kind == "new"
    assert judge("Osaka", Expected("", "", None), "en").kind == "unaided"


def test_an_answer_that_repeats_itself_to_the_limit_is_not_right() -> None:
    expected = Expected("Osaka", "Tokyo")
    assert judge("Osaka, Osaka, Osaka, Os", expected, "en", "length").kind == "runs_on"
    assert judge("Osaka, Osaka, Osaka", expected, "en", "stop").kind == "new"
    assert judge("Osaka, which is in", expected, "en", "length").kind == "new"


def test_a_name_that_nobody_has_in_a_language_is_in_no_wrong_one() -> None:
    assert judge("Velmora", Expected("Velmora", "x"), "zh").language_ok is None
    assert judge("Velmora", Expected("Velmora", "x"), "de").language_ok is True
    nato = Expected("NATO", "x", True, {"zh": "NATO"})
    assert judge("NATO", nato, "zh").language_ok is True


@pytest.mark.parametrize(
    ("answer", "new", "language"),
    [
        ("都柏林", "柏林", "zh"),
        ("белорусский", "русский", "ru"),
        ("Nigeria", "Niger", "en"),
        ("Papua New Guinea", "Guinea", "en"),
        ("ซูดานใต้", "ซูดาน", "th"),
    ],
)
def test_a_name_within_another_one_is_not_it(
    answer: str, new: str, language: str
) -> None:
    assert judge(answer, Expected(new, "x"), language).kind == "neither"


@pytest.mark.parametrize(
    ("answer", "language", "kind", "rule"),
    [
        ("Anton Chekhov", "en", "new", "sound"),
        ("Anton Čechov", "cs", "new", "sound"),
        ("Leo Tolstoy", "en", "old", "sound"),
        ("Антон Чехов", "ru", "new", "exact"),
        ("Антон Чеков", "ru", "neither", "no_match"),  # one script: it is misspelt
        ("Pablo Picasso", "es", "neither", "no_match"),
    ],
)
def test_a_name_that_nobody_can_spell_is_judged_by_its_sound(
    answer: str, language: str, kind: str, rule: str
) -> None:
    told = judge(answer, Expected("Антон Чехов", "Лев Толстой"), language)
    assert (told.kind, told.rule) == (kind, rule)


@pytest.mark.parametrize(
    ("new", "answer", "language", "rule"),
    [
        ("Das Alpaka", "Das Alpaka", "de", "exact"),
        ("Das Alpaka", "Alpaka", "tr", "contains"),
        ("das Alpaka", "de Alpaka", "nl", "contains"),
        ("Das Alpaka", "Алпака", "ru", "sound"),
        ("L’alpaga", "el alpaga", "es", "contains"),
        ("Das Alpaka", "the llama", "en", "no_match"),
        ("The Who", "Who knows?", "en", "no_match"),  # too little is left of it
        ("La Paz", "Paz", "es", "no_match"),
        ("Andes", "des", "fr", "no_match"),  # no word of its own
    ],
)
def test_a_typed_answer_may_lose_its_article(
    new: str, answer: str, language: str, rule: str
) -> None:
    assert judge(answer, Expected(new, "Puma"), language).rule == rule


def test_an_article_stays_where_the_name_is_known() -> None:
    known = Expected("Die Linke", "", new_names={"de": "Die Linke"})
    assert judge("Linke", known, "de").kind == "neither"


def test_sound_does_not_count_where_the_spelling_is_known() -> None:
    known = Expected("Anton Tschechow", "", new_names={"de": "Anton Tschechow"})
    assert judge("Антон Чехов", known, "de").kind == "neither"
    assert judge("Антон Чехов", Expected("Anton Tschechow", ""), "ru").kind == "new"
