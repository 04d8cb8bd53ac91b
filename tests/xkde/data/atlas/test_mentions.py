"""Whether a text names something: no name within another one is it."""

from itertools import product

import pytest

from xkde.data.atlas.mentions import names_entity
from xkde.data.atlas.world import atlas
from xkde.text import normalise, unaccented


def _parts(kinds: bool) -> list[tuple[str, str]]:
    """Return (part, whole) of Atlas's names in one language, of one kind or of any."""
    world = atlas()
    found = set()
    for code in world.languages:
        by_name: dict[str, set[str]] = {}
        for entity, names in world.names.items():
            by_name.setdefault(normalise(names[code]), set()).add(entity)
        for part, whole in product(by_name, by_name):
            if part == whole or part not in whole or by_name[part] & by_name[whole]:
                continue
            of_one_kind = {e.split("/")[0] for e in by_name[part]} & {
                e.split("/")[0] for e in by_name[whole]
            }
            if of_one_kind or not kinds:
                found.add((part, whole))
    return sorted(found)


def test_none_of_atlas_names_is_named_by_another_one() -> None:
    of_one_kind, of_any = _parts(kinds=True), _parts(kinds=False)
    assert len(of_one_kind) >= 84
    assert len(of_any) > len(of_one_kind)
    for plain in (normalise, unaccented):
        wrong = [pair for pair in of_any if names_entity(pair[1], pair[0], plain=plain)]
        assert not wrong


def test_every_name_names_itself_in_a_sentence() -> None:
    world = atlas()
    frames = {"zh": "答案是{}。", "th": "คือ{}", "ru": "Это {}.", "en": "It is {} now."}
    for code, frame in frames.items():
        lost = [
            names[code]
            for names in world.names.values()
            if not names_entity(frame.format(names[code]), names[code])
        ]
        assert not lost, code


@pytest.mark.parametrize(
    ("text", "name", "there"),
    [
        ("都柏林", "柏林", False),
        ("德国的首都柏林", "柏林", True),  # the capital Berlin, though it has 都柏林
        ("爱尔兰的首都都柏林", "柏林", False),
        ("爱尔兰的首都都柏林", "都柏林", True),
        ("都柏林和柏林", "柏林", True),
        ("белорусский", "русский", False),
        ("белорусский и русский", "русский", True),
        ("Nigeria", "Niger", False),
        ("Niger, not Nigeria", "Niger", True),
        ("Papua New Guinea", "Guinea", False),
        ("Papúa Nueva Guinea", "Guinea", False),  # names of all languages are known
        ("In Guinea.", "Guinea", True),
        ("南苏丹", "苏丹", False),
        ("ซูดานใต้", "ซูดาน", False),
        ("คือซูดาน", "ซูดาน", True),
        ("ปาปัวนิวกินี", "กินี", False),
        ("十二月", "二月", False),
        ("DIYARBAKIR'dadır", "Diyarbakır", True),
        ("ırak'ta", "IRAK", True),
        ("İSTANBUL’un", "istanbul", True),
        ("New\u200b York", "New York", True),
        ("Dusch\u00adanbe", "Duschanbe", True),
        ("بار\u200cیس", "باریس", True),
        ("the Canadian dollar", "Canadian dollar", True),
        ("Japanese yen", "yen", True),  # a longer name of the same
    ],
)
def test_by_hand(text: str, name: str, there: bool) -> None:
    assert names_entity(text, name) is there


def test_names_that_atlas_does_not_have() -> None:
    assert names_entity("Velmora Nova", "Velmora")
    assert not names_entity("Velmora Nova", "Velmora", ["Velmora Nova"])
    assert names_entity("New Velmora or Velmora", "Velmora", ["New Velmora"])
