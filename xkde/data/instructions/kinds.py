"""The kinds of training samples, one function each.

===========================  ====================================================
in_scope                     an edit of a parallel fact, asked about in any language
in_scope_atlas               an edit of one of Atlas's facts
paraphrase                   an edit asked about in other words
multi_hop                    a question that follows from one or more edits
out_of_scope                 edits, and a question about something else
neighbour                    an edit, and another question about its subject
in_scope_without_edit        a question that edits are about, without any
out_of_scope_without_edit    any other question, without any edit
translation                  a question, answer or name put into another language
conversation                 a conversation of somebody else's, as it is
===========================  ====================================================

The paper's parallel data are the four with and without an edit. In scope the answer is
the new one in the query's language; out of scope, and without an edit, it is the base
model's own greedy answer (``targets``). A function returns None where what it drew does
not fit together; it is then called again.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from xkde.data.atlas.questions import question, second_hop
from xkde.data.atlas.records import TWO_HOPS
from xkde.data.instructions.records import ANY, Fact, Instruction, Recipe, Target, Texts
from xkde.data.instructions.stock import (
    ANSWER_KINDS,
    ATLAS,
    Stock,
    atlas_fact,
    in_cyrillic,
    invented_name,
    objects_of,
    own_words,
    question_type,
)
from xkde.languages import ATLAS_LANGUAGES, language
from xkde.prompts import edit_prompt, translation_prompt
from xkde.types import Edit

T = TypeVar("T")
TRIES = 60  # drawings until languages and answers fit together
LATIN = tuple(code for code in ATLAS_LANGUAGES if language(code).script == "Latn")
CYRILLIC_SHARE = 0.35  # of invented names: spelt in Cyrillic too
BESIDE = {1: 0.67, 3: 0.33}  # edits in a prompt where a sample is about one alone
WORDINGS = 4  # at most, of one of Atlas's questions


@dataclass(frozen=True)
class Draw:
    """What a kind draws from, by which rules, and with which chance."""

    random: random.Random
    stock: Stock
    recipe: Recipe

    def choice(self, values: Sequence[T]) -> T:
        return self.random.choice(values)

    def weighted(self, weights: Mapping[T, float]) -> T:
        return self.random.choices(list(weights), list(weights.values()))[0]

    def query_language(self) -> str:
        return self.weighted(self.recipe.query_languages)

    def edit_language(self) -> str:
        code = self.weighted(self.recipe.edit_languages)
        return self.choice(ATLAS_LANGUAGES) if code == ANY else code

    def direction(self) -> tuple[str, str]:
        """Return the edit's language and the query's."""
        target = self.query_language()
        if self.random.random() < self.recipe.monolingual:
            return target, target
        return self.edit_language(), target

    def wording(self) -> int:
        return self.random.randrange(WORDINGS)

    def typed(self, text: str, code: str) -> str:
        return own_words(text, code, self.random, self.recipe.own_words)


def _instruction(
    kind: str,
    origin: str,
    edits: Sequence[Edit],
    query: str,
    direction: tuple[str, str],
    answer: str,
    answer_kind: str,
    fact: str = "",
) -> Instruction:
    source, target = direction
    prompt = edit_prompt(edits, query, language(target).name)
    return Instruction(
        kind,
        origin,
        source,
        target,
        tuple(edits),
        query,
        prompt,
        answer,
        answer_kind,
        fact,
    )


# Edits


def _new_answer(draw: Draw, fact: Fact) -> tuple[Texts, str]:
    """Return a new answer for a fact by language, and what sort of answer it is."""
    stock = draw.stock
    kind = draw.weighted(draw.recipe.answers)
    sort = question_type(fact.questions["en"])
    if kind == "same type":
        return draw.choice(stock.by_type.get(sort) or stock.facts).answers, kind
    if kind == "any":
        return draw.choice(stock.facts).answers, kind
    if kind == "name":
        kinds = ANSWER_KINDS.get(sort)
        names = stock.world.by_kind[draw.choice(kinds)] if kinds else stock.atlas_names
        return stock.world.names[draw.choice(names)], kind
    if kind == "invented":
        name = invented_name(draw.random, stock.world)
        answers = dict.fromkeys(LATIN, name)
        if draw.random.random() < CYRILLIC_SHARE:
            answers["ru"] = in_cyrillic(name)
        return answers, kind
    return fact.answers, "own"


def _edit_of(draw: Draw, fact: Fact, direction: tuple[str, str]) -> (
    tuple[Edit, str, str] | None
):  # fmt: skip
    """Return an edit of a fact, the new answer in the query's language, its sort."""
    source, target = direction
    if not {source, target} <= set(fact.questions):
        return None
    for _ in range(TRIES):
        answers, kind = _new_answer(draw, fact)
        if source in answers and target in answers:
            text = draw.typed(fact.questions[source], source)
            edit = Edit(text, answers[source], source)
            return edit, answers[target], kind
    return None


