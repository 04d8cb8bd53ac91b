"""The Atlas benchmark: edits of held-out subjects, four probes, in twelve languages.

Records have the form of Bi-ZsRE and MzsRE (``as_record``), so that any reader of those
files reads this one. Reliability asks the edit's own question, generality another
wording, locality something that the edit must not touch, portability two hops. Knows no
model.

Experiments with many edits take ``many_edits``: cases of held-out subjects first, split
test in the benchmark's own order, then dev, then train, whose facts stage one has seen
edited. One fact of every edited subject stays as it is, and some subjects are not
edited at all: their facts show what the edits have damaged, near and far.
"""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from xkde.data.atlas.names import in_text
from xkde.data.atlas.questions import name, question, second_hop, two_hops_of
from xkde.data.atlas.records import RELATIONS, TWO_HOPS, Split, World
from xkde.errors import InputError
from xkde.types import Case, Edit, Probe, ProbeItem

SPLITS: tuple[Split, ...] = ("test", "dev", "train")
TUNED_ON = 13  # first test cases, on which editors' settings were chosen
UNEDITED = 5  # of so many train subjects one is never edited
Fact = tuple[str, str]  # subject, relation


def new_object(
    world: World, subject: str, relation: str, random_: random.Random
) -> str:
    """Return another object of the right kind, with a second hop where one is asked."""
    hops = two_hops_of(relation)
    pool = [
        entity
        for entity in world.by_kind[RELATIONS[relation][1]]
        if entity != world.facts[subject][relation]
        and (not hops or any(second_hop(world, hop, entity) for hop in hops))
    ]
    return random_.choice(pool)


def _locality(
    world: World, subject: str, relation: str, random_: random.Random
) -> tuple[str, str]:
    """Return a fact that the edit leaves alone: of the subject, or of another one."""
    same_split = [
        s for s in sorted(world.facts) if world.split[s] == world.split[subject]
    ]
    others = [r for r in sorted(world.facts[subject]) if r != relation]
    draw = random_.random()
    if draw < 0.4 and others:
        return subject, random_.choice(others)
    if draw < 0.8:
        near = [s for s in same_split if relation in world.facts[s] and s != subject]
        if near:
            return random_.choice(near), relation
    while True:
        other = random_.choice(same_split)
        asked = random_.choice(sorted(world.facts[other]))
        if other != subject:
            return other, asked


def make_case(
    world: World, subject: str, relation: str, random_: random.Random, target: str = ""
) -> Case:
    """Return one case; ``target`` fixes the new object, otherwise one is drawn."""
    target = target or new_object(world, subject, relation, random_)
    first, second = random_.sample(range(3), 2)
    loc_subject, loc_relation = _locality(world, subject, relation, random_)
    hops = [h for h in two_hops_of(relation) if second_hop(world, h, target)]
    hop = random_.choice(hops) if hops else ""
    edits: dict[str, Edit] = {}
    probes: dict[Probe, dict[str, ProbeItem]] = {
        "reliability": {},
        "generality": {},
        "locality": {},
    }
    if hop:
        probes["portability"] = {}
    for code in world.languages:
        asked = question(world, subject, relation, code, first)
        new = name(world, target, code)
        old = name(world, world.facts[subject][relation], code)
        subject_name, also = name(world, subject, code), in_text(new, code)
        edits[code] = Edit(asked, new, code, subject_name, old, also)
        probes["reliability"][code] = ProbeItem(asked, new, relation, also)
        probes["generality"][code] = ProbeItem(
            question(world, subject, relation, code, second), new, relation, also
        )
        probes["locality"][code] = _item(
            world,
            question(world, loc_subject, loc_relation, code, first),
            world.facts[loc_subject][loc_relation],
            loc_relation,
            code,
        )
        if hop:
            probes["portability"][code] = _item(
                world,
                question(world, subject, hop, code, first),
                str(second_hop(world, hop, target)),
                hop,
                code,
            )
    case_id = f"{subject}:{relation}>{target}"
    return Case(case_id, subject, relation, edits, probes)


def _item(world: World, asked: str, gold: str, relation: str, code: str) -> ProbeItem:
    """Return a question whose answer is an entity, with its other common names."""
    answer = name(world, gold, code)
    return ProbeItem(asked, answer, relation, in_text(answer, code))


