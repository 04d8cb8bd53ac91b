"""Atlas's cases asked in words that its models never saw: how people may type.

Generality of the benchmark asks in another of Atlas's wordings, which training has also
seen, about other subjects. Here it asks in own words instead, in four languages; the
other probes stay as they are. Knows no model.
"""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache

from xkde.data.atlas.questions import in_sentence
from xkde.data.atlas.records import World
from xkde.paths import ASSETS
from xkde.types import Case

FILE = ASSETS / "questions" / "atlas_own_words.toml"
Wordings = Mapping[str, Mapping[str, Sequence[str]]]  # language -> relation -> texts


@cache
def own_wordings() -> Wordings:
    """Return the wordings by language and relation; each holds one ``{subject}``."""
    found: Wordings = tomllib.loads(FILE.read_text(encoding="utf-8"))
    return found


def in_own_words(world: World, cases: Sequence[Case]) -> list[Case]:
    """Return the cases with generality asked in own words, in their languages alone.

    Cases of one relation take its wordings in turn.
    """
    seen: Counter[str] = Counter()
    turned = []
    for case in cases:
        place = seen[case.relation]
        seen[case.relation] += 1
        turned.append(_turned(world, case, place))
    return turned


def _turned(world: World, case: Case, place: int) -> Case:
    wordings = own_wordings()
    probes = {
        probe: {code: asked[code] for code in wordings}
        for probe, asked in case.probes.items()
    }
    for code, by_relation in wordings.items():
        texts = by_relation[case.relation]
        name = in_sentence(world, case.subject_id, code)
        text = texts[place % len(texts)].replace("{subject}", name)
        item = replace(probes["generality"][code], question=text)
        probes["generality"][code] = item
    edits = {code: case.edits[code] for code in wordings}
    return replace(case, edits=edits, probes=probes)
