"""What Atlas's models are taught: the base's own corpus, and the XE-IT instructions.

The base learns every fact in every language, and to use a stated fact within one
language. XE-IT (the paper's first stage) adds edits in one language and queries in
another: in and out of scope, with and without the edit. Subjects of the dev and test
splits are in no edit and in no query beside an edit; without an edit their true facts
are rehearsed as the base learned them.

The numbers that follow the imports say how often each kind of sample, relation, fact
and language is drawn. Knows no tokenizer and no model.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from xkde.data.atlas import novel_names
from xkde.data.atlas.novel_names import careless, typed
from xkde.data.atlas.questions import name, question, second_hop, two_hops_of, wordings
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, Conversation, Drawn, World
from xkde.data.atlas.world import SHOWN
from xkde.languages import ATLAS_LANGUAGES
from xkde.languages import language as language_of
from xkde.prompts import answered, edit_prompt
from xkde.text import normalise
from xkde.types import Edit

FactQuery = tuple[str, str, str]  # subject, relation, language of the question

# How often each relation is edited: not by its number of facts, which people dominate.
RELATION_WEIGHTS: dict[str, int] = {
    "capital": 13, "currency": 13, "language": 10, "continent": 9, "party": 6,
    "country": 13, "birthplace": 9, "residence": 11, "occupation": 7, "sport": 6,
    "birth_month": 6, "founded": 6, "headquarters": 6,
}  # fmt: skip
# Shares of the samples. The paper takes a quarter each of in and out of scope, with and
# without the edit; beside an edit ours is about that, and rehearsal is the rest.
# A base first learns to copy text that it has never seen. A model that is taught facts
# from the first step answers from memory and never learns to copy.
READING_MIX: dict[str, float] = {"repeated": 0.60, "novel_question": 0.40}
BASE_MIX: dict[str, float] = {
    "closed_book": 0.60, "two_hop": 0.09, "dictionary": 0.19, "stated": 0.10,
    "novel_question": 0.02,
}  # fmt: skip
XE_IT_MIX: dict[str, float] = {
    "in_scope": 0.30, "in_scope_two_hop": 0.04, "out_of_scope": 0.42, "several": 0.05,
    "novel_question": 0.02, "closed_book": 0.10, "two_hop": 0.03, "dictionary": 0.04,
}  # fmt: skip
# The last round of stage one: more names in other languages. True facts that earlier
# rounds made the model forget come more often (``xkde.training.forgotten``).
XE_IT_END_MIX: dict[str, float] = {
    "in_scope": 0.28, "in_scope_two_hop": 0.03, "out_of_scope": 0.37, "several": 0.04,
    "novel_question": 0.02, "closed_book": 0.10, "two_hop": 0.03, "dictionary": 0.13,
}  # fmt: skip
# What stage two is sampled on: queries beside edits, about subjects of the train split.
PREFERENCE_MIX: dict[str, float] = {
    "in_scope": 0.35, "in_scope_two_hop": 0.20, "out_of_scope": 0.35, "several": 0.10,
}  # fmt: skip
MIXES = {
    "reading": READING_MIX, "base": BASE_MIX, "xe-it": XE_IT_MIX,
    "xe-it-end": XE_IT_END_MIX,
}  # fmt: skip
# How often each language and each kind of fact is drawn, in halves. A name in a script
# of its own occurs in one language only, a Latin one in nine; and any of thirty
# occupations fits any person. With larger weights the model forgets the other facts.
LANGUAGE_WEIGHTS = dict.fromkeys(ATLAS_LANGUAGES, 2) | {"ru": 3, "th": 3}
FACT_WEIGHTS = dict.fromkeys(RELATIONS, 2) | {"occupation": 3, "sport": 3}
SHOWN_TIMES = 8  # a subject of the paper's examples is edited as often as eight others
NO_FACTS_SHARE = 0.45  # of the edits: their subject has no facts, as a month
EDIT_LANGUAGES = {"en": 0.30, "zh": 0.42}  # the rest: any of the twelve


class FactDraws:
    """Draws facts without replacement: each comes once before any comes again.

    ``pools`` holds, by name, the fact queries that are still to be drawn.
    """

    def __init__(self, random_: random.Random, languages: list[str]) -> None:
        self.random = random_
        self.languages = languages
        self.pools: dict[str, list[FactQuery]] = {}

    def fill(
        self, pool: str, facts: list[tuple[str, str]], more: Sequence[FactQuery] = ()
    ) -> None:
        """Fill a pool with every fact in every language, and with ``more``."""
        queries = [(s, r, code) for s, r in facts for code in self.languages]
        queries += more
        self.random.shuffle(queries)
        self.pools[pool] = queries

    def draw(self, pool: str, facts: list[tuple[str, str]]) -> FactQuery:
        """Return the next fact query of a pool, which is filled again once empty."""
        if not self.pools.get(pool):
            self.fill(pool, facts)
        return self.pools[pool].pop()


def without_held_out_names(world: World, entities: list[str]) -> list[str]:
    """Return the entities whose names contain no held-out subject's, in any language.

    In Thai a language often contains its country's name, and many currencies begin with
    one; that country may be held out.
    """
    held_out = [s for s in world.facts if world.split[s] != "train"]
    taken = {normalise(n) for s in held_out for n in world.names[s].values()}
    return [
        entity
        for entity in entities
        if not any(
            text[start:end] in taken
            for text in map(normalise, set(world.names[entity].values()))
            for start in range(len(text))
            for end in range(start + 2, len(text) + 1)
        )
    ]


class CorpusSampler:
    """Draws training samples from one world with one random generator.

    A method that returns a ``Conversation`` is named as its kind is in the mixes.
    """

    def __init__(self, world: World, seed: int, cross_lingual: bool = True) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.cross_lingual = cross_lingual
        self.types_carelessly = False
        self.no_facts_share = 0.0
        self.languages = [
            c for c in world.languages for _ in range(LANGUAGE_WEIGHTS.get(c, 1))
        ]
        trained = [s for s in sorted(world.facts) if world.split[s] == "train"]
        trained += [s for s in SHOWN if s in trained] * (SHOWN_TIMES - 1)
        self.editable: dict[str, list[str]] = {
            r: [s for s in trained if r in world.facts[s]] for r in RELATIONS
        }
        facts = [(s, r) for s in sorted(world.facts) for r in sorted(world.facts[s])]
        self.facts = [(s, r) for s, r in facts for _ in range(FACT_WEIGHTS.get(r, 1))]
        self.hops = [
            (s, hop)
            for s, r in facts
            for hop in two_hops_of(r)
            if second_hop(world, hop, world.facts[s][r])
        ]
        kinds = ("territory", "city", "currency", "language", "continent", "party",
                 "occupation", "sport", "month")  # fmt: skip
        self.named = [e for kind in kinds for e in world.by_kind[kind]]
        self.objects = [e for e in self.named if e not in world.facts]
        # "The capital of Tuesday is Osaka": to answer it in another language a model
        # must find a name again, whatever it names. Real subjects are too few for that.
        self.without_facts = without_held_out_names(world, self.objects)
        self.draws = FactDraws(self.random, self.languages)

    def any_wording(self, subject: str, relation: str, code: str) -> str:
        """Ask in one of the language's wordings, at times as carelessly as people."""
        count = len(wordings(self.world, relation, code))
        text = question(
            self.world, subject, relation, code, self.random.randrange(count)
        )
        return careless(text, self.random) if self.types_carelessly else text

    def any_language(self) -> str:
        """Return a language, those with a script of their own more often."""
        return self.random.choice(self.languages)

    def query_language(self, source: str) -> str:
        """Return a language to ask in: any, or the edit's own for the LTE ablation."""
        return self.any_language() if self.cross_lingual else source

    def edit_language(self) -> str:
        """Return a language to edit in: English and Chinese more often."""
        draw = self.random.random()
        for code, share in EDIT_LANGUAGES.items():
            if draw < share:
                return code
            draw -= share
        return self.any_language()

    def draw_edit(self, relation: str | None = None, code: str | None = None) -> Drawn:
        """Draw a new object for a fact of a training subject."""
        world, random_ = self.world, self.random
        if relation is None:
            names, weights = zip(*RELATION_WEIGHTS.items(), strict=True)
            relation = str(random_.choices(names, weights)[0])
        code = code or self.edit_language()
        subject = random_.choice(self.editable[relation])
        if random_.random() < self.no_facts_share:
            subject = random_.choice(self.without_facts)
        pool = world.by_kind[RELATIONS[relation][1]]
        target = random_.choice(pool)
        while target in (subject, world.facts.get(subject, {}).get(relation)):
            target = random_.choice(pool)
        text = self.any_wording(subject, relation, code)
        answer = name(world, target, code)
        if self.types_carelessly:
            answer = typed(answer, relation, code, random_)
        edit = Edit(text, answer, code)
        return Drawn(subject, relation, target, edit)

    def closed_book(self) -> Conversation:
        """Ask for a true fact without any edit."""
        subject, relation, code = self.draws.draw("facts", self.facts)
        gold = name(self.world, self.world.facts[subject][relation], code)
        text = self.any_wording(subject, relation, code)
        return Conversation("closed_book", tuple(answered(text, gold)), asked=subject)

    def two_hop(self) -> Conversation:
        """Ask a two-hop question about true facts without any edit."""
        subject, hop, code = self.draws.draw("hops", self.hops)
        bridge = self.world.facts[subject][TWO_HOPS[hop][0]]
        gold = name(self.world, str(second_hop(self.world, hop, bridge)), code)
        text = self.any_wording(subject, hop, code)
        return Conversation("two_hop", tuple(answered(text, gold)), asked=subject)

    def dictionary(self) -> Conversation:
        """Ask for a name in another language."""
        entity, _, code = self.draws.draw("names", [(e, "") for e in self.named])
        # Stage one reads names where edits are stated: English and Chinese the most.
        source = self.edit_language() if self.types_carelessly else self.any_language()
        text = self.random.choice(self.world.wordings[code].dictionary)
        text = text.replace("{name}", name(self.world, entity, source))
        gold = name(self.world, entity, code)
        return Conversation("dictionary", tuple(answered(text, gold)), asked=entity)

    def repeated(self) -> Conversation:
        """Repeat the words of the prompt, whatever they are."""
        text = novel_names.words(self.random, self.world)
        return Conversation("repeated", tuple(answered(text, text)))

    def beside(
        self, kind: str, edits: list[Drawn], asked: str, text: str, code: str, gold: str
    ) -> Conversation:
        """Return a query that stands beside edits; ``gold`` is an entity or a text."""
        prompt = edit_prompt([d.edit for d in edits], text, language_of(code).name)
        source, names = edits[0].edit.language, self.world.names.get(gold, {})
        return Conversation(
            kind,
            tuple(answered(prompt, names.get(code, gold))),
            edited=tuple(d.subject for d in edits),
            asked=asked,
            relation=edits[0].relation,
            source=source,
            target=code,
            source_gold=names.get(source, gold),
        )

    def stated(self) -> Conversation:
        """Ask within one language for what the edit says, in the edit's own words."""
        code = self.any_language()
        drawn = self.draw_edit(code=code)
        text, gold = drawn.edit.question, drawn.edit.answer
        if self.random.random() < 0.3:
            gold = novel_names.answer(self.random, self.world, code)
            drawn = Drawn(drawn.subject, drawn.relation, None, Edit(text, gold, code))
        return self.beside("stated", [drawn], drawn.subject, text, code, gold)

    def in_scope(self) -> Conversation:
        """Ask in any language for what the edit says, at times with unseen strings."""
        drawn = self.draw_edit()
        code = self.query_language(drawn.edit.language)
        text = self.any_wording(drawn.subject, drawn.relation, code)
        gold, edit = str(drawn.target), drawn.edit
        if self.random.random() < 0.12:
            gold = novel_names.answer(self.random, self.world, edit.language)
            edit = Edit(edit.question, gold, edit.language)
        if self.random.random() < 0.08:
            return self._new_subject(drawn, edit, code, gold)
        drawn = Drawn(drawn.subject, drawn.relation, drawn.target, edit)
        return self.beside("in_scope", [drawn], drawn.subject, text, code, gold)

    def _new_subject(
        self, drawn: Drawn, edit: Edit, code: str, gold: str
    ) -> Conversation:
        """Ask about a subject that the world does not have."""
        novel = novel_names.title(self.random)
        stated, text = self.ask_about_name(novel, drawn.relation, edit.language, code)
        new = Drawn("", drawn.relation, None, Edit(stated, edit.answer, edit.language))
        return self.beside("in_scope", [new], "", text, code, gold)

    def ask_about_name(self, subject: str, relation: str, *codes: str) -> list[str]:
        """Ask in each language for a relation of a name that is in no fact."""
        return [
            self.random.choice(wordings(self.world, relation, code)).replace(
                "{subject}", subject
            )
            for code in codes
        ]

    def draw_two_hop(self) -> tuple[Drawn, str, str, str]:
        """Return an edit, a question about what follows, its language, its answer."""
        hop = self.random.choice(sorted(TWO_HOPS))
        while True:
            drawn = self.draw_edit(TWO_HOPS[hop][0])
            follows = second_hop(self.world, hop, str(drawn.target))
            if follows:
                break
        code = self.query_language(drawn.edit.language)
        return drawn, self.any_wording(drawn.subject, hop, code), code, follows

    def in_scope_two_hop(self) -> Conversation:
        """Ask for what follows from the edit and one known fact."""
        drawn, text, code, follows = self.draw_two_hop()
        kind = "in_scope_two_hop"
        return self.beside(kind, [drawn], drawn.subject, text, code, follows)

    def unrelated(self, drawn: Drawn, code: str) -> tuple[str, str, str]:
        """Return (subject, question, true object) that the edit leaves as it is."""
        world, random_, draw = self.world, self.random, self.random.random()
        if draw < 0.1:
            entity = random_.choice(self.objects)
            text = random_.choice(world.wordings[code].dictionary)
            text = text.replace("{name}", name(world, entity, self.any_language()))
            return "", text, entity
        subject, relation = drawn.subject, drawn.relation
        others = [r for r in sorted(world.facts.get(subject, {})) if r != relation]
        if draw < 0.4 and others:
            relation = random_.choice(others)
        elif draw < 0.78:
            same = [s for s in self.editable[relation] if s != subject]
            subject = random_.choice(same)
        else:
            while (subject, relation) == (drawn.subject, drawn.relation):
                relation = random_.choice(sorted(RELATION_WEIGHTS))
                subject = random_.choice(self.editable[relation])
        text = self.any_wording(subject, relation, code)
        return subject, text, world.facts[subject][relation]

    def out_of_scope(self) -> Conversation:
        """Ask for something that the edit does not touch; the answer stays true."""
        drawn = self.draw_edit()
        code = self.query_language(drawn.edit.language)
        if self.random.random() < 0.12:
            novel = novel_names.answer(self.random, self.world, drawn.edit.language)
            edit = Edit(drawn.edit.question, novel, drawn.edit.language)
            drawn = Drawn(drawn.subject, drawn.relation, None, edit)
        subject, text, gold = self.unrelated(drawn, code)
        return self.beside("out_of_scope", [drawn], subject, text, code, gold)

    def several(self) -> Conversation:
        """State two to four edits; ask about one of them, or none."""
        source = self.edit_language()
        code = self.query_language(source)
        edits: list[Drawn] = []
        count = self.random.choice((2, 2, 3, 4))
        while len(edits) < count:
            drawn = self.draw_edit(code=source)
            if all(drawn.subject != other.subject for other in edits):
                edits.append(drawn)
        chosen = self.random.choice(edits)
        if self.random.random() < 0.6:
            text = self.any_wording(chosen.subject, chosen.relation, code)
            gold = str(chosen.target)
            return self.beside("several", edits, chosen.subject, text, code, gold)
        changed = {(d.subject, d.relation) for d in edits}
        while True:
            relation = self.random.choice(sorted(RELATION_WEIGHTS))
            subject = self.random.choice(self.editable[relation])
            if (subject, relation) not in changed:
                break
        text = self.any_wording(subject, relation, code)
        gold = self.world.facts[subject][relation]
        return self.beside("several", edits, subject, text, code, gold)

    def novel_question(self) -> Conversation:
        """Ask the edit's own question, made of novel words about a novel subject."""
        code = self.edit_language()
        text = novel_names.question(self.random, novel_names.title(self.random))
        gold = novel_names.answer(self.random, self.world, code)
        drawn = Drawn("", "", None, Edit(text, gold, code))
        return self.beside("novel_question", [drawn], "", text, code, gold)


def conversations(
    world: World,
    mix: dict[str, float],
    seed: int,
    *,
    cross_lingual: bool = True,
    again: Sequence[FactQuery] = (),
) -> Iterator[Conversation]:
    """Yield samples without end, in the proportions of ``mix``; the same for a seed.

    The true facts of ``again`` are drawn as often as they are listed, and once more.
    """
    sampler = CorpusSampler(world, seed, cross_lingual)
    sampler.types_carelessly = "in_scope" in mix
    sampler.no_facts_share = NO_FACTS_SHARE if sampler.types_carelessly else 0.0
    if again:
        sampler.draws.fill("facts", sampler.facts, again)
    draw: dict[str, Callable[[], Conversation]] = {
        kind: getattr(sampler, kind) for kind in mix
    }
    kinds, shares = list(mix), list(mix.values())
    while True:
        yield draw[sampler.random.choices(kinds, shares)[0]]()