def atlas_cases(
    world: World, split: Split = "test", limit: int = 0, seed: int = 7
) -> list[Case]:
    """Return the split's cases, relations in turn so that any prefix is balanced.

    Every (subject, relation) of the split is edited once; ``limit`` 0 means all.
    """
    random_ = random.Random(seed)
    queues: dict[str, list[str]] = {relation: [] for relation in RELATIONS}
    for subject in sorted(world.facts):
        if world.split[subject] == split:
            for relation in sorted(world.facts[subject]):
                queues[relation].append(subject)
    for queue in queues.values():
        random_.shuffle(queue)
    cases: list[Case] = []
    while any(queues.values()):
        for relation, queue in queues.items():
            if queue:
                cases.append(make_case(world, queue.pop(), relation, random_))
    return cases[:limit] if limit else cases


def as_record(case: Case) -> dict[str, dict[str, object]]:
    """Return a case in the Bi-ZsRE / MzsRE form, one entry for each language."""
    record: dict[str, dict[str, object]] = {}
    for code, edit in case.edits.items():
        local = case.probes["locality"][code]
        record[code] = {
            "subject": edit.subject,
            "src": edit.question,
            "rephrase": case.probes["generality"][code].question,
            "alt": edit.answer,
            "old": edit.old_answer,
            "loc": local.question,
            "loc_ans": local.answer,
        }
        if "portability" in case.probes:
            hop = case.probes["portability"][code]
            record[code]["portability"] = {
                "New Question": hop.question,
                "New Answer": hop.answer,
            }
    return record


@dataclass(frozen=True)
class ManyEdits:
    """Cases in the order in which they are edited, and facts that no edit is near."""

    cases: tuple[Case, ...]
    splits: tuple[Split, ...]  # of each case's subject
    untouched: tuple[Fact, ...]  # of subjects without any edit, in no order

    @property
    def sha256(self) -> str:
        """The digest of these edits and questions, which tells them from others."""
        content = [[asdict(case) for case in self.cases], self.untouched]
        text = json.dumps(content, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def many_edits(
    world: World, count: int, seed: int = 7, left_out: int = TUNED_ON
) -> ManyEdits:
    """Return ``count`` edits of distinct facts; raises InputError if there are fewer.

    Locality asks a fact that none of them edits: of the same subject where it has one
    left, else of an untouched subject. A portability question whose second fact is
    edited, too, is left out.
    """
    unedited = {subject for subject in world.facts if _is_unedited(world, subject)}
    available = list(_in_turn(world, seed, left_out, unedited))
    if count > len(available):
        raise InputError(
            f"Atlas has {len(available)} facts to edit beside those that must stay; "
            f"{count} were asked for. Choose smaller sizes."
        )
    chosen = available[:count]
    edited = {(case.subject_id, case.relation) for case in chosen}
    random_ = random.Random(seed)
    untouched = sorted((s, r) for s in unedited for r in world.facts[s])
    random_.shuffle(untouched)
    cases = [_with_probes(world, case, edited, untouched, random_) for case in chosen]
    splits = [world.split[case.subject_id] for case in cases]
    return ManyEdits(tuple(cases), tuple(splits), tuple(untouched))


def fact_item(world: World, fact: Fact, code: str, wording: int = 0) -> ProbeItem:
    """Return the question about a fact, with its true answer."""
    subject, relation = fact
    asked = question(world, subject, relation, code, wording)
    return ProbeItem(asked, name(world, world.facts[subject][relation], code), relation)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def _is_unedited(world: World, subject: str) -> bool:
    is_drawn = _hash(f"alone:{subject}") % UNEDITED == 0
    return world.split[subject] == "train" and is_drawn


def _left(world: World, subject: str) -> str | None:
    """Return the relation of a subject that no edit touches, if it has several."""
    relations = sorted(world.facts[subject])
    if len(relations) < 2:
        return None
    return min(relations, key=lambda relation: _hash(f"{subject}:{relation}"))


def _in_turn(
    world: World, seed: int, left_out: int, unedited: set[str]
) -> Iterator[Case]:
    for split in SPLITS:
        cases = atlas_cases(world, split, seed=seed)
        for case in cases[left_out if split == "test" else 0 :]:
            subject = case.subject_id
            if subject not in unedited and case.relation != _left(world, subject):
                yield case


def _with_probes(
    world: World,
    case: Case,
    edited: set[Fact],
    untouched: Sequence[Fact],
    random_: random.Random,
) -> Case:
    """Return a case whose locality and portability no other edit touches."""
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
