"""The records of the training data: what sources give, and what is made of it.

Knows no file format of others, no prompt and no model. An ``Instruction`` is one line
of a training file; everything else is material for it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import yaml

from xkde.errors import DataError, SettingsError
from xkde.languages import ATLAS_LANGUAGES
from xkde.paths import SETTINGS
from xkde.text import Json
from xkde.types import Edit, Message

Texts = Mapping[str, str]  # by language code


@dataclass(frozen=True)
class Fact:
    """One question with its answer, in several languages; English is among them."""

    id: str
    source: str
    questions: Texts
    answers: Texts


@dataclass(frozen=True)
class Paraphrase:
    """An edit whose question is there in other words, too, or in another language.

    Without ``answer`` the edit's own answer answers the query, in its language. Without
    ``fact``, an id, the edit's question says what it is about.
    """

    source: str
    edit: Edit
    query: str
    language: str = "en"
    answer: str = ""
    fact: str = ""


@dataclass(frozen=True)
class Hop:
    """Edits and a question that follows from them, ``hops`` steps away."""

    source: str
    edits: tuple[Edit, ...]
    query: str
    answer: str
    language: str
    hops: int = 2


@dataclass(frozen=True)
class Neighbour:
    """An edit and a question about its subject that it leaves as it is."""

    id: str
    source: str
    edit: Edit
    query: str
    language: str


@dataclass(frozen=True)
class GivenConversation:
    """A finished conversation of somebody else's training data."""

    source: str
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Rejected:
    """A record that cannot be used, and why; line 0: the file as a whole."""

    source: str
    file: str
    line: int
    reason: str


@dataclass(frozen=True)
class SourceFile:
    """A file that was read: its name, its digest, the records in it."""

    source: str
    name: str
    sha256: str
    records: int


@dataclass(frozen=True)
class Material:
    """All that the sources give. ``+`` joins what two of them give."""

    facts: tuple[Fact, ...] = ()
    paraphrases: tuple[Paraphrase, ...] = ()
    hops: tuple[Hop, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    conversations: tuple[GivenConversation, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    files: tuple[SourceFile, ...] = ()

    def __add__(self, other: "Material") -> "Material":
        return Material(
            self.facts + other.facts,
            self.paraphrases + other.paraphrases,
            self.hops + other.hops,
            self.neighbours + other.neighbours,
            self.conversations + other.conversations,
            self.rejected + other.rejected,
            self.files + other.files,
        )

    def reasons(self) -> Counter[tuple[str, str]]:
        """Return how many records were rejected, by source and reason."""
        return Counter((entry.source, entry.reason) for entry in self.rejected)


@dataclass(frozen=True)
class Target:
    """A question and the base model's own greedy answer to it, without any edit.

    ``id`` names what the question is of: ``zsre:17``, ``atlas:city/osaka:country``.
    """

    id: str
    source: str
    language: str
    question: str
    answer: str = ""
    ended: bool = False  # whether the answer came to its end

    def is_usable(self, longest: int) -> bool:
        """Tell whether the answer may be learned: whole and not over ``longest``."""
        is_whole = self.ended and "\ufffd" not in self.answer
        return is_whole and 0 < len(self.answer) <= longest


@dataclass(frozen=True)
class Instruction:
    """One training sample: edits (or none), a query in the target language, an answer.

    ``kind`` is one of ``xkde.data.instructions.kinds.KINDS``; ``answer_kind`` says
    where the answer is from. ``source`` is empty where there is no edit.
    """

    kind: str
    origin: str
    source: str
    target: str
    edits: tuple[Edit, ...]
    query: str
    prompt: str
    answer: str
    answer_kind: str
    fact: str = ""
    turns: tuple[Message, ...] = field(default=(), repr=False)  # of a conversation

    def as_json(self) -> dict[str, object]:
        """Return the line of a training file: ``messages`` and what made them."""
        turns = self.turns or (
            Message("user", self.prompt),
            Message("assistant", self.answer),
        )
        return {
            "messages": [asdict(turn) for turn in turns],
            "kind": self.kind,
            "origin": self.origin,
            "source": self.source,
            "target": self.target,
            "edits": [
                {"question": e.question, "answer": e.answer, "language": e.language}
                for e in self.edits
            ],
            "query": self.query,
            "answer_kind": self.answer_kind,
            "fact": self.fact,
        }


def read_instruction(value: object) -> Instruction:
    """Return the instruction of one line; what other projects wrote has no edits.

    Raises DataError for a line that is no conversation.
    """
    if not isinstance(value, dict):
        raise DataError("A line is no record.")
    turns = _turns(value)
    asked = [turn.content for turn in turns if turn.role == "user"]
    answers = [turn.content for turn in turns if turn.role == "assistant"]
    if not asked or not answers:
        raise DataError("A conversation needs a question and an answer.")
    edits = value.get("edits")
    listed = edits if isinstance(edits, list) else []
    try:
        kept = tuple(Edit(e["question"], e["answer"], e["language"]) for e in listed)
    except (TypeError, KeyError):
        raise DataError("An edit lacks its question, answer or language.") from None

    def text(name: str) -> str:
        return str(value.get(name) or "")

    return Instruction(
        text("kind") or "conversation",
        text("origin"),
        text("source"),
        text("target"),
        kept,
        text("query"),
        asked[-1],
        answers[-1],
        text("answer_kind"),
        text("fact"),
        turns,
    )


def _turns(value: Mapping[str, object]) -> tuple[Message, ...]:
    """Return the turns of a conversation in one of the two usual forms."""
    for name, role, content in (
        ("messages", "role", "content"),
        ("conversations", "from", "value"),
    ):
        turns = value.get(name)
        if isinstance(turns, list) and turns:
            return tuple(_turn(turn, role, content) for turn in turns)
    raise DataError("A record has neither “messages” nor “conversations”.")


def _turn(turn: object, role: str, content: str) -> Message:
    if not isinstance(turn, dict) or not isinstance(turn.get(content), str):
        raise DataError(f"A turn lacks “{role}” or “{content}”.")
    if turn.get(role) in ("user", "human"):
        return Message("user", turn[content])
    if turn.get(role) in ("assistant", "gpt"):
        return Message("assistant", turn[content])
    if turn.get(role) == "system":
        return Message("system", turn[content])
    raise DataError(f"“{turn.get(role)!s:.30}” is no role of a conversation.")


FOLDER = SETTINGS / "instructions"
ANY = "any"  # among the languages of edits: each of the twelve alike

QUARTERS = {
    "in_scope": 0.25,
    "in_scope_without_edit": 0.25,
    "out_of_scope": 0.25,
    "out_of_scope_without_edit": 0.25,
}


@dataclass(frozen=True)
class Recipe:
    """What a training file is made of; every mapping holds weights, of any sum."""

    shares: Mapping[str, float] = field(default_factory=lambda: dict(QUARTERS))
    query_languages: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(ATLAS_LANGUAGES, 1.0)
    )
    edit_languages: Mapping[str, float] = field(default_factory=lambda: {ANY: 1.0})
    monolingual: float = (
        0.5  # of the samples with an edit: the query is in its language
    )
    edits_in_scope: Mapping[int, float] = field(default_factory=lambda: {1: 1.0})
    edits_out_of_scope: Mapping[int, float] = field(default_factory=lambda: {1: 1.0})
    answers: Mapping[str, float] = field(default_factory=lambda: {"own": 1.0})
    same_type: float = (
        0.6  # of edits beside a query: they ask for the same sort of thing
    )
    own_words: float = 0.0  # of the questions: as people type them
    max_hops: int = 6
    longest_answer: int = 60  # characters, of a fact's or paraphrase's answer
    longest_target: int = 40  # characters, of the base's and of multi-hop answers
    # of the questions put to the base: by what they are about, by language
    target_questions: Mapping[str, float] = field(
        default_factory=lambda: {"facts": 0.5, "neighbours": 0.25, "atlas": 0.25}
    )
    target_languages: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(ATLAS_LANGUAGES, 1.0)
    )
    dev_facts: int = 300  # parallel facts that are kept out, for choosing settings
    hold_out_answers: bool = True  # an answer may not name a test subject either


