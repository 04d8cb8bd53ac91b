"""What an answer is: the new answer, the old one or neither, and in which language.

Pure functions of strings; knows no model. An exact match after normalisation comes
first, then one but for accents ("Osaka" for "Ósaka") and another common name ("USA");
an answer that merely names one of the two is judged by a softer rule, and the verdict
says so. A name of the answer in another language counts as right, in the wrong
language.

Try it: ``python -c "from xkde.evaluation.scoring.verdict import judge;
print(judge('大阪', '大阪', '东京', 'zh'))"``
"""

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from xkde.data.atlas.names import in_text, named_by
from xkde.languages import language as language_of
from xkde.text import normalise, unaccented

Kind = Literal["new", "old", "neither", "both_same", "empty"]
Rule = Literal[
    "exact",
    "accents",
    "alias",
    "contains",
    "elsewhere",
    "both_named",
    "no_match",
    "empty",
]

Plain = Callable[[str], str]  # a text as it is compared

RULES: dict[Rule, str] = {
    "exact": "the same after normalisation",
    "accents": "the same but for accents",
    "alias": "another common name of it",
    "contains": "the answer names it among other words (a softer rule)",
    "elsewhere": "its name in another language",
    "both_named": "the answer names both the new and the old answer",
    "no_match": "it names neither the new nor the old answer",
    "empty": "the model said nothing",
}

# ISO 15924 code -> how Unicode's names of its letters begin
SCRIPTS: dict[str, tuple[str, ...]] = {
    "Latn": ("LATIN",),
    "Cyrl": ("CYRILLIC",),
    "Thai": ("THAI",),
    "Hans": ("CJK",),
    "Jpan": ("CJK", "HIRAGANA", "KATAKANA"),
    "Kore": ("HANGUL", "CJK"),
    "Arab": ("ARABIC",),
    "Armn": ("ARMENIAN",),
    "Beng": ("BENGALI",),
    "Deva": ("DEVANAGARI",),
    "Geor": ("GEORGIAN",),
    "Grek": ("GREEK",),
    "Hebr": ("HEBREW",),
    "Taml": ("TAMIL",),
}


@dataclass(frozen=True)
class Verdict:
    """One answer judged. ``language_ok`` is None where nothing tells."""

    kind: Kind
    language_ok: bool | None
    rule: Rule

    @property
    def words(self) -> str:
        """Why, in words."""
        return RULES[self.rule]


def fits_script(text: str, language: str) -> bool | None:
    """Tell whether most letters are of the language's script; None without letters."""
    names = [unicodedata.name(c, "") for c in text if c.isalpha()]
    if not names:
        return None
    script = SCRIPTS[language_of(language).script]
    return 2 * sum(name.startswith(script) for name in names) > len(names)


def judge(
    answer: str,
    new: str,
    old: str,
    language: str,
    new_names: Mapping[str, str] | None = None,
    old_names: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge an answer in ``language`` against the new and the old answer.

    ``new`` and ``old`` are in that language; an empty one is unknown. They are equal
    where the edit must not matter. ``…_names`` are their names by language.
    """
    if not normalise(answer):
        return Verdict("empty", None, "empty")
    for kind, gold in _golds(new, old):
        if normalise(answer) == normalise(gold):
            return Verdict(kind, True, "exact")
    verdict = _meant(answer, new, old, language)
    verdict = verdict or _contained(answer, new, old, language)
    if verdict is not None:
        return verdict
    for kind, names in (("new", new_names), ("old", old_names)):
        others = [name for code, name in (names or {}).items() if code != language]
        if any(_names(answer, name, spaced=True) for name in others):
            same = new and normalise(new) == normalise(old)
            return Verdict("both_same" if same else _kind(kind), False, "elsewhere")
    return Verdict("neither", _language_ok(answer, language), "no_match")


def _golds(new: str, old: str) -> list[tuple[Kind, str]]:
    """Return what to compare with; one entry where both are the same."""
    if normalise(new) and normalise(new) == normalise(old):
        return [("both_same", new)]
    pairs: tuple[tuple[Kind, str], ...] = (("new", new), ("old", old))
    return [(kind, gold) for kind, gold in pairs if normalise(gold)]


def _kind(kind: str) -> Kind:
    return "new" if kind == "new" else "old"


def _meant(answer: str, new: str, old: str, language: str) -> Verdict | None:
    """Judge an answer that is one of the two in another spelling, or by another name.

    One that is both in this sense is neither.
    """
    said = unaccented(answer)
    rules: dict[Rule, list[Kind]] = {"accents": [], "alias": []}
    for kind, gold in _golds(new, old):
        if unaccented(gold) == said:
            rules["accents"].append(kind)
        if named_by(answer, language) == normalise(gold):
            rules["alias"].append(kind)
    for rule, kinds in rules.items():
        if len(kinds) == 1:
            return Verdict(kinds[0], True, rule)
    return None


def _contained(answer: str, new: str, old: str, language: str) -> Verdict | None:
    golds = _golds(new, old)
    for plain in (normalise, unaccented):  # accents count where they decide
        verdict = _held(answer, golds, language, plain)
        if verdict is not None:
            return verdict
    return None


def _held(
    answer: str, golds: Sequence[tuple[Kind, str]], language: str, plain: Plain
) -> Verdict | None:
    def names(text: str, gold: str) -> bool:
        return _names(text, gold, spaced=language_of(language).spaced, plain=plain)

    found = [
        (kind, gold)
        for kind, gold in golds
        if any(names(answer, form) for form in (gold, *in_text(gold, language)))
    ]
    if len(found) == 2:
        # "Liberal Democratic Party" also names the "Democratic Party": the longer one.
        found.sort(key=lambda entry: len(normalise(entry[1])), reverse=True)
        longer, shorter = (gold for _, gold in found)
        if not names(longer, shorter) or plain(longer) == plain(shorter):
            return Verdict("neither", _language_ok(answer, language), "both_named")
    if not found:
        return None
    return Verdict(found[0][0], _language_ok(answer, language), "contains")


def _names(answer: str, gold: str, *, spaced: bool, plain: Plain = normalise) -> bool:
    """Tell whether a text holds a name; as whole words where words are apart."""
    said, name = plain(answer), plain(gold)
    if not name:
        return False
    # A name in an unspaced script has no borders, whatever the answer's language.
    if spaced and fits_script(name, "en") is not False:
        return f" {name} " in f" {said} "
    return name in said


def _language_ok(answer: str, language: str) -> bool | None:
    """Tell by script alone; Latin letters do not tell one language from another."""
    fits = fits_script(answer, language)
    if fits and language_of(language).script == "Latn":
        return None
    return fits
