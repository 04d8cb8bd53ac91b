"""The Atlas benchmark: edits of held-out subjects, four probes, in twelve languages.

Records have the form of Bi-ZsRE and MzsRE (``as_record``), so that any reader of those
files reads this one. Reliability asks the edit's own question, generality another
wording, locality something that the edit must not touch, portability two hops. Knows no
model.
"""

import random
from typing import Any

from xkde.data.atlas.aliases import in_text
from xkde.data.atlas.questions import name, question, second_hop, two_hops_of, wordings
from xkde.data.atlas.records import RELATIONS, Split, World
from xkde.types import Case, Edit, Probe, ProbeItem


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


def as_record(case: Case) -> dict[str, dict[str, Any]]:
    """Return a case in the Bi-ZsRE / MzsRE form, one entry for each language."""
    record: dict[str, dict[str, Any]] = {}
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


def wording_counts(world: World) -> dict[str, int]:
    """Return the smallest number of wordings that any language has, by relation."""
    return {
        relation: min(len(wordings(world, relation, c)) for c in world.languages)
        for relation in RELATIONS
    }