def read_recipe(name_or_path: str, kinds: tuple[str, ...]) -> Recipe:
    """Read a settings file, by the name of a shipped one or by its path.

    Raises SettingsError that says what does not fit.
    """
    path = FOLDER / f"{name_or_path}.yaml"
    path = path if path.is_file() else Path(name_or_path)
    try:
        known = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise SettingsError(
            f"{name_or_path} is no settings file of instructions. Use {names}, or a "
            "YAML file with one setting a line."
        ) from None
    if not isinstance(known, dict):
        raise SettingsError(f"{path.name} must hold one setting a line, “name: value”.")
    return recipe_of(known, kinds, path.name)


def recipe_of(known: Json, kinds: tuple[str, ...], where: str) -> Recipe:
    """Return the recipe of what a settings file says."""
    names = {each.name for each in fields(Recipe)}
    strange = sorted(set(known) - names)
    if strange:
        raise SettingsError(
            f"{where}: “{strange[0]}” is no setting. Use {', '.join(sorted(names))}."
        )
    recipe = Recipe(**known)
    for name, allowed in (
        ("shares", kinds),
        ("query_languages", ATLAS_LANGUAGES),
        ("target_languages", ATLAS_LANGUAGES),
        ("target_questions", ("facts", "neighbours", "atlas")),
        ("edit_languages", (*ATLAS_LANGUAGES, ANY)),
        ("edits_in_scope", (1, 2, 3, 4)),
        ("edits_out_of_scope", (1, 2, 3, 4)),
        ("answers", ("own", "same type", "any", "name", "invented")),
    ):
        _check_weights(getattr(recipe, name), allowed, f"{where}, “{name}”")
    for name in ("monolingual", "same_type", "own_words"):
        value = getattr(recipe, name)
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise SettingsError(f"{where}: “{name}” must be a share from 0 to 1.")
    for name in ("max_hops", "longest_answer", "longest_target", "dev_facts"):
        value = getattr(recipe, name)
        if not isinstance(value, int) or value < 0:
            raise SettingsError(f"{where}: “{name}” must be a whole number.")
    return recipe


def _check_weights(weights: object, allowed: tuple[object, ...], where: str) -> None:
    if not isinstance(weights, dict) or not weights:
        raise SettingsError(f"{where}: write a weight for each, “name: 0.5”.")
    for name, weight in weights.items():
        if name not in allowed:
            raise SettingsError(
                f"{where}: “{name}” is none of {', '.join(map(str, allowed))}."
            )
        if not isinstance(weight, int | float) or weight < 0:
            raise SettingsError(f"{where}: the weight of “{name}” must be 0 or more.")
    if not sum(weights.values()):
        raise SettingsError(f"{where}: all weights are 0.")
