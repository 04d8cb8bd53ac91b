"""What sort of failure an answer is: one kind, with the evidence in words.

The rules are tried in the order of ``RULES``; the first that fires decides, so that an
answer has one kind. They read strings alone, and call no model: the same answer has the
same kind always. Right is what the protocol counts as right: an exact match, or every
token of the gold.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from xkde.data.atlas.mentions import names_entity
from xkde.errors import Notice
from xkde.evaluation.analysis.likeness import (
    adds_words_of,
    are_alike,
    holds_half_of,
    is_of_script,
    is_part,
    is_repeated,
    latin_language,
    mixed_word,
    scripts_in,
    shares_most_of,
    words_of,
)
from xkde.languages import language
from xkde.text import normalise, same, scripts_of, unaccented


class Kind(StrEnum):
    """What an answer is. Its words are the texts ``kind_…`` of the interface."""

    RIGHT = "right"
    OLD_FACT = "old_fact"
    OTHER_ENTITY = "other_entity"
    UNTRANSLATED = "untranslated"
    WRONG_LANGUAGE = "wrong_language"
    NEAR_MISS = "near_miss"
    FIRST_HOP = "first_hop"
    LEAKED = "leaked"
    LOST_FACT = "lost_fact"
    BROKEN = "broken"
    NOT_KNOWN = "not_known"
    NOT_RETRIEVED = "not_retrieved"
    GOLD_DOUBTFUL = "gold_doubtful"
    SOMETHING_ELSE = "something_else"


FAILURES = tuple(kind for kind in Kind if kind != Kind.RIGHT)
# The key that labels an answer with a kind, on a keyboard
KEYS: dict[Kind, str] = dict(zip(Kind, "0123456789qwer", strict=True))

# Evidence -> its sentence; ``text`` is what of the answer, or beside it, shows it.
EVIDENCE: dict[str, str] = {
    "exact": "It is the gold.",
    "all_tokens": "Every token of the gold is the model's first choice.",
    "empty": "It says nothing.",
    "cut_off": "It does not stop: it was cut off at the most tokens allowed.",
    "repeated": "It repeats itself.",
    "damaged": "It holds broken characters.",
    "mixed_word": "“{text}” mixes letters of two alphabets.",
    "mixed_scripts": "It mixes scripts that neither question nor edit has: {text}.",
    "prompt": "It repeats the prompt's own words.",
    "fragment": "It is a fragment of a word.",
    "runs_on": "It runs on for {text} characters.",
    "not_stated": "The edit was not among those that the memory found.",
    "other_form": "Another right form of the gold “{text}”.",
    "accents": "The gold “{text}” but for accents.",
    "names_gold": "It names the gold “{text}” among other words.",
    "spelling": "Almost the gold “{text}”: spelt otherwise.",
    "part": "A part of the gold “{text}”.",
    "most_tokens": "Half of the gold's tokens or more are right.",
    "old": "“{text}” was true before the edit.",
    "as_before": "“{text}” is what is answered without the edit, too.",
    "copied": "It repeats “{text}” as the edit states it.",
    "copied_in_part": "It keeps “{text}” of the edit, untranslated.",
    "copied_alike": "Almost “{text}”, as the edit states it: not translated.",
    "new_answer": "“{text}” is the edit's new answer, and not what is asked.",
    "part_of_new": "It holds “{text}” of the edit's new answer.",
    "shared": "It shares words with the gold “{text}”.",
    "gold_elsewhere": "The gold's name in another language: {text}.",
    "script": "It is not in the script of the question's language ({text}).",
    "small_words": "Its letters or small words are of another language: {text}.",
    "right_before": "Without the edit it says “{text}”, which is right.",
    "wrong_before": "Without the edit it is wrong as well: “{text}”.",
    "defect": "The benchmark's gold is doubtful here: {text}.",
    "gold_script": "The gold “{text}” is not in the question's script itself.",
    "echo": "It repeats words of the question.",
    "shape": "A number where none is asked for, or none where one is.",
    "other_kind": "“{text}” is of another kind than what is asked for.",
    "same_kind": "“{text}” is of the kind that is asked for.",
    "another_name": "“{text}” is neither the gold nor anything else known here.",
}


@dataclass(frozen=True, slots=True)
class AnswerToSort:
    """An answer with all that is known beside it; "" or None: not known."""

    answer: str
    gold: str
    probe: str
    source: str  # language of the edit
    target: str  # language of the question
    is_right: bool
    query: str = ""
    stated: str = ""  # the edit's new answer, as the edit states it
    new: str = ""  # the same in the question's language
    old: tuple[str, ...] = ()  # what was true before the edit, in any language
    before: str | None = None  # the same model's answer without the edit
    base_answer: str | None = None  # the base's answer without the edit
    was_right: bool | None = None  # whether one of these two was
    is_other_form: bool = False  # an alias of the gold, or its year written otherwise
    gold_names: tuple[tuple[str, str], ...] = ()  # (language, name) in other languages
    is_of_kind: bool | None = None  # whether the answer is of the kind asked for
    is_known: bool = False  # whether it is exactly the name of something else
    common: frozenset[str] = frozenset()  # words of several golds: "university"
    defects: tuple[str, ...] = ()  # of ``xkde.data.benchmarks.defects``
    is_stated: bool | None = None  # whether the prompt states the edit
    finish: str = ""
    token_accuracy: float | None = None  # teacher-forced

    @property
    def crosses(self) -> bool:
        """Whether the edit is in another language, and written otherwise there."""
        return self.source != self.target and not names_entity(self.gold, self.stated)

    @property
    def is_about_edit(self) -> bool:
        """Whether the gold is the edit's new answer."""
        return self.probe in ("reliability", "generality")

    @property
    def before_edit(self) -> str:
        """The answer without the edit: the same model's, else the base's."""
        return (self.before if self.before is not None else self.base_answer) or ""

    @property
    def was_known(self) -> bool:
        """Whether the answer without the edit was right, its accents aside."""
        plain = unaccented(self.before_edit)
        return bool(self.was_right) or (plain != "" and plain == unaccented(self.gold))


