"""What Atlas's small encoder learns from: edits, and queries that they concern or not.

An anchor is a query in one language, its positive the edit that it concerns in another,
and its negative an edit that it does not: of the same subject, of the same relation, or
with the query's subject for an answer. Beside them stand names of every entity in two
languages, strings that no world has, and questions about invented subjects. Subjects of
the dev and test splits are in no edit and no query. Knows no tokenizer and no model.

Run its tests: ``python -m pytest tests/xkde/training/atlas_models/test_encoder.py``
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from xkde.data.atlas import novel_names
from xkde.data.atlas.corpus import CorpusSampler
from xkde.data.atlas.questions import name, two_hops_of, wordings
from xkde.data.atlas.records import RELATIONS, World
from xkde.memory.index import statement
from xkde.types import Edit

# Shares of the samples
MIX: dict[str, float] = {
    "about": 0.36, "follows": 0.08, "stranger": 0.14, "names": 0.36, "strings": 0.06,
}  # fmt: skip
KINDS = ("territory", "city", "currency", "language", "continent", "party",
         "occupation", "sport", "month", "person", "company")  # fmt: skip
# Their names are the same everywhere: there is little to learn from them.
COPIED_KINDS, COPIED_WEIGHT = ("person", "company"), 0.125
STRANGE_ANSWERS = 0.3  # share of edits whose new answer no world has
SAME_SUBJECT = 0.5  # share of negatives that are about the query's own subject
AS_ANSWER = 0.15  # share of negatives whose answer is the query's subject
OWN_SCRIPT = 0.25  # share of invented subjects that are not in Latin letters


@dataclass(frozen=True)
class Triple:
    """A query, an edit that concerns it and one that does not.

    ``key`` and ``negative_key`` say what the edits are about, so that of two samples
    about one fact neither is taken for the other's negative. ``subjects`` are Atlas's.
    """

    query: str
    positive: str
    negative: str
    key: str
    negative_key: str
    subjects: tuple[str, ...] = ()


class EncoderMaker:
    """Draws triples from one world with one random generator."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.sampler = CorpusSampler(world, seed)
        # People leave capitals and question marks out.
        self.sampler.types_carelessly = True
        self.random = self.sampler.random
        self.entities = [e for kind in KINDS for e in world.by_kind[kind]]
        self.weights = [
            COPIED_WEIGHT if e.split("/")[0] in COPIED_KINDS else 1.0
            for e in self.entities
        ]

    def about(self) -> Triple:
        """Ask for what an edit says, in any wording and language."""
        drawn = self.sampler.draw_edit(code=self.sampler.any_language())
        text = self._asked(drawn.subject, drawn.relation)
        return self._triple(text, drawn.subject, drawn.relation, drawn.edit)

    def follows(self) -> Triple:
        """Ask for what follows from an edit and another fact."""
        relation = self.random.choice([r for r in RELATIONS if two_hops_of(r)])
        drawn = self.sampler.draw_edit(relation, self.sampler.any_language())
        hop = self.random.choice(two_hops_of(relation))
        text = self._asked(drawn.subject, hop)
        return self._triple(text, drawn.subject, relation, drawn.edit)

    def stranger(self) -> Triple:
        """Ask about a subject that the world does not have, written alike or nearly."""
        relation = self.random.choice(sorted(RELATIONS))
        other_relation = self._other_relation(RELATIONS[relation][0], relation)
        one, other = self._invented(), self._invented()
        same = self.random.random() < SAME_SUBJECT and other_relation != relation
        against = (one, other_relation) if same else (other, relation)
        return Triple(
            query=self._filled(one, relation),
            positive=statement(self._edit(one, relation)),
            negative=statement(self._edit(*against)),
            key=f"{one}:{relation}",
            negative_key=":".join(against),
        )

    def names(self) -> Triple:
        """Give a name in two languages, and another name of its kind."""
        entity = self.random.choices(self.entities, self.weights)[0]
        kind = entity.split("/")[0]
        other = self.random.choice([e for e in self.world.by_kind[kind] if e != entity])
        codes = [self.sampler.any_language() for _ in range(3)]
        query, positive, negative = (
            name(self.world, e, code)
            for e, code in zip((entity, entity, other), codes, strict=True)
        )
        # A name by itself is about the entity: the same key for all of its samples.
        return Triple(query, positive, negative, entity, other)

    def strings(self) -> Triple:
        """Give a string that no world has, and one that is another."""
        code = self.sampler.any_language()
        one = novel_names.answer(self.random, self.world, code)
        other = novel_names.answer(self.random, self.world, code)
        query = novel_names.careless(one, self.random)
        return Triple(query, one, other, f"string:{one}", f"string:{other}")

    def _triple(self, text: str, subject: str, relation: str, edit: Edit) -> Triple:
        against, other, negative = self._negative(subject, relation)
        return Triple(
            query=text,
            positive=statement(self._strange(edit)),
            negative=statement(negative),
            key=f"{subject}:{relation}",
            negative_key=f"{against}:{other}",
            subjects=(subject, against),
        )

    def _negative(self, subject: str, relation: str) -> tuple[str, str, Edit]:
        """Return subject, relation and edit that a query could be taken to be about."""
        facts, editable = self.world.facts, self.sampler.editable
        kind = subject.split("/")[0]
        said = [r for r, (_, of) in RELATIONS.items() if of == kind and editable[r]]
        if said and self.random.random() < AS_ANSWER:
            other = self.random.choice(said)
            against = self.random.choice(editable[other])
            return against, other, self._edit_of(against, other, subject)
        same = [(subject, r) for r in sorted(facts[subject]) if r != relation]
        near = [(s, relation) for s in editable[relation] if s != subject]
        first = same if self.random.random() < SAME_SUBJECT else near
        against, other = self.random.choice(first or same or near)
        target = self.random.choice(self.world.by_kind[RELATIONS[other][1]])
        return against, other, self._strange(self._edit_of(against, other, target))

    def _edit_of(self, subject: str, relation: str, target: str) -> Edit:
        code = self.sampler.any_language()
        text = self._asked(subject, relation, code)
        return Edit(text, name(self.world, target, code), code)

    def _edit(self, subject: str, relation: str) -> Edit:
        """Return an edit of a subject that is written out."""
        code = self.sampler.any_language()
        target = self.random.choice(self.world.by_kind[RELATIONS[relation][1]])
        text = self._filled(subject, relation, code)
        return self._strange(Edit(text, name(self.world, target, code), code))

    def _strange(self, edit: Edit) -> Edit:
        if self.random.random() >= STRANGE_ANSWERS:
            return edit
        answer = novel_names.answer(self.random, self.world, edit.language)
        return Edit(edit.question, answer, edit.language)

    def _invented(self) -> str:
        if self.random.random() < OWN_SCRIPT:
            code = self.sampler.any_language()
            return novel_names.shuffled_name(self.random, self.world, code)
        return novel_names.title(self.random)

    def _asked(self, subject: str, relation: str, code: str = "") -> str:
        code = code or self.sampler.any_language()
        return self.sampler.any_wording(subject, relation, code)

    def _filled(self, subject: str, relation: str, code: str = "") -> str:
        table = wordings(self.world, relation, code or self.sampler.any_language())
        text = self.random.choice(table).replace("{subject}", subject)
        return novel_names.careless(text, self.random)

    def _other_relation(self, kind: str, relation: str) -> str:
        others = [r for r, (of, _) in RELATIONS.items() if of == kind and r != relation]
        return self.random.choice(others) if others else relation


def triples(world: World, count: int, seed: int) -> Iterator[Triple]:
    """Yield ``count`` samples in the proportions of MIX; the same ones for a seed."""
    maker = EncoderMaker(world, seed)
    makers: dict[str, Callable[[], Triple]] = {
        kind: getattr(maker, kind) for kind in MIX
    }
    kinds, shares = list(MIX), list(MIX.values())
    for _ in range(count):
        yield makers[maker.random.choices(kinds, shares)[0]]()


def dev_triples(world: World, count: int, seed: int) -> list[Triple]:
    """Return triples about subjects of the dev split, whose edits are never trained on.

    Only to see a loss on what is held out; ``xkde.evaluation.run.retrieval`` measures.
    """
    maker = EncoderMaker(world, seed)
    apart = [s for s in sorted(world.facts) if world.split[s] == "dev"]
    maker.sampler.editable = {
        relation: [s for s in apart if relation in world.facts[s]]
        for relation in RELATIONS
    }
    return [maker.about() for _ in range(count)]
