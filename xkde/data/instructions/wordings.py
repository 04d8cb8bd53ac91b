"""How people ask, what a question asks for, and names that nobody has.

Rules instead of a large model: contractions, missing question marks, lower case and
openings in twelve languages; the type of an English question, so that a new answer can
be swapped for one that fits; invented names and their Cyrillic spelling. Pure functions
of a random generator.
"""

import random
import re

from xkde.data.atlas import novel_names
from xkde.data.atlas.records import World

OPENINGS: dict[str, tuple[str, ...]] = {
    "en": ("Tell me: ", "Do you know: ", "I would like to know: ", "Quick question: "),
    "cs": ("Řekni mi: ", "Víš to? "),
    "de": ("Sag mir: ", "Weißt du: "),
    "es": ("Dime: ", "¿Sabes? "),
    "fr": ("Dis-moi : ", "Sais-tu : "),
    "nl": ("Zeg me: ", "Weet je: "),
    "pt": ("Diga-me: ", "Você sabe? "),
    "ru": ("Скажи: ", "Подскажите: "),
    "th": ("ช่วยบอกหน่อย ", "อยากรู้ว่า "),
    "tr": ("Söyle bana: ", "Merak ediyorum: "),
    "vi": ("Cho tôi biết: ", "Bạn có biết: "),
    "zh": ("请问", "告诉我：", "你知道吗，"),
}
_CONTRACTIONS = {"What is": "What's", "Who is": "Who's", "Where is": "Where's"}
_MARKS = "?？ "

# What one of the changed questions becomes, as shares of them
_CONTRACTED, _UNMARKED, _LOWER = 0.286, 0.143, 0.25  # the rest: an opening

_WHEN = re.compile(
    r"when|on what date|in what year|what year|which year|what date|at what date"
    r"|what is the (final )?year"
)
_ASKED_FOR = re.compile(
    r"\b(language|country|city|place|disease|family|genre|company|religion|gender|sex"
    r"|species|instrument|team|label|star|constellation|river|university|award|father"
    r"|mother|child|spouse|sibling|director|position|voice|occupation|airline|network"
    r"|manufacturer|developer|battle|war|state|district|capital|cause|date|year)\b"
)
# question type -> Atlas's kinds of names that answer it
ANSWER_KINDS: dict[str, tuple[str, ...]] = {
    "where": ("city", "territory"),
    "city": ("city",),
    "place": ("city", "territory"),
    "country": ("territory",),
    "capital": ("city",),
    "language": ("language",),
    "when": ("year",),
    "year": ("year",),
    "date": ("year", "month"),
    "occupation": ("occupation",),
    "state": ("territory",),
}

_CYRILLIC_GROUPS = (
    ("shch", "щ"), ("sch", "ш"), ("ch", "ч"), ("sh", "ш"), ("zh", "ж"), ("th", "т"),
    ("kh", "х"), ("ck", "к"), ("qu", "кв"), ("ya", "я"), ("yu", "ю"), ("yo", "йо"),
    ("ea", "иа"), ("ph", "ф"), ("x", "кс"),
)  # fmt: skip
_CYRILLIC = str.maketrans("abcdefghijklmnopqrstuvwyz", "абцдефгхийклмнопкрстуввиз")


def question_type(question: str) -> str:
    """Return what an English question asks for: "who", "when", "city", … or "other"."""
    text = question.lower()
    if text.startswith("who"):
        return "who"
    if _WHEN.match(text):
        return "when"
    if text.startswith("where"):
        return "where"
    match = _ASKED_FOR.search(text)
    return match[1] if match else "other"


def own_words(question: str, code: str, random_: random.Random, share: float) -> str:
    """Return a question as people type it; ``share`` of them are changed at all."""
    if random_.random() >= share:
        return question
    draw = random_.random()
    if code == "en" and draw < _CONTRACTED:
        for written, spoken in _CONTRACTIONS.items():
            if question.startswith(written):
                return spoken + question.removeprefix(written)
    if draw < _CONTRACTED + _UNMARKED:
        return question.rstrip(_MARKS)
    if draw < _CONTRACTED + _UNMARKED + _LOWER:
        # German nouns keep their capitals even where people are in a hurry.
        if code == "de":
            return question.rstrip(_MARKS)
        return novel_names.lower(question)
    return random_.choice(OPENINGS.get(code, ("",))) + question


def invented_name(random_: random.Random, world: World) -> str:
    """Return a name in Latin letters that nobody has, or one of Atlas's people."""
    if random_.random() < 0.7:
        return novel_names.title(random_)
    person = random_.choice(world.by_kind["person"])
    return world.names[person]["en"]


def in_cyrillic(name: str) -> str:
    """Return a name of plain Latin letters as Russian would roughly write it."""
    words = []
    for word in name.split():
        text = word.lower()
        for latin, cyrillic in _CYRILLIC_GROUPS:
            text = text.replace(latin, cyrillic)
        text = text.translate(_CYRILLIC)
        words.append(text[:1].upper() + text[1:] if word[:1].isupper() else text)
    return " ".join(words)
