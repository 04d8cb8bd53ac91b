"""What stands under an answer in another language: how it sounds, and whose name it is.

"大阪" gets "dàbǎn · Osaka". Chinese goes through pypinyin, Cyrillic through anyascii;
Thai has no transliteration here that a person could read aloud, and gets the name only.
"""

from anyascii import anyascii
from pypinyin import Style, pinyin

from pages.shell.strings import Interface
from xkde.asking.expected_answers import name_in
from xkde.data.atlas.world import atlas
from xkde.text import fits_script, unaccented

LONGEST = 40  # characters; a longer answer is a sentence, and no name


def gloss(text: str, language: str, interface: Interface) -> str:
    """Return the gloss of an answer, nothing where it would say nothing new."""
    if not text.strip() or len(text) > LONGEST or fits_script(text, interface):
        return ""  # it can be read as it stands
    named = name_in(atlas(), text, language, interface)
    parts = [transliterated(text, language), named]
    known = {unaccented(text), ""}
    found = []
    for part in parts:
        if unaccented(part) not in known:
            known.add(unaccented(part))
            found.append(part)
    return " · ".join(found)


def transliterated(text: str, language: str) -> str:
    """Return how a text sounds, in Latin letters.

    Nothing for what is Latin or Thai, nor for figures, which everybody reads.
    """
    if not fits_script(text, language) or any(each.isdigit() for each in text):
        return ""
    if language == "zh":
        return "".join(syllable for (syllable, *_) in pinyin(text, style=Style.TONE))
    return str(anyascii(text)) if language == "ru" else ""
