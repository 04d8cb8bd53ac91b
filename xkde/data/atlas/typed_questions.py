"""Questions as people type them: "What's the USA's capital", "capital of japan".

``questions.recognise`` reads Atlas's own wordings. This reads a text that consists of a
subject's name, the words by which a relation is asked, and small words that Atlas's
questions hold anyway, in any order. One more word and it is another question: "the
country that borders Japan" is not about Japan. Knows no model.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from xkde.data.atlas.names import in_text
from xkde.data.atlas.questions import question, recognise
from xkde.data.atlas.records import RELATIONS, World
from xkde.languages import LANGUAGES
from xkde.text import normalise

SHORTEST_STEM = 5  # letters of a word that may lose its ending
SHORTEST_WORD = 3  # letters that tell a relation from others, in spaced languages
# What is typed beside the words of Atlas's questions. Single letters are left over of
# contractions: "what s", "l allemagne".
SMALL_WORDS: dict[str, str] = {
    "en": "tell me please whats now today which who",
    "cs": "jaké jaká jaký jak se řekni mi prosím",
    "de": "was wie ist die der das heißt welche bitte nenne mir derzeit von in",
    "es": "cuál qué es la el de del cual dime por favor",
    "fr": "quelle quel est la le les du des de en dis moi quelles",
    "nl": "wat welke is de het van noem",
    "pt": "qual é a o da do de diga me por favor",
    "ru": "какой какая как скажи называется является это в",
    "tr": "ne neresi nedir hangi hangisi söyle",
    "vi": "là gì của nào ở đâu hãy cho biết",
    "zh": "的是什么么哪里个请问叫座一在为啊呢市",
    "th": "คืออะไรที่ไหนใดเมืองของไหนบ้าง",
}


@dataclass(frozen=True)
class TypedFact:
    """What a typed question asks about, and the language that it is in."""

    subject: str
    relation: str
    language: str
    is_atlas_wording: bool


@dataclass(frozen=True)
class _Vocabulary:
    """The words of a language's questions."""

    keys: tuple[tuple[str, str], ...]  # (words that only one relation has, relation)
    small: frozenset[str]  # words, or characters where words have no borders


def read_question(
    world: World, text: str, languages: Sequence[str]
) -> TypedFact | None:
    """Return what a typed text asks about, in the first of the languages that fits.

    Atlas's own wordings in all of the languages go before looser readings.
    """
    known = [code for code in dict.fromkeys(languages) if code in world.languages]
    for code in known:
        exact = recognise(world, text, code)
        if exact is not None:
            return TypedFact(*exact, code, True)
    for code in known:
        loose = _read_loosely(world, text, code)
        if loose is not None:
            return TypedFact(*loose, code, False)
    return None


def _read_loosely(world: World, text: str, code: str) -> tuple[str, str] | None:
    """Return the (subject, relation) of the one reading that leaves no word over."""
    typed, spaced = normalise(text), LANGUAGES[code].spaced
    words = _vocabulary(world, code)
    keys = [
        (key, relation) for key, relation in words.keys if _stem(key, spaced) in typed
    ]
    found = set()
    for name, entity in _subjects(world, code) if keys else ():
        rest = _without(typed, re.escape(name), spaced) if name in typed else None
        for key, relation in keys if rest is not None else ():
            pattern = re.escape(_stem(key, spaced)) + (r"\w{0,4}" if spaced else "")
            is_kind = RELATIONS[relation][0] == entity.partition("/")[0]
            left = _without(rest or "", pattern, spaced) if is_kind else None
            if left is not None and _is_small(left, words.small, spaced):
                found.add((entity, relation))
    known = {each for each in found if each[1] in world.facts.get(each[0], {})}
    return known.pop() if len(known) == 1 else None


def _without(text: str, pattern: str, spaced: bool) -> str | None:
    """Return a text without one mention of a part, or None if it is not there."""
    whole = rf"(?<!\w)(?:{pattern})(?!\w)" if spaced else pattern
    rest, count = re.subn(whole, " ", text, count=1)
    return rest if count else None


def _is_small(rest: str, small: frozenset[str], spaced: bool) -> bool:
    if not spaced:
        return all(letter in small for letter in rest if letter != " ")
    return all(word in small or len(word) == 1 for word in rest.split())