@dataclass(frozen=True, slots=True)
class KindFound:
    """A kind with its evidence: one of ``EVIDENCE``, and the text that fills it."""

    kind: Kind
    rule: str
    text: str = ""

    @property
    def evidence(self) -> Notice:
        """The evidence in words."""
        return Notice(EVIDENCE[self.rule], text=self.text)


Rule = Callable[[AnswerToSort], KindFound | None]
LONG = 60  # characters from which an answer may run on
LONGER = 3  # times as long as the gold
_PROMPT_MARKS = ("updated information", "subsequent query", "<start_of_turn>")
# The defect by which even a good answer is counted as wrong
_DOUBTFUL = "hop_answer_is_new_answer"


def kind_of(row: AnswerToSort) -> KindFound:
    """Return the kind of an answer, with its evidence."""
    for rule in RULES:
        found = rule(row)
        if found is not None:
            return found
    return KindFound(Kind.OTHER_ENTITY, "another_name", row.answer)


def _right(row: AnswerToSort) -> KindFound | None:
    if not row.is_right:
        return None
    return KindFound(
        Kind.RIGHT, "exact" if row.token_accuracy is None else "all_tokens"
    )


def _broken(row: AnswerToSort) -> KindFound | None:
    if not normalise(row.answer):
        return KindFound(Kind.BROKEN, "empty")
    if row.token_accuracy is not None:
        return None  # first choices, token by token, are no text
    for rule, shows in BREAKS.items():
        text = shows(row)
        if text is not None:
            return KindFound(Kind.BROKEN, rule, text)
    return None


def _strange_scripts(row: AnswerToSort) -> str | None:
    scripts = scripts_in(row.answer)
    if len(scripts) < 2:
        return None
    known = scripts_in(row.query) | scripts_in(row.gold) | scripts_in(row.stated)
    strange = scripts - known - set(scripts_of(row.target))
    return ", ".join(sorted(strange)) or None


def _mixed_word(row: AnswerToSort) -> str | None:
    if len(scripts_in(row.answer)) < 2 or names_entity(row.answer, row.gold):
        return None
    return mixed_word(row.answer, language(row.target).spaced) or None


def _runs_on(row: AnswerToSort) -> str | None:
    size = len(row.answer)
    return str(size) if size >= LONG and size >= LONGER * len(row.gold) else None


def _is_fragment(row: AnswerToSort) -> bool:
    plain = normalise(row.answer)
    shortest = 3 if language(row.target).spaced else 2
    return (
        len(plain) < shortest <= len(row.gold)
        and plain.isalpha()
        and plain != normalise(row.new)
        and not names_entity(f"{row.query} {row.stated}", plain)
    )


