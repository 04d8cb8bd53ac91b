"""The world: the same every time, true where it is checked by hand, split for good."""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest

from xkde.data.atlas.records import RELATIONS, TWO_HOPS
from xkde.data.atlas.world import SHOWN, atlas, held_out
from xkde.languages import ATLAS_LANGUAGES

ROOT = Path(__file__).resolve().parents[4]
WORLD = atlas()
FINGERPRINT = """
from tests.xkde.data.atlas.test_world import fingerprint
print(fingerprint())
"""


def fingerprint() -> str:
    """Return a hash of the whole world, its order included."""
    return hashlib.sha256(json.dumps(asdict(WORLD)).encode()).hexdigest()


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_builds_the_same_world(hash_seed: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FINGERPRINT],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == fingerprint()


def test_its_size() -> None:
    assert WORLD.languages == ATLAS_LANGUAGES
    assert len(WORLD.languages) == len(WORLD.wordings) == 12
    used = {relation for facts in WORLD.facts.values() for relation in facts}
    assert used == set(RELATIONS)
    assert len(used) >= 8
    assert len(WORLD.facts) >= 700


def test_every_fact_joins_named_entities_of_the_right_kinds() -> None:
    for subject, facts in WORLD.facts.items():
        assert facts, subject
        for relation, found in facts.items():
            kinds = (subject.split("/")[0], found.split("/")[0])
            assert kinds == RELATIONS[relation]
            assert {subject, found} <= WORLD.names.keys()


def test_kinds_are_complete() -> None:
    together = [entity for kind in WORLD.by_kind.values() for entity in kind]
    assert sorted(together) == sorted(WORLD.names)
    assert all(e.startswith(f"{k}/") for k, es in WORLD.by_kind.items() for e in es)


def test_two_hops_meet_in_the_middle() -> None:
    for first, second in TWO_HOPS.values():
        assert RELATIONS[first][1] == RELATIONS[second][0]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (
            "territory/JP",
            {
                "currency": "currency/JPY",
                "language": "language/ja",
                "capital": "city/tokyo",
                "continent": "continent/asia",
            },
        ),
        (
            "territory/GB",
            {
                "currency": "currency/GBP",
                "party": "party/conservative",  # as of the start of 2024
                "capital": "city/london",
                "language": "language/en",
            },
        ),
        ("territory/CH", {"capital": "city/bern", "currency": "currency/CHF"}),
        ("territory/ES", {"continent": "continent/europe", "capital": "city/madrid"}),
        ("territory/PT", {"continent": "continent/europe", "currency": "currency/EUR"}),
        ("territory/RU", {"continent": "continent/europe", "capital": "city/moscow"}),
        ("territory/NO", {"language": "language/no", "currency": "currency/NOK"}),
        ("territory/HT", {"currency": "currency/HTG", "language": "language/ht"}),
        ("territory/BR", {"continent": "continent/south_america"}),
        ("territory/MX", {"continent": "continent/north_america"}),
        ("territory/EG", {"continent": "continent/africa", "capital": "city/cairo"}),
        ("territory/AU", {"continent": "continent/oceania"}),
        ("territory/CN", {"language": "language/zh", "capital": "city/beijing"}),
        ("territory/TR", {"capital": "city/ankara", "currency": "currency/TRY"}),
        ("city/osaka", {"country": "territory/JP"}),
        ("city/zurich", {"country": "territory/CH"}),
        ("city/san_francisco", {"country": "territory/US"}),
    ],
)
def test_true_facts_by_hand(subject: str, expected: dict[str, str]) -> None:
    assert WORLD.facts[subject].items() >= expected.items()


def test_a_capital_lies_in_its_country() -> None:
    for subject, facts in WORLD.facts.items():
        if "capital" in facts:
            assert WORLD.facts[facts["capital"]]["country"] == subject


def test_dependencies_and_contested_places_are_no_countries() -> None:
    assert not {"territory/GI", "territory/PR", "territory/AQ"} & WORLD.names.keys()


def test_what_is_shown_first_is_in_no_test() -> None:
    assert {WORLD.split[subject] for subject in SHOWN} == {"train"}


def test_the_split_is_of_every_subject_and_near_its_shares() -> None:
    assert WORLD.split.keys() == WORLD.facts.keys()
    assert all(WORLD.split[subject] == held_out(subject) for subject in WORLD.split)
    counts = Counter(WORLD.split.values())
    total = sum(counts.values())
    for split, share in (("test", 2 / 12), ("dev", 1 / 12), ("train", 9 / 12)):
        spread = (total * share * (1 - share)) ** 0.5
        assert abs(counts[split] - total * share) < 4 * spread


def test_every_relation_has_facts_in_every_split() -> None:
    for split in ("train", "dev", "test"):
        found = {
            r for s, f in WORLD.facts.items() if WORLD.split[s] == split for r in f
        }
        assert found == set(RELATIONS), split
