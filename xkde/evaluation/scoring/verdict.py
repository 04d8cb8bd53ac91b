"""What an answer is: the new answer, the old one or neither, and in which language.

Pure functions of strings. An exact match after normalisation comes first, then one but
for accents ("Osaka" for "Ósaka") and another common name ("USA"). Two softer rules come
after, and the verdict names them: the answer holds one of the two among other words, or
it reads like one of them in another script, where nobody knows how it is spelt there.
By both, a typed answer may lose its article ("Alpaka" for "das Alpaka"). A name of the
answer in another language counts as right, in the wrong language.

Whether an answer *should* be the new one is part of the verdict: where the edit must
not matter, the new answer has leaked; where nobody knows, it repeats the new answer.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from xkde.data.atlas.mentions import names_entity
from xkde.data.atlas.names import in_text, named_by
from xkde.evaluation.scoring.sound import sound_alike
from xkde.languages import ARTICLES
from xkde.languages import language as language_of
from xkde.text import fits_script, normalise, repeats_itself, same, unaccented
from xkde.types import Finish

Kind = Literal[
    "new", "old", "neither", "both_same",
    "repeats",  # the new answer, and nobody knows whether it should be
    "leaked",  # the new answer to a question that must not follow the edit
    "unchanged",  # what the base says, where nobody knows what is right
    "changed",  # not the answer that should stay
    "altered",  # not the base's answer, where that should stay
    "missed",  # not the new answer: the memory has the edit but did not find it
    "unaided",  # nothing was stated, and nobody knows what is right
    "runs_on", "empty",
]  # fmt: skip
Rule = Literal[
    "exact",
    "accents",
    "alias",
    "contains",
    "sound",
    "elsewhere",
    "both_named",
    "no_match",
    "repetition",
    "empty",
]

# Of any language; what is left of a name must still tell something.
_ARTICLE = re.compile(
    "(?:"
    + "|".join(
        article.replace("'", "['’]") if article.endswith("'") else rf"{article}\s+"
        for article in sorted({each for known in ARTICLES.values() for each in known})
    )
    + ")(?=.{4})",
    re.IGNORECASE,
)

RIGHT: tuple[Kind, ...] = ("new", "both_same", "unchanged")
RULES: dict[Rule, str] = {
    "exact": "the same after normalisation",
    "accents": "the same but for accents",
    "alias": "another common name of it",
    "contains": "it is named among other words or without its article (a softer rule)",
    "sound": "in another script it reads like it (a softer rule)",
    "elsewhere": "its name in another language",
    "both_named": "the answer names both the new and the old answer",
    "no_match": "it names neither the new nor the old answer",
    "repetition": "the answer repeats itself until it is cut off",
    "empty": "the model said nothing",
}


@dataclass(frozen=True)
class Expected:
    """The answers to expect in the query's language; empty where nobody knows.

    ``is_affected``: whether the answer should follow the edit; None where nobody knows.
    Where it is False both answers are the truth, and ``stated`` has the forms of the
    edit's answer, which must not appear. ``…_names`` are names by language.
    """

    new: str
    old: str
    is_affected: bool | None = True
    new_names: Mapping[str, str] = field(default_factory=dict)
    old_names: Mapping[str, str] = field(default_factory=dict)
    stated: tuple[str, ...] = ()
    is_missed: bool = False  # the memory has the edit, and did not find it
    is_base: bool = False  # what is compared with is the base's answer, no known truth

    def golds(self) -> list[tuple[Kind, str]]:
        """Return what to compare with; one entry where both are the same."""
        if normalise(self.new) and same(self.new, self.old):
            return [("both_same", self.new)]
        pairs: tuple[tuple[Kind, str], ...] = (("new", self.new), ("old", self.old))
        return [(kind, gold) for kind, gold in pairs if normalise(gold)]

    def decided(self, should_follow: bool | None, base_answer: str) -> "Expected":
        """Return it as a person decided, where nobody knows; None: not decided.

        A question that should not follow the edit should be answered as the base does.
        """
        if self.is_affected is not None or should_follow is None:
            return self
        if should_follow:
            return replace(self, is_affected=True)
        return Expected(
            base_answer,
            base_answer,
            False,
            stated=(self.new, *self.new_names.values()),
            is_base=True,
        )


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

    @property
    def is_right(self) -> bool:
        """Whether it is what should be answered, in a language that may be right."""
        return self.kind in RIGHT and self.language_ok is not False


def judge(
    answer: str, expected: Expected, language: str, finish: Finish = "stop"
) -> Verdict:
    """Judge an answer in ``language`` against the new and the old answer."""
    if not normalise(answer):
        return Verdict("empty", None, "empty")
    if finish == "length" and repeats_itself(answer):
        return Verdict("runs_on", _language_ok(answer, language), "repetition")
    found = _compared(answer, expected, language)
    if expected.is_affected is None:
        if not expected.golds():
            return replace(found, kind="unaided")
        return replace(found, kind="repeats") if found.kind == "new" else found
    if expected.is_affected:
        is_missed = expected.is_missed and found.kind != "new"
        return replace(found, kind="missed") if is_missed else found
    if found.kind in ("new", "both_same"):
        return replace(found, kind="unchanged" if expected.is_base else "both_same")
    if _names_any(answer, expected.stated, (), normalise):
        return Verdict("leaked", _language_ok(answer, language), "contains")
    return replace(found, kind="altered" if expected.is_base else "changed")


def _compared(answer: str, expected: Expected, language: str) -> Verdict:
    """Compare an answer with both golds."""
    for kind, gold in expected.golds():
        if same(answer, gold):
            is_typed = _is_typed(gold, expected, language)
            is_typed = is_typed and fits_script(gold, language) is False
            return Verdict(kind, None if is_typed else True, "exact")
    return (
        _by_another_form(answer, expected, language)
        or _by_mention(answer, expected, language, normalise)
        or _by_mention(answer, expected, language, unaccented)
        or _by_sound(answer, expected, language)
        or _elsewhere(answer, expected, language)
        or Verdict("neither", _language_ok(answer, language), "no_match")
    )


def _is_typed(gold: str, expected: Expected, language: str) -> bool:
    """Tell whether a gold is as it was typed: nobody has the name in this language."""
    known = (expected.new_names.get(language), expected.old_names.get(language))
    return gold not in known


def _by_another_form(answer: str, expected: Expected, language: str) -> Verdict | None:
    """Judge an answer that is one of the two in another spelling, or by another name.

    One that is both in this sense is neither.
    """
    rules: dict[Rule, list[Kind]] = {"accents": [], "alias": []}
    for kind, gold in expected.golds():
        if unaccented(gold) == unaccented(answer):
            rules["accents"].append(kind)
        if named_by(answer, language) == normalise(gold):
            rules["alias"].append(kind)
    for rule, kinds in rules.items():
        if len(kinds) == 1:
            return Verdict(kinds[0], True, rule)
    return None


def _by_mention(
    answer: str, expected: Expected, language: str, plain: Callable[[str], str]
) -> Verdict | None:
    """Judge an answer that names one of the two among other words."""
    golds = [gold for _, gold in expected.golds()]
    found = [
        (kind, gold)
        for kind, gold in expected.golds()
        if _names_any(answer, _forms(gold, expected, language), golds, plain)
    ]
    if not found:
        return None
    if len(found) == 2:
        return Verdict("neither", _language_ok(answer, language), "both_named")
    return Verdict(found[0][0], _language_ok(answer, language), "contains")


def _forms(gold: str, expected: Expected, language: str) -> tuple[str, ...]:
    """Return how other words may hold an answer."""
    known = (gold, *in_text(gold, language))
    if _is_typed(gold, expected, language):
        return (*known, _without_article(gold))
    return known


def _without_article(typed: str) -> str:
    found = _ARTICLE.match(typed)
    return typed[found.end() :] if found else typed


def _by_sound(answer: str, expected: Expected, language: str) -> Verdict | None:
    """Judge an answer that reads like a name whose spelling here nobody knows."""
    found = [
        kind
        for kind, gold in expected.golds()
        if _is_typed(gold, expected, language)
        and any(sound_alike(answer, each) for each in (gold, _without_article(gold)))
    ]
    if len(found) != 1:
        return None
    return Verdict(found[0], _language_ok(answer, language), "sound")


def _elsewhere(answer: str, expected: Expected, language: str) -> Verdict | None:
    """Judge an answer that names one of the two in another language."""
    for kind, names in (("new", expected.new_names), ("old", expected.old_names)):
        others = [name for code, name in names.items() if code != language]
        if _names_any(answer, others, (), normalise):
            golds = dict(expected.golds())
            is_new: Kind = "new" if kind == "new" else "old"
            return Verdict("both_same" if "both_same" in golds else is_new, False,
                           "elsewhere")  # fmt: skip
    return None


def _names_any(
    text: str,
    names: Sequence[str],
    others: Sequence[str],
    plain: Callable[[str], str],
) -> bool:
    return any(names_entity(text, name, others, plain) for name in names)


def _language_ok(answer: str, language: str) -> bool | None:
    """Tell by script alone; Latin letters do not tell one language from another."""
    fits = fits_script(answer, language)
    if fits and language_of(language).script == "Latn":
        return None
    return fits