def _if(condition: bool) -> str | None:
    return "" if condition else None


# How a string is broken: evidence -> its text, or None where it is not so
BREAKS: dict[str, Callable[[AnswerToSort], str | None]] = {
    "cut_off": lambda row: _if(row.finish == "length"),
    "repeated": lambda row: _if(is_repeated(row.answer)),
    "damaged": lambda row: _if("\ufffd" in row.answer),
    "prompt": lambda row: _if(
        any(mark in row.answer.casefold() for mark in _PROMPT_MARKS)
    ),
    "mixed_scripts": _strange_scripts,
    "mixed_word": _mixed_word,
    "fragment": lambda row: _if(_is_fragment(row)),
    "runs_on": _runs_on,
}


def _not_retrieved(row: AnswerToSort) -> KindFound | None:
    if row.is_stated is False and row.probe != "locality":
        return KindFound(Kind.NOT_RETRIEVED, "not_stated")
    return None


def _names_gold(row: AnswerToSort) -> KindFound | None:
    """Find another form of the gold, or the gold among other words."""
    answer, gold = row.answer, row.gold
    rule = ""
    if row.token_accuracy is not None:
        rule = "most_tokens" if row.token_accuracy >= 0.5 else ""
    elif row.is_other_form:
        rule = "other_form"
    elif unaccented(answer) == unaccented(gold) and not (
        row.crosses and same(answer, row.stated)
    ):
        rule = "accents"
    elif names_entity(answer, gold) and not names_entity(row.query, gold):
        rule = "names_gold"
    return KindFound(Kind.NEAR_MISS, rule, gold) if rule else None


def _copied(row: AnswerToSort) -> KindFound | None:
    """Find the edit's words where their translation is asked for."""
    if not (row.is_about_edit and row.stated and row.crosses):
        return None
    if unaccented(row.answer) == unaccented(row.stated) or names_entity(
        row.answer, row.stated
    ):
        return KindFound(Kind.UNTRANSLATED, "copied", row.stated)
    kept = adds_words_of(row.answer, row.gold, row.stated)
    if kept:
        return KindFound(Kind.UNTRANSLATED, "copied_in_part", kept)
    if not is_of_script(row.answer, row.target) and (
        are_alike(row.answer, row.stated) or is_part(row.answer, row.stated)
    ):
        return KindFound(Kind.UNTRANSLATED, "copied_alike", row.stated)
    return None


def _almost_gold(row: AnswerToSort) -> KindFound | None:
    if _is_spelling_of(row, row.gold):
        return KindFound(Kind.NEAR_MISS, "spelling", row.gold)
    if is_part(row.answer, row.gold):
        return KindFound(Kind.NEAR_MISS, "part", row.gold)
    return None


def _is_spelling_of(row: AnswerToSort, name: str) -> bool:
    """Tell whether the answer is a name spelt otherwise, and not another thing's."""
    return not row.is_known and are_alike(row.answer, name)


def _shares_gold(row: AnswerToSort) -> KindFound | None:
    if row.token_accuracy is not None or row.is_known:
        return None
    if shares_most_of(row.answer, row.gold, row.common):
        return KindFound(Kind.NEAR_MISS, "shared", row.gold)
    return None


def _names_new_answer(row: AnswerToSort) -> KindFound | None:
    """Find the edit's answer where something else is asked."""
    for name in _new_names(row):
        if names_entity(row.answer, name, plain=unaccented):
            return KindFound(_kind_elsewhere(row), "new_answer", name)
    return None


def _almost_new_answer(row: AnswerToSort) -> KindFound | None:
    if words_of(row.answer) <= words_of(row.query):
        return None
    for name in _new_names(row):
        if _is_spelling_of(row, name):
            return KindFound(_kind_elsewhere(row), "new_answer", name)
        kept = adds_words_of(row.answer, row.gold, name)
        kept = kept or holds_half_of(row.answer, name, row.common)
        if kept:
            return KindFound(_kind_elsewhere(row), "part_of_new", kept)
    return None


def _new_names(row: AnswerToSort) -> list[str]:
    if row.is_about_edit:
        return []
    return [name for name in (row.new, row.stated) if not names_entity(row.gold, name)]


