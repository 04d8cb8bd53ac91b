"""What samples are drawn from: the sources without all that is held out, by type.

Nothing here is drawn; ``kinds`` does that.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from xkde.data.atlas import novel_names
from xkde.data.atlas.questions import question
from xkde.data.atlas.records import RELATIONS, World
from xkde.data.instructions.held_out import HeldOut
from xkde.data.instructions.records import (
    Fact,
    GivenConversation,
    Hop,
    Material,
    Neighbour,
    Paraphrase,
    Recipe,
    Rejected,
    Target,
)

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


ATLAS = "atlas"
DEV_SEED = 5  # which facts are kept out for choosing settings does not change


@dataclass(frozen=True)
class Stock:
    """Everything that may be drawn, in a fixed order.

    ``neighbours`` come with the base's own answer to their question.
    """

    world: World
    facts: tuple[Fact, ...]
    dev_facts: tuple[Fact, ...]
    by_type: Mapping[str, tuple[Fact, ...]]
    fact_of: Mapping[str, Fact]
    atlas_facts: tuple[tuple[str, str], ...]  # subject, relation
    atlas_names: tuple[str, ...]  # entities
    paraphrases: tuple[Paraphrase, ...]
    hops: tuple[Hop, ...]
    fact_targets: tuple[Target, ...]
    other_targets: tuple[Target, ...]
    neighbours: tuple[tuple[Neighbour, Target], ...]
    conversations: tuple[GivenConversation, ...]
    rejected: tuple[Rejected, ...]

    @property
    def targets(self) -> tuple[Target, ...]:
        """All questions that the base has answered."""
        return self.fact_targets + self.other_targets


class _Sieve:
    """Lets through what names nothing held out, and counts the rest by reason."""

    def __init__(self, held: HeldOut) -> None:
        self.held = held
        self.rejected: list[Rejected] = []

    def passes(self, source: str, texts: Sequence[str]) -> bool:
        for text in texts:
            hit = self.held.hit(text)
            if hit is not None:
                self.reject(source, f"a {hit.kind} of the test files")
                return False
        return True

    def reject(self, source: str, reason: str) -> None:
        self.rejected.append(Rejected(source, "", 0, reason))


def make_stock(
    material: Material,
    targets: Sequence[Target],
    held: HeldOut,
    world: World,
    recipe: Recipe,
    with_atlas: bool = True,
) -> Stock:
    """Return what may be drawn; what is rejected on the way is counted in it."""
    sieve = _Sieve(held)
    facts = [fact for fact in material.facts if _fact_passes(fact, sieve, recipe)]
    shuffled = random.Random(DEV_SEED).sample(facts, len(facts))
    count = min(recipe.dev_facts, len(facts) // 2)
    dev = shuffled[:count]
    dev_questions = {fact.questions["en"] for fact in dev}
    train = [f for f in shuffled[count:] if f.questions["en"] not in dev_questions]
    by_type: dict[str, list[Fact]] = {}
    for fact in train:
        by_type.setdefault(question_type(fact.questions["en"]), []).append(fact)
    dev_ids = {fact.id for fact in dev}
    usable = [
        target
        for target in targets
        if target.id not in dev_ids and _target_passes(target, sieve, recipe)
    ]
    fact_targets = [t for t in usable if t.source in ("zsre", ATLAS)]
    return Stock(
        world=world,
        facts=tuple(train),
        dev_facts=tuple(dev),
        by_type={name: tuple(several) for name, several in by_type.items()},
        fact_of={fact.id: fact for fact in train},
        atlas_facts=_atlas_facts(world, sieve) if with_atlas else (),
        atlas_names=_atlas_names(world, sieve),
        paraphrases=tuple(
            p for p in material.paraphrases if _paraphrase_passes(p, sieve, recipe)
        ),
        hops=tuple(h for h in material.hops if _hop_passes(h, sieve, recipe)),
        fact_targets=tuple(fact_targets),
        other_targets=tuple(t for t in usable if t.source not in ("zsre", ATLAS)),
        neighbours=_with_targets(material.neighbours, usable, sieve),
        conversations=tuple(
            c
            for c in material.conversations
            if sieve.passes(c.source, _lines(c, sieve.held))
        ),
        rejected=tuple(sieve.rejected),
    )


def _fact_passes(fact: Fact, sieve: _Sieve, recipe: Recipe) -> bool:
    if len(fact.answers["en"]) > recipe.longest_answer:
        sieve.reject(fact.source, f"answer over {recipe.longest_answer} characters")
        return False
    return sieve.passes(fact.source, tuple(fact.questions.values()))


def _paraphrase_passes(entry: Paraphrase, sieve: _Sieve, recipe: Recipe) -> bool:
    if len(entry.edit.answer) > recipe.longest_answer:
        sieve.reject(entry.source, f"answer over {recipe.longest_answer} characters")
        return False
    texts = (entry.edit.question, entry.edit.subject, entry.query)
    return sieve.passes(entry.source, texts)


def _hop_passes(hop: Hop, sieve: _Sieve, recipe: Recipe) -> bool:
    if hop.hops > recipe.max_hops:
        sieve.reject(hop.source, f"more than {recipe.max_hops} hops")
        return False
    if len(hop.answer) > recipe.longest_target:
        sieve.reject(hop.source, f"answer over {recipe.longest_target} characters")
        return False
    edited = [text for edit in hop.edits for text in (edit.question, edit.subject)]
    return sieve.passes(hop.source, (*edited, hop.query))


def _target_passes(target: Target, sieve: _Sieve, recipe: Recipe) -> bool:
    if not target.is_usable(recipe.longest_target):
        reason = f"the base's answer is empty, broken or over {recipe.longest_target}"
        sieve.reject(target.source, f"{reason} characters")
        return False
    return sieve.passes(target.source, (target.question,))


def _with_targets(
    neighbours: Sequence[Neighbour], targets: Sequence[Target], sieve: _Sieve
) -> tuple[tuple[Neighbour, Target], ...]:
    answered = {target.id: target for target in targets}
    return tuple(
        (entry, answered[entry.id])
        for entry in neighbours
        if entry.id in answered
        and entry.query == answered[entry.id].question
        and sieve.passes(entry.source, (entry.edit.question, entry.edit.subject))
    )


def _lines(conversation: GivenConversation, held: HeldOut) -> tuple[str, ...]:
    """Return what a conversation asks, by line; a held-out line stands alone."""
    lines: list[str] = []
    for turn in conversation.messages:
        for line in turn.content.split("\n"):
            hit = held.hit_line(line)
            lines.append(hit.text if hit else line)
    return tuple(lines)


def _atlas_facts(world: World, sieve: _Sieve) -> tuple[tuple[str, str], ...]:
    """Return the facts whose edits may be trained on: no held-out subject has them."""
    pairs = []
    for subject, facts in world.facts.items():
        if world.split[subject] == "train" and sieve.passes(
            ATLAS, tuple(world.names[subject].values())
        ):
            pairs += [(subject, relation) for relation in facts]
    return tuple(pairs)


def _atlas_names(world: World, sieve: _Sieve) -> tuple[str, ...]:
    """Return the names to be translated: neither people nor years."""
    return tuple(
        entity
        for entity, names in world.names.items()
        if not entity.startswith(("person/", "company/", "year/"))
        and not any(sieve.held.hit(name) for name in set(names.values()))
    )


def atlas_fact(world: World, subject: str, relation: str, wording: int = 0) -> Fact:
    """Return one of Atlas's facts in all languages, as a parallel one."""
    answer = world.facts[subject][relation]
    return Fact(
        f"atlas:{subject}:{relation}",
        ATLAS,
        {c: question(world, subject, relation, c, wording) for c in world.languages},
        dict(world.names[answer]),
    )


def objects_of(world: World, relation: str) -> tuple[str, ...]:
    """Return every entity that can be a relation's answer."""
    return world.by_kind[RELATIONS[relation][1]]
