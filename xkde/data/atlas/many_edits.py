"""Many edits of Atlas at once, with questions that tell what else they change.

Held-out subjects come first: those of split test in the benchmark's own order, then of
dev, then of train, whose facts stage one has seen edited. One fact of every edited
subject stays as it is, and some subjects are not edited at all: their facts tell what
the edits have spoiled, near and far. Knows no model.

Run its tests: ``python -m pytest tests/xkde/data/atlas/test_many_edits.py``
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, Split, World
from xkde.errors import InputError
from xkde.types import Case, ProbeItem

SPLITS: tuple[Split, ...] = ("test", "dev", "train")
TUNED_ON = 13  # first test cases, on which editors' settings were chosen
ALONE = 5  # of so many train subjects one is never edited
Fact = tuple[str, str]  # subject, relation


@dataclass(frozen=True)
class ManyEdits:
    """Cases in the order in which they are edited, and facts that no edit is near."""

    cases: tuple[Case, ...]
    splits: tuple[Split, ...]  # of each case's subject
    untouched: tuple[Fact, ...]  # of subjects without any edit, in no order

    @property
    def sha256(self) -> str:
        """Tells these edits and questions from others."""
        told = [[asdict(case) for case in self.cases], self.untouched]
        text = json.dumps(told, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def many_edits(
    world: World, count: int, seed: int = 7, left_out: int = TUNED_ON
) -> ManyEdits:
    """Return ``count`` edits of distinct facts; raises InputError if there are fewer.

    Locality asks a fact that none of them edits: of the same subject where it has one
    left, else of an untouched subject. A portability question whose second fact is
    edited, too, is left out.
    """
    alone = {subject for subject in world.facts if _is_alone(world, subject)}
    there = list(_in_turn(world, seed, left_out, alone))
    if count > len(there):
        raise InputError(
            f"Atlas has {len(there)} facts to edit beside those that must stay; "
            f"{count} were asked for. Choose smaller sizes."
        )
    chosen = there[:count]
    edited = {(case.subject_id, case.relation) for case in chosen}
    random_ = random.Random(seed)
    untouched = sorted((s, r) for s in alone for r in world.facts[s])
    random_.shuffle(untouched)
    cases = [_with_probes(world, case, edited, untouched, random_) for case in chosen]
    splits = [world.split[case.subject_id] for case in cases]
    return ManyEdits(tuple(cases), tuple(splits), tuple(untouched))


def fact_item(world: World, fact: Fact, code: str, wording: int = 0) -> ProbeItem:
    """Return the question about a fact, with its true answer."""
    subject, relation = fact
    asked = question(world, subject, relation, code, wording)
    return ProbeItem(asked, name(world, world.facts[subject][relation], code), relation)


def _draw(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _is_alone(world: World, subject: str) -> bool:
    is_drawn = _draw(f"alone:{subject}") % ALONE == 0
    return world.split[subject] == "train" and is_drawn


def _left(world: World, subject: str) -> str | None:
    """Return the relation of a subject that no edit touches, if it has several."""
    relations = sorted(world.facts[subject])
    if len(relations) < 2:
        return None
    return min(relations, key=lambda relation: _draw(f"{subject}:{relation}"))


def _in_turn(world: World, seed: int, left_out: int, alone: set[str]) -> Iterator[Case]:
    for split in SPLITS:
        cases = atlas_cases(world, split, seed=seed)
        for case in cases[left_out if split == "test" else 0 :]:
            subject = case.subject_id
            if subject not in alone and case.relation != _left(world, subject):
                yield case


def _with_probes(
    world: World,
    case: Case,
    edited: set[Fact],
    untouched: Sequence[Fact],
    random_: random.Random,
) -> Case:
    """Return a case whose locality and portability no other edit has to do with."""
    left = _left(world, case.subject_id)
    near = (case.subject_id, left) if left else random_.choice(
        [fact for fact in untouched if fact[1] == case.relation]
    )  # fmt: skip
    wording = random_.randrange(3)
    probes = dict(case.probes)
    probes["locality"] = {
        code: fact_item(world, near, code, wording) for code in world.languages
    }
    hop = next(iter(probes.get("portability", {}).values()), None)
    if hop is not None:
        target = case.id.rpartition(">")[2]
        assert case.relation in RELATIONS and hop.relation in TWO_HOPS
        if (target, TWO_HOPS[hop.relation][1]) in edited:
            del probes["portability"]
    return replace(case, probes=probes)
