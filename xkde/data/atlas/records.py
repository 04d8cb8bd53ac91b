"""The records of Atlas, the embedded world: entities, facts, what asks, what teaches.

An entity id is ``kind/key`` ("territory/JP", "city/osaka"); a fact is one subject, one
relation, one object. Knows no file and no language.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from xkde.types import Edit, Message

Split = Literal["train", "dev", "test"]

# relation -> (kind of its subject, kind of its object)
RELATIONS: dict[str, tuple[str, str]] = {
    "capital": ("territory", "city"),
    "currency": ("territory", "currency"),
    "language": ("territory", "language"),
    "continent": ("territory", "continent"),
    "party": ("territory", "party"),
    "country": ("city", "territory"),
    "birthplace": ("person", "city"),
    "residence": ("person", "territory"),
    "occupation": ("person", "occupation"),
    "sport": ("person", "sport"),
    "birth_month": ("person", "month"),
    "founded": ("company", "year"),
    "headquarters": ("company", "city"),
}

# two-hop name -> (relation that an edit may change, relation that must be known)
TWO_HOPS: dict[str, tuple[str, str]] = {
    "birthplace_country": ("birthplace", "country"),
    "residence_capital": ("residence", "capital"),
    "residence_currency": ("residence", "currency"),
    "residence_language": ("residence", "language"),
    "country_capital": ("country", "capital"),
    "country_currency": ("country", "currency"),
    "country_language": ("country", "language"),
    "headquarters_country": ("headquarters", "country"),
}


@dataclass(frozen=True)
class Wordings:
    """How one language asks; every text holds one ``{subject}`` (``{name}``)."""

    questions: Mapping[str, tuple[str, ...]]
    two_hop: Mapping[str, tuple[str, ...]]
    dictionary: tuple[str, ...]
    year: str


@dataclass(frozen=True, eq=False)  # compared and cached by identity
class World:
    """All of Atlas.

    ``names[entity][language]`` is the dictionary form of a name; ``facts[subject]
    [relation]`` is the true object; ``split[subject]`` says whether edits of the
    subject may be trained on. Edits of "test" and "dev" subjects are in no training
    data.
    """

    languages: tuple[str, ...]
    names: Mapping[str, Mapping[str, str]]
    facts: Mapping[str, Mapping[str, str]]
    wordings: Mapping[str, Wordings]
    split: Mapping[str, Split]
    by_kind: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """An edit with what it is about; ``target`` is an entity, or None if invented."""

    subject: str
    relation: str
    target: str | None
    edit: Edit


@dataclass(frozen=True)
class Conversation:
    """One training sample.

    Beside edits, ``edited`` are their subjects, ``asked`` is the query's subject, and
    ``source_gold`` is the answer as it is written in the language of the edits.
    """

    kind: str
    messages: tuple[Message, ...]
    edited: tuple[str, ...] = ()
    asked: str = ""
    relation: str = ""
    source: str = ""
    target: str = ""
    source_gold: str = ""
