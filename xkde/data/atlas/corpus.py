"""What Atlas's models are taught: the base's own corpus, and the XE-IT instructions.

The base learns every fact in every language, and to use a stated fact within one
language. XE-IT (the paper's first stage) adds edits in one language and queries in
another: in and out of scope, with and without the edit. Subjects of the dev and test
splits are in no edit and in no query beside an edit; without an edit their true facts
are rehearsed as the base learned them. Knows no tokenizer and no model.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from xkde.data.atlas import novel_names
from xkde.data.atlas.facts import SHOWN
from xkde.data.atlas.mixes import (
    EDIT_LANGUAGES,
    FACT_WEIGHTS,
    LANGUAGE_WEIGHTS,
    ODD_SUBJECTS,
    RELATION_WEIGHTS,
    SHOWN_TIMES,
)
from xkde.data.atlas.novel_names import careless, typed
from xkde.data.atlas.novel_subjects import named_apart
from xkde.data.atlas.questions import name, question, second_hop, two_hops_of, wordings
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, Conversation, Drawn, World
from xkde.data.atlas.sampling import Card, Decks
from xkde.languages import language as language_of
from xkde.prompts import answered, edit_prompt
from xkde.types import Edit


class Maker:
    """Draws samples from one world with one random generator."""

    def __init__(self, world: World, seed: int, cross_lingual: bool = True) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.cross_lingual = cross_lingual
        self.is_careless = False
        self.odd_subjects = 0.0
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
        self.odd = named_apart(world, self.objects)
        self.decks = Decks(self.random, self.languages)

    def any_wording(self, subject: str, relation: str, code: str) -> str:
        """Ask in one of the language's wordings, at times as carelessly as people."""
        count = len(wordings(self.world, relation, code))
        text = question(
            self.world, subject, relation, code, self.random.randrange(count)
        )
        return careless(text, self.random) if self.is_careless else text

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
        if random_.random() < self.odd_subjects:
            subject = random_.choice(self.odd)
        pool = world.by_kind[RELATIONS[relation][1]]
        target = random_.choice(pool)
        while target in (subject, world.facts.get(subject, {}).get(relation)):
            target = random_.choice(pool)
        text = self.any_wording(subject, relation, code)
        answer = name(world, target, code)
        if self.is_careless:
            answer = typed(answer, relation, code, random_)
        edit = Edit(text, answer, code)
        return Drawn(subject, relation, target, edit)

    def closed_book(self) -> Conversation:
        """Ask for a true fact without any edit."""
        subject, relation, code = self.decks.deal("facts", self.facts)
        gold = name(self.world, self.world.facts[subject][relation], code)
        text = self.any_wording(subject, relation, code)
        return Conversation("closed_book", tuple(answered(text, gold)), asked=subject)

    def two_hop(self) -> Conversation:
        """Ask a two-hop question about true facts without any edit."""
        subject, hop, code = self.decks.deal("hops", self.hops)
        bridge = self.world.facts[subject][TWO_HOPS[hop][0]]
        gold = name(self.world, str(second_hop(self.world, hop, bridge)), code)
        text = self.any_wording(subject, hop, code)
        return Conversation("two_hop", tuple(answered(text, gold)), asked=subject)

    def dictionary(self) -> Conversation:
        """Ask for a name in another language."""
        entity, _, code = self.decks.deal("names", [(e, "") for e in self.named])
        # Stage one reads names where edits are stated: English and Chinese the most.
        source = self.edit_language() if self.is_careless else self.any_language()
        text = self.random.choice(self.world.wordings[code].dictionary)
        text = text.replace("{name}", name(self.world, entity, source))
        gold = name(self.world, entity, code)
        return Conversation("dictionary", tuple(answered(text, gold)), asked=entity)

    def repeated(self) -> Conversation:
        """Say the words of the prompt again, whatever they are."""
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
        stranger = novel_names.title(self.random)
        asked = [
            self.random.choice(wordings(self.world, drawn.relation, c)).replace(
                "{subject}", stranger
            )
            for c in (edit.language, code)
        ]
        new = Drawn(
            "", drawn.relation, None, Edit(asked[0], edit.answer, edit.language)
        )
        return self.beside("in_scope", [new], "", asked[1], code, gold)

    def in_scope_two_hop(self) -> Conversation:
        """Ask for what follows from the edit and one known fact."""
        hop = self.random.choice(sorted(TWO_HOPS))
        while True:
            drawn = self.draw_edit(TWO_HOPS[hop][0])
            follows = second_hop(self.world, hop, str(drawn.target))
            if follows:
                break
        code = self.query_language(drawn.edit.language)
        text = self.any_wording(drawn.subject, hop, code)
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
            strange = novel_names.answer(self.random, self.world, drawn.edit.language)
            edit = Edit(drawn.edit.question, strange, drawn.edit.language)
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

    def unheard(self) -> Conversation:
        """Ask the edit's own question, in words and about a subject never heard."""
        code = self.edit_language()
        text = novel_names.question(self.random, novel_names.title(self.random))
        gold = novel_names.answer(self.random, self.world, code)
        drawn = Drawn("", "", None, Edit(text, gold, code))
        return self.beside("unheard", [drawn], "", text, code, gold)


def conversations(
    world: World,
    mix: dict[str, float],
    seed: int,
    *,
    cross_lingual: bool = True,
    again: Sequence[Card] = (),
) -> Iterator[Conversation]:
    """Yield samples without end, in the proportions of ``mix``; the same for a seed.

    The true facts of ``again`` are dealt as often as they stand there, and once more.
    """
    maker = Maker(world, seed, cross_lingual)
    maker.is_careless = "in_scope" in mix
    maker.odd_subjects = ODD_SUBJECTS if maker.is_careless else 0.0
    if again:
        maker.decks.put("facts", maker.facts, again)
    makers: dict[str, Callable[[], Conversation]] = {
        kind: getattr(maker, kind) for kind in mix
    }
    kinds, shares = list(mix), list(mix.values())
    while True:
        yield makers[maker.random.choices(kinds, shares)[0]]()
