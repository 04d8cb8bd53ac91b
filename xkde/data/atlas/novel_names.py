"""Strings that no model has seen: new answers, subjects and questions to be copied.

People edit facts with words of their own. A model that has only ever been given answers
from a closed world learns to choose among them; these teach it to read. Pure functions
of a random generator.
"""

import random

from xkde.data.atlas.records import World

ONSETS = (
    "b br c ch d dr f fl g gl h j k kr l m n p pl qu r s sh sk st t tr v w y z".split()
)
VOWELS = "a e i o u a e i o ai ea io ou".split()
CODAS = ["", "", "", "n", "r", "s", "l", "x", "th", "nd", "ck", "m", "rt"]


def word(random_: random.Random) -> str:
    """Return a pronounceable word of one to three syllables."""
    return "".join(
        random_.choice(ONSETS) + random_.choice(VOWELS) + random_.choice(CODAS)
        for _ in range(random_.randint(1, 3))
    )


def title(random_: random.Random) -> str:
    """Return an invented name of one to three words."""
    return " ".join(
        word(random_).title() for _ in range(random_.choice((1, 1, 2, 2, 3)))
    )


def shuffled_name(random_: random.Random, world: World, language: str) -> str:
    """Return a string in the language's own script that is nobody's name."""
    entity = random_.choice(world.by_kind[random_.choice(("city", "territory"))])
    letters = [c for c in world.names[entity][language] if c.isalpha()]
    random_.shuffle(letters)
    return "".join(letters[:8]).capitalize() or word(random_)


def answer(random_: random.Random, world: World, language: str) -> str:
    """Return a new answer as a person might type: mostly a name, at times a number."""
    kind = random_.random()
    if kind < 0.65:
        return title(random_)
    if kind < 0.8:
        return shuffled_name(random_, world, language)
    if kind < 0.9:
        return str(random_.randint(1, 9999))
    return word(random_)


def words(random_: random.Random, world: World) -> str:
    """Return three to eight strings of any language and script, in no order."""
    codes = [random_.choice(world.languages) for _ in range(random_.randint(3, 8))]
    return " ".join(answer(random_, world, code) for code in codes)


def question(random_: random.Random, subject: str) -> str:
    """Return a question in no language about a subject."""
    words = [word(random_) for _ in range(random_.randint(2, 6))]
    words.insert(random_.randint(1, len(words)), subject)
    text = " ".join(words)
    return text[:1].upper() + text[1:] + random_.choice("??.")


def lower(text: str) -> str:
    """Return a text in lower case; Turkish's dotted capital becomes a plain i."""
    return text.replace("İ", "i").lower()


def careless(text: str, random_: random.Random) -> str:
    """Return one text in six without its capital, its final mark, or both."""
    draw = random_.random()
    if draw < 0.03 and text.startswith("What is "):
        return "What's " + text.removeprefix("What is ")
    if 0.03 <= draw < 0.08:
        text = lower(text)
    elif 0.08 <= draw < 0.11:
        text = lower(text[:1]) + text[1:]
    return text.rstrip(" ?？。.") if 0.05 <= draw < 0.16 else text


def typed(answer: str, relation: str, code: str, random_: random.Random) -> str:
    """Return a new answer as people type it: at times in lower case, or "the …"."""
    if code == "en" and relation == "party" and random_.random() < 0.3:
        answer = f"the {answer}"
    return lower(answer) if random_.random() < 0.05 else answer
