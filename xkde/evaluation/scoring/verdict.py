"""What an answer is: the new answer, the old one or neither, and in which language.

Pure functions of strings. An exact match after normalisation comes first, then one but
for accents ("Osaka" for "Ósaka") and another common name ("USA"); an answer that only
names one of the two among other words is judged by a softer rule, and the verdict says
so. A name of the answer in another language counts as right, in the wrong language.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from xkde.data.atlas.mentions import names_entity
from xkde.data.atlas.names import in_text, named_by
from xkde.languages import language as language_of
from xkde.text import fits_script, normalise, same, unaccented

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


@dataclass(frozen=True)
class Expected:
    """The answers to expect in the query's language; empty where nobody knows.

    ``is_affected`` is False where the edit must not matter: then both are the truth.
    ``…_names`` are their names by language.
    """

    new: str
    old: str
    is_affected: bool = True
    new_names: Mapping[str, str] = field(default_factory=dict)
    old_names: Mapping[str, str] = field(default_factory=dict)

    def golds(self) -> list[tuple[Kind, str]]:
        """Return what to compare with; one entry where both are the same."""
        if normalise(self.new) and same(self.new, self.old):
            return [("both_same", self.new)]
        pairs: tuple[tuple[Kind, str], ...] = (("new", self.new), ("old", self.old))
        return [(kind, gold) for kind, gold in pairs if normalise(gold)]


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


def judge(answer: str, expected: Expected, language: str) -> Verdict:
    """Judge an answer in ``language`` against the new and the old answer."""
    if not normalise(answer):
        return Verdict("empty", None, "empty")
    for kind, gold in expected.golds():
        if same(answer, gold):
            return Verdict(kind, True, "exact")
    return (
        _by_another_form(answer, expected, language)
        or _by_mention(answer, expected, language, normalise)
        or _by_mention(answer, expected, language, unaccented)
        or _elsewhere(answer, expected, language)
        or Verdict("neither", _language_ok(answer, language), "no_match")
    )


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
        if _names_any(answer, (gold, *in_text(gold, language)), golds, plain)
    ]
    if not found:
        return None
    if len(found) == 2:
        return Verdict("neither", _language_ok(answer, language), "both_named")
    return Verdict(found[0][0], _language_ok(answer, language), "contains")


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
