"""Text as it is compared: one normalisation for answers, names and typed questions.

Pure functions of strings, standard library only.
"""

import unicodedata


def normalise(text: str) -> str:
    """Return a text without case, punctuation, compatibility forms and spare spaces.

    NFKC, case folded; punctuation, symbols and separators (by their Unicode category)
    become single spaces.
    """
    # Turkish's dotted capital folds to an i and a loose dot: two ways of one name.
    folded = unicodedata.normalize("NFKC", text).casefold().replace("i\u0307", "i")
    kept = "".join(" " if unicodedata.category(c)[0] in "PSZC" else c for c in folded)
    return " ".join(kept.split())