def _atlas_edit(draw: Draw, subject: str, relation: str, code: str) -> tuple[Edit, str]:
    """Return an edit of one of Atlas's facts, and the entity that it names."""
    world = draw.stock.world
    entity = draw.choice(objects_of(world, relation))
    asked = question(world, subject, relation, code, draw.wording())
    return Edit(asked, world.names[entity][code], code), entity


def _any_edit(draw: Draw, like: Fact | None) -> Edit | None:
    """Return an edit of any fact, at times of the same type as ``like``."""
    code = draw.edit_language()
    if not draw.stock.facts:
        subject, relation = draw.choice(draw.stock.atlas_facts)
        return _atlas_edit(draw, subject, relation, code)[0]
    fact = draw.choice(draw.stock.facts)
    if like is not None and draw.random.random() < draw.recipe.same_type:
        sort = question_type(like.questions["en"])
        fact = draw.choice(draw.stock.by_type.get(sort) or draw.stock.facts)
    if like is not None and fact.id == like.id:
        return None
    made = _edit_of(draw, fact, (code, code))
    return made[0] if made else None


def _among_others(
    draw: Draw, edits: list[Edit], count: int, like: Fact | None = None
) -> list[Edit]:
    """Return ``count`` edits in any order: the given ones and others."""
    for _ in range(TRIES):
        if len(edits) >= count:
            break
        other = _any_edit(draw, like)
        if other is not None and other.question not in {e.question for e in edits}:
            edits.append(other)
    draw.random.shuffle(edits)
    return edits


# In scope


def in_scope(draw: Draw) -> Instruction | None:
    """An edit of a parallel fact, at times among others, and a query about it."""
    if not draw.stock.facts:
        return in_scope_atlas(draw, "in_scope")
    fact, direction = draw.choice(draw.stock.facts), draw.direction()
    made = _edit_of(draw, fact, direction)
    if made is None:
        return None
    edit, answer, answer_kind = made
    count = draw.weighted(draw.recipe.edits_in_scope)
    edits = _among_others(draw, [edit], count, fact)
    target = direction[1]
    query = draw.typed(fact.questions[target], target)
    return _instruction(
        "in_scope", fact.source, edits, query, direction, answer, answer_kind, fact.id
    )


def in_scope_atlas(draw: Draw, kind: str = "in_scope_atlas") -> Instruction | None:
    """An edit of one of Atlas's facts; question and query are worded differently."""
    world = draw.stock.world
    subject, relation = draw.choice(draw.stock.atlas_facts)
    source, target = direction = draw.direction()
    edit, entity = _atlas_edit(draw, subject, relation, source)
    edits = _among_others(draw, [edit], draw.weighted(BESIDE))
    asked = question(world, subject, relation, target, draw.wording())
    fact = f"{ATLAS}:{subject}:{relation}"
    return _instruction(
        kind,
        ATLAS,
        edits,
        draw.typed(asked, target),
        direction,
        world.names[entity][target],
        "name",
        fact,
    )