def _kind_elsewhere(row: AnswerToSort) -> Kind:
    return Kind.LEAKED if row.probe == "locality" else Kind.FIRST_HOP


def _old_fact(row: AnswerToSort) -> KindFound | None:
    if row.probe == "locality":
        return None
    for name in filter(None, row.old):
        if names_entity(row.answer, name, plain=unaccented):
            return KindFound(Kind.OLD_FACT, "old", name)
    return None


def _as_before(row: AnswerToSort) -> KindFound | None:
    """Find an answer that the edit left as it was."""
    kind = Kind.NOT_KNOWN if row.probe == "locality" else Kind.OLD_FACT
    for said in filter(None, (row.before, row.base_answer)):
        if same(row.answer, said):
            return KindFound(kind, "as_before", said)
    return None


def _unchanged_elsewhere(row: AnswerToSort) -> KindFound | None:
    return _as_before(row) if row.probe == "locality" and row.before else None


def _almost_old_fact(row: AnswerToSort) -> KindFound | None:
    for name in filter(None, row.old):
        if row.probe != "locality" and _is_spelling_of(row, name):
            return KindFound(Kind.OLD_FACT, "old", name)
    return None


def _lost_fact(row: AnswerToSort) -> KindFound | None:
    if row.probe == "locality" and row.was_known:
        return KindFound(Kind.LOST_FACT, "right_before", row.before_edit or row.gold)
    return None


def _gold_doubtful(row: AnswerToSort) -> KindFound | None:
    if _DOUBTFUL in row.defects:
        return KindFound(Kind.GOLD_DOUBTFUL, "defect", _DOUBTFUL)
    if (
        "answer_as_in_english" in row.defects
        and row.is_about_edit
        and not is_of_script(row.gold, row.target)
        and is_of_script(row.answer, row.target)
    ):
        return KindFound(Kind.GOLD_DOUBTFUL, "gold_script", row.gold)
    return None


def _echo(row: AnswerToSort) -> KindFound | None:
    mine = words_of(row.answer)
    if mine <= words_of(row.query) or normalise(row.answer) in normalise(row.query):
        return KindFound(Kind.SOMETHING_ELSE, "echo")
    return None


def _gold_elsewhere(row: AnswerToSort) -> KindFound | None:
    answer = normalise(row.answer)
    for code, name in row.gold_names:
        if code == row.target or answer != normalise(name):
            continue
        if names_entity(row.gold, row.answer):
            return None
        return KindFound(Kind.WRONG_LANGUAGE, "gold_elsewhere", language(code).name)
    return None


def _wrong_language(row: AnswerToSort) -> KindFound | None:
    if not is_of_script(row.answer, row.target):
        if scripts_in(row.answer) <= scripts_in(row.gold):
            return None
        scripts = ", ".join(sorted(scripts_in(row.answer)))
        return KindFound(Kind.WRONG_LANGUAGE, "script", scripts)
    guessed = latin_language(row.answer)
    if guessed not in ("", row.target) and guessed != latin_language(row.gold):
        name = language(guessed).name
        return KindFound(Kind.WRONG_LANGUAGE, "small_words", name)
    return None


def _not_known(row: AnswerToSort) -> KindFound | None:
    if row.probe == "locality" and row.was_right is False:
        return KindFound(Kind.NOT_KNOWN, "wrong_before", row.before_edit)
    return None


def _other_shape(row: AnswerToSort) -> KindFound | None:
    one, other = (any(map(str.isdigit, text)) for text in (row.answer, row.gold))
    return KindFound(Kind.SOMETHING_ELSE, "shape") if one != other else None


def _by_kind(row: AnswerToSort) -> KindFound | None:
    if row.is_of_kind is None:
        return None
    if row.is_of_kind:
        return KindFound(Kind.OTHER_ENTITY, "same_kind", row.answer)
    return KindFound(Kind.SOMETHING_ELSE, "other_kind", row.answer)


RULES: tuple[Rule, ...] = (
    _right,
    _not_retrieved,
    _unchanged_elsewhere,
    _broken,
    _names_gold,
    _copied,
    _old_fact,
    _names_new_answer,
    _gold_elsewhere,
    _almost_gold,
    _almost_old_fact,
    _almost_new_answer,
    _lost_fact,
    _gold_doubtful,
    _not_known,
    _echo,
    _as_before,
    _shares_gold,
    _wrong_language,
    _by_kind,
    _other_shape,
)