@lru_cache(maxsize=16)
def _subjects(world: World, code: str) -> tuple[tuple[str, str], ...]:
    """Return the (name, entity) of all that facts are about, with their aliases."""
    kinds = {kind for kind, _ in RELATIONS.values()}
    return tuple(
        (normalise(each), entity)
        for entity in world.facts
        if entity.partition("/")[0] in kinds
        for name in [world.names[entity][code]]
        for each in (name, *in_text(name, code))
    )


@lru_cache(maxsize=16)
def _vocabulary(world: World, code: str) -> _Vocabulary:
    table = world.wordings[code].questions
    spaced = LANGUAGES[code].spaced
    parts = {
        relation: [_parts(text, spaced) for text in texts]
        for relation, texts in table.items()
    }
    keys = [
        (key, relation)
        for relation, wordings in parts.items()
        for key in _keys(relation, parts, spaced)
    ]
    letters = "".join(
        normalise(text.replace("{subject}", " ")) + " "
        for texts in table.values()
        for text in texts
    ) + SMALL_WORDS.get(code, "")
    small = frozenset(letters.split() if spaced else letters)
    keywords = {key for key, _ in keys}
    return _Vocabulary(tuple(keys), small - keywords if spaced else small)


def _stem(word: str, spaced: bool) -> str:
    """Return a word without its ending, which languages change; short ones whole."""
    return word[:-2] if spaced and len(word) > SHORTEST_STEM else word


def _keys(
    relation: str, parts: dict[str, list[frozenset[str]]], spaced: bool
) -> list[str]:
    """Return what at least two wordings of a relation have, and no other relation.

    Endings may differ: столица, столицей.
    """
    others = {
        _stem(part, spaced)
        for name in parts
        if name != relation
        for each in parts[name]
        for part in each
    }
    wordings = parts[relation]
    stems = [{_stem(part, spaced) for part in each} for each in wordings]
    common = [
        part
        for part in frozenset[str]().union(*wordings)
        if _stem(part, spaced) not in others
        and sum(_stem(part, spaced) in each for each in stems) >= min(2, len(wordings))
    ]
    return sorted(common, key=lambda part: (-len(part), part))


def _parts(text: str, spaced: bool) -> frozenset[str]:
    """Return the words of a wording; where words have no borders, its substrings."""
    pieces = [normalise(piece) for piece in text.split("{subject}")]
    if spaced:
        words = [word for piece in pieces for word in piece.split()]
        return frozenset(word for word in words if len(word) >= SHORTEST_WORD)
    return frozenset(
        piece[start:end]
        for piece in pieces
        for start in range(len(piece))
        for end in range(start + 2, len(piece) + 1)
    )


def suggestions(world: World, text: str, code: str, most: int = 3) -> list[str]:
    """Return Atlas's questions in which more than half of the typed words begin one.

    A typed word that begins none must stand beside a subject's name: who asks about a
    country that Atlas lacks is not offered another one.
    """
    typed = normalise(text).split()
    if not typed or code not in world.languages:
        return []
    small, spaced = _vocabulary(world, code).small, LANGUAGES[code].spaced
    of_a_name = [each for each in typed if not _is_small(each, small, spaced)]
    scored = []
    for asked, words, names in _questions(world, code):
        hits = [each for each in typed if _begins_one(each, words)]
        is_named = any(_begins_one(each, names) for each in of_a_name)
        if 2 * len(hits) > len(typed) and (is_named or len(hits) == len(typed)):
            scored.append((-len(hits), len(words), asked))
    return [asked for _, _, asked in sorted(scored)[:most]]


def _begins_one(start: str, words: Iterable[str]) -> bool:
    return any(word.startswith(start) for word in words)


@lru_cache(maxsize=16)
def _questions(
    world: World, code: str
) -> tuple[tuple[str, tuple[str, ...], frozenset[str]], ...]:
    """Return the first wording of every fact about a territory, with its words.

    Beside them are the subject's own, those that no other question of the kind has.
    """
    asked = {
        (relation, subject): question(world, subject, relation, code)
        for subject, facts in world.facts.items()
        if subject.startswith("territory/")
        for relation in facts
    }
    words = {key: tuple(normalise(text).split()) for key, text in asked.items()}
    shared: dict[str, frozenset[str]] = {}
    for (relation, _), of_one in words.items():
        shared[relation] = shared.get(relation, frozenset(of_one)) & set(of_one)
    return tuple(
        (text, words[key], frozenset(words[key]) - shared[key[0]])
        for key, text in asked.items()
    )