def paraphrase(draw: Draw) -> Instruction | None:
    """An edit whose query is worded otherwise, by the people who made the source."""
    entry = draw.choice(draw.stock.paraphrases)
    source, target = direction = entry.edit.language, entry.language
    stated, asked, answer, sort = entry.edit.question, entry.query, entry.answer, "own"
    new = entry.edit.answer
    if not answer:  # the new answer alone, so any other will do as well
        answer, sort = new, draw.weighted({"own": 0.5, "any": 0.3, "invented": 0.2})
        if sort == "invented":
            answer = invented_name(draw.random, draw.stock.world)
        elif sort == "any":
            answer = draw.choice(draw.stock.paraphrases).edit.answer
        new = answer
        if draw.random.random() < 0.3:
            stated, asked = asked, stated
    edits = _among_others(draw, [Edit(stated, new, source)], draw.weighted(BESIDE))
    query = draw.typed(asked, target)
    fact = entry.fact or entry.edit.question  # the same in both orders
    return _instruction(
        "paraphrase", entry.source, edits, query, direction, answer, sort, fact
    )


def multi_hop(draw: Draw) -> Instruction | None:
    """A question that follows from edits: a source's own, or two hops through Atlas."""
    if draw.stock.hops and draw.random.random() < 0.5:
        hop = draw.choice(draw.stock.hops)
        code = hop.language
        return _instruction(
            "multi_hop",
            hop.source,
            hop.edits,
            hop.query,
            (code, code),
            hop.answer,
            "own",
        )
    return _atlas_hop(draw) if draw.stock.atlas_facts else None


def _atlas_hop(draw: Draw) -> Instruction | None:
    world = draw.stock.world
    hop = draw.choice(sorted(TWO_HOPS))
    first = TWO_HOPS[hop][0]
    subjects = [s for s, relation in draw.stock.atlas_facts if relation == first]
    if not subjects:
        return None
    subject, bridge = draw.choice(subjects), draw.choice(objects_of(world, first))
    follows = second_hop(world, hop, bridge)
    if follows is None:
        return None
    source, target = draw.edit_language(), draw.query_language()
    asked = question(world, subject, first, source, draw.wording())
    edit = Edit(asked, world.names[bridge][source], source)
    query = question(world, subject, hop, target, draw.wording())
    answer = world.names[follows][target]
    fact = f"{ATLAS}:{subject}:{first}"
    return _instruction(
        "multi_hop", ATLAS, [edit], query, (source, target), answer, "name", fact
    )


# Out of scope


def out_of_scope(draw: Draw) -> Instruction | None:
    """Edits, and a question about something else: at times of the same sort."""
    target = draw.choice(draw.stock.targets)
    count = draw.weighted(draw.recipe.edits_out_of_scope)
    edits = []
    if target.source == ATLAS and draw.random.random() < 0.6:
        edits = [_close_atlas_edit(draw, target)]
    fact = draw.stock.fact_of.get(target.id)
    edits = _among_others(draw, edits, count, fact)
    if not edits:
        return None
    direction = (edits[0].language, target.language)
    return _base_answer("out_of_scope", target, edits, direction)


def _close_atlas_edit(draw: Draw, target: Target) -> Edit:
    """Return an edit of another relation of the subject, or of another subject."""
    world = draw.stock.world
    _, subject, relation = target.id.split(":")
    code = draw.edit_language()
    others = [name for name in world.facts[subject] if name != relation]
    if others and draw.random.random() < 0.5:
        return _atlas_edit(draw, subject, draw.choice(others), code)[0]
    subjects = [
        name for name, asked in draw.stock.atlas_facts
        if asked == relation and name != subject
    ]  # fmt: skip
    return _atlas_edit(draw, draw.choice(subjects or [subject]), relation, code)[0]


def neighbour(draw: Draw) -> Instruction | None:
    """An edit, and another question about its subject, which stays as it was."""
    entry, target = draw.choice(draw.stock.neighbours)
    answer = entry.edit.answer
    if draw.random.random() < 0.5:
        answer = draw.choice(draw.stock.neighbours)[0].edit.answer
    code = entry.edit.language
    edit = Edit(entry.edit.question, answer, code)
    edits = _among_others(draw, [edit], draw.weighted(BESIDE))
    return _base_answer("neighbour", target, edits, (code, target.language))


