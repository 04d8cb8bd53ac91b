"""How much of what is in Atlas's corpus: samples, relations, facts, languages.

Numbers only; what they mean is done in ``corpus``.
"""

from xkde.data.atlas.records import RELATIONS
from xkde.languages import ATLAS_LANGUAGES

# How often each relation is edited: not by its number of facts, which people dominate.
RELATION_WEIGHTS: dict[str, int] = {
    "capital": 13, "currency": 13, "language": 10, "continent": 9, "party": 6,
    "country": 13, "birthplace": 9, "residence": 11, "occupation": 7, "sport": 6,
    "birth_month": 6, "founded": 6, "headquarters": 6,
}  # fmt: skip
# Shares of the samples. The paper takes a quarter each of in and out of scope, with and
# without the edit; beside an edit ours is about that, and rehearsal is the rest.
# First of all a base learns to read: to say again what it has never seen. A model that
# is taught facts from the first step answers from memory and never learns to copy.
READING_MIX: dict[str, float] = {"repeated": 0.60, "unheard": 0.40}
BASE_MIX: dict[str, float] = {
    "closed_book": 0.60, "two_hop": 0.09, "dictionary": 0.19, "stated": 0.10,
    "unheard": 0.02,
}  # fmt: skip
XE_IT_MIX: dict[str, float] = {
    "in_scope": 0.30, "in_scope_two_hop": 0.04, "out_of_scope": 0.42, "several": 0.05,
    "unheard": 0.02, "closed_book": 0.10, "two_hop": 0.03, "dictionary": 0.04,
}  # fmt: skip
# The last round of stage one: more names in other languages. Of the true facts those
# that the rounds before made it forget come more often (``training.forgotten``).
XE_IT_END_MIX: dict[str, float] = {
    "in_scope": 0.28, "in_scope_two_hop": 0.03, "out_of_scope": 0.37, "several": 0.04,
    "unheard": 0.02, "closed_book": 0.10, "two_hop": 0.03, "dictionary": 0.13,
}  # fmt: skip
# What stage two is sampled on: queries beside edits, about subjects of the train split.
PREFERENCE_MIX: dict[str, float] = {
    "in_scope": 0.35, "in_scope_two_hop": 0.20, "out_of_scope": 0.35, "several": 0.10,
}  # fmt: skip
MIXES = {
    "reading": READING_MIX, "base": BASE_MIX, "xe-it": XE_IT_MIX,
    "xe-it-end": XE_IT_END_MIX,
}  # fmt: skip
# How often each language and each kind of fact is met, in halves. Names in a script of
# their own are met in one language only, Latin ones in nine; and any of thirty
# occupations fits any person. More than half as much again, and the rest is forgotten.
LANGUAGE_WEIGHTS = dict.fromkeys(ATLAS_LANGUAGES, 2) | {"ru": 3, "th": 3}
FACT_WEIGHTS = dict.fromkeys(RELATIONS, 2) | {"occupation": 3, "sport": 3}
SHOWN_TIMES = 8  # a subject of the paper's examples is edited as often as eight others
ODD_SUBJECTS = 0.45  # of the edits: about what has no facts, a month, a currency
EDIT_LANGUAGES = {"en": 0.30, "zh": 0.42}  # the rest: any of the twelve