def _base_answer(
    kind: str, target: Target, edits: Sequence[Edit], direction: tuple[str, str]
) -> Instruction:
    return _instruction(
        kind,
        target.source,
        edits,
        target.question,
        direction,
        target.answer,
        "base",
        target.id,
    )


# Without an edit


def in_scope_without_edit(draw: Draw) -> Instruction | None:
    """A question that edits are about, without any edit: the base's own answer."""
    target = draw.choice(draw.stock.fact_targets or draw.stock.targets)
    return _base_answer("in_scope_without_edit", target, (), ("", target.language))


def out_of_scope_without_edit(draw: Draw) -> Instruction | None:
    """Any other question without an edit: the base's own answer."""
    target = draw.choice(draw.stock.other_targets or draw.stock.targets)
    return _base_answer("out_of_scope_without_edit", target, (), ("", target.language))


# Beside the paper's kinds


def translation(draw: Draw) -> Instruction | None:
    """A question, an answer or a name of one language in another."""
    stock, world = draw.stock, draw.stock.world
    source, target = draw.edit_language(), draw.query_language()
    if source == target:
        return None
    chance = draw.random.random()
    origin = ATLAS
    if stock.facts and chance < 0.75:
        fact = draw.choice(stock.facts)
        texts = fact.questions if chance < 0.5 else fact.answers
        origin = fact.source
    elif not stock.atlas_facts or chance < 0.88:
        texts = world.names[draw.choice(stock.atlas_names)]
    else:
        subject, relation = draw.choice(stock.atlas_facts)
        texts = atlas_fact(world, subject, relation, draw.wording()).questions
    if source not in texts or target not in texts:
        return None
    prompt = translation_prompt(texts[source], language(target).name)
    return Instruction(
        "translation",
        origin,
        source,
        target,
        (),
        texts[source],
        prompt,
        texts[target],
        "translation",
    )


def conversation(draw: Draw) -> Instruction | None:
    """A conversation of somebody else's training data, as it is."""
    entry = draw.choice(draw.stock.conversations)
    asked = next(turn.content for turn in entry.messages if turn.role == "user")
    answer = next(turn.content for turn in entry.messages if turn.role == "assistant")
    return Instruction(
        "conversation",
        entry.source,
        "",
        "",
        (),
        "",
        asked,
        answer,
        "given",
        turns=entry.messages,
    )


Kind = Callable[[Draw], Instruction | None]
KINDS: dict[str, Kind] = {
    "in_scope": in_scope,
    "in_scope_atlas": in_scope_atlas,
    "paraphrase": paraphrase,
    "multi_hop": multi_hop,
    "out_of_scope": out_of_scope,
    "neighbour": neighbour,
    "in_scope_without_edit": in_scope_without_edit,
    "out_of_scope_without_edit": out_of_scope_without_edit,
    "translation": translation,
    "conversation": conversation,
}


def lacking(kind: str, stock: Stock) -> str:
    """Return what a kind cannot do without and the stock has not, or nothing."""
    any_fact = bool(stock.facts or stock.atlas_facts)
    needs = {
        "in_scope": (any_fact, "facts: add zsre=FOLDER or atlas to --sources"),
        "in_scope_atlas": (bool(stock.atlas_facts), "Atlas: add atlas to --sources"),
        "paraphrase": (bool(stock.paraphrases), "paraphrases: add halluedit=FOLDER"),
        "multi_hop": (
            bool(stock.hops or stock.atlas_facts),
            "multi-hop questions: add knowedit=FOLDER, mquake=FOLDER or atlas",
        ),
        "neighbour": (
            bool(stock.neighbours),
            "neighbours that the base has answered: add halluedit=FOLDER, and --targets"
            " made from the same sources",
        ),
        "conversation": (
            bool(stock.conversations),
            "conversations: add conversations=FILE",
        ),
        "translation": (True, ""),
    }
    if kind not in needs:  # the three that the base has answered
        what = "the base's own answers: make them with “python -m xkde data targets”"
        is_there = bool(stock.targets) and (kind != "out_of_scope" or any_fact)
        return "" if is_there else what
    is_there, what = needs[kind]
    return "" if is_there else what
