"""Every source is read; whatever is damaged is counted with its reason."""

import random
from pathlib import Path

import pytest

from tests.helpers import source_samples as samples
from xkde.data.instructions.sources import READERS, read_sources
from xkde.errors import DataError, InputError, XkdeError


def test_parallel_facts_have_all_languages(tmp_path: Path) -> None:
    material = read_sources({"zsre": samples.zsre(tmp_path)})
    assert len(material.facts) == len(samples.TOWNS)
    first = material.facts[0]
    assert set(first.questions) == set(samples.RIVER)  # cz is cs, du is nl
    assert first.questions["cs"] == "Která řeka protéká městem Brelow?"
    assert first.answers["zh"] == "河流凯塔尔"
    assert not material.rejected
    assert {file.records for file in material.files} == {len(samples.TOWNS)}


def test_damaged_lines_are_counted(tmp_path: Path) -> None:
    folder = samples.zsre(tmp_path)
    german = folder / "zsre_mend_train_de_16.txt"
    lines = german.read_bytes().split(b"\n")
    lines[1], lines[2] = b"no tab at all", b"\xff\xfe broken\tanswer"
    german.write_bytes(b"\n".join(lines))
    french = folder / "zsre_mend_train_fr_16.txt"
    french.write_text(french.read_text("utf-8") + "one more\tline\n", "utf-8")
    (folder / "zsre_mend_train_xx_16.txt").write_text("q\ta\n", "utf-8")
    material = read_sources({"zsre": folder})
    assert "de" not in material.facts[1].questions
    assert "de" in material.facts[0].questions
    # Lines that are not as many cannot be trusted to be the same facts.
    assert not any("fr" in fact.questions for fact in material.facts)
    assert set(material.reasons()) == {
        ("zsre", "not one question and one answer"),
        ("zsre", "no UTF-8 text"),
        ("zsre", "its lines are not as many as in other files"),
        ("zsre", "its name has no language that is known"),
    }


def test_two_files_of_one_language_are_refused(tmp_path: Path) -> None:
    folder = samples.zsre(tmp_path)
    whole = (folder / "zsre_mend_train_en_16.txt").read_bytes()
    (folder / "zsre_mend_eval_en_16.txt").write_bytes(whole[::-1])
    both = r"eval_en_16\.txt and .*train_en_16\.txt are both in English"
    with pytest.raises(DataError, match=both):
        read_sources({"zsre": folder})


def test_halluedit_gives_paraphrases_hops_and_neighbours(tmp_path: Path) -> None:
    material = read_sources({"halluedit": samples.halluedit(tmp_path)})
    assert [p.query for p in material.paraphrases][:1] == [
        "What depth does Lake Umber0, have?"
    ]
    assert [hop.hops for hop in material.hops][:2] == [2, 3]
    assert material.neighbours[0].id == "halluedit:places_lake:2"
    assert material.neighbours[0].edit.answer == "20 metres"


def test_json_sources(tmp_path: Path) -> None:
    places = samples.all_sources(tmp_path)
    del places["zsre"], places["halluedit"]
    material = read_sources(places)
    assert not material.rejected
    hops = {hop.source: hop for hop in material.hops}
    assert hops["knowedit"].answer == "Lena Stone"
    assert [e.answer for e in hops["mquake"].edits] == ["harp", "Norrvale"]
    (edit,) = hops["rippleedits"].edits
    assert (edit.question, edit.answer) == ("The mother of Edda Quill is", "Rosa Lark")
    queries = {p.source: p.query for p in material.paraphrases}
    assert queries["rippleedits"] == "The mother of E. Quill is"
    assert queries["mquake"] == "Tam Orrin plays the"
    assert queries["knowedit"].startswith("This is a passage about otto rind")
    assert {n.query for n in material.neighbours} == {
        "The town of Corvin Hall is",
        "The job of Edda Quill is",
    }
    assert material.conversations[0].messages[1].content == "Nobody does any more."


def test_a_statement_is_split_where_it_differs_from_the_old_one(tmp_path: Path) -> None:
    record = samples.RIPPLEEDITS[0] | {"Subject_Aliasing": []}
    place = samples.write_json(tmp_path / "r.json", [record, {"edit": 3}])
    material = read_sources({"rippleedits": place})
    assert material.hops[0].edits[0].answer == "Rosa Lark"
    reason = "its new answer cannot be separated from its statement"
    assert material.reasons() == {("rippleedits", reason): 1}


def test_a_list_that_breaks_off_keeps_what_is_before(tmp_path: Path) -> None:
    place = samples.write_json(tmp_path / "m.json", samples.MQUAKE * 3)
    place.write_text(place.read_text("utf-8")[:-200], "utf-8")
    material = read_sources({"mquake": place})
    assert len(material.hops) == 2
    assert material.reasons() == {("mquake", "no JSON record"): 1}


def test_what_generate_rejected_stays_out(tmp_path: Path) -> None:
    good = {
        "rejected": "",
        "languages": {
            "en": {"question": "Who?", "new_answer": "Bo", "query": "Who is it?",
                   "answer": "It is Bo.", "neighbour": "Where is it?"},
            "de": {"question": "Wer?", "new_answer": "Bo", "query": "Wer ist es?",
                   "answer": "Es ist Bo.", "neighbour": "Wo ist es?"},
        },
    }  # fmt: skip
    bad = {"rejected": "a score under 5", "languages": {}}
    place = samples.write_json(tmp_path / "g.jsonl", [good, bad])
    material = read_sources({"generated": place})
    asked = {(p.edit.language, p.language, p.answer) for p in material.paraphrases}
    assert ("en", "de", "Es ist Bo.") in asked and len(asked) == 4
    assert {p.fact for p in material.paraphrases} == {"generated:g:1"}
    assert [n.language for n in material.neighbours] == ["en", "de"]
    assert material.reasons() == {("generated", "a score under 5"): 1}


@pytest.mark.parametrize("source", READERS)
def test_no_damage_ends_in_a_traceback(source: str, tmp_path: Path) -> None:
    places = samples.all_sources(tmp_path)
    place = places.get(source) or samples.write_json(
        tmp_path / "generated.jsonl", [{"rejected": "", "languages": {"en": {}}}]
    )
    files = [place] if place.is_file() else sorted(place.iterdir())
    random_ = random.Random(source)
    for file in files:
        whole = file.read_bytes()
        for _ in range(12):
            content = bytearray(whole)
            for _ in range(random_.randint(1, 8)):
                where = random_.randrange(max(1, len(content)))
                random_.choice((_flip, _cut, _insert))(content, where, random_)
            file.write_bytes(bytes(content))
            try:
                read_sources({source: place})
            except XkdeError as error:
                pytest.fail(f"{file.name}: {error}")
        file.write_bytes(whole)


def _flip(content: bytearray, where: int, random_: random.Random) -> None:
    if where < len(content):
        content[where] = random_.randrange(256)


def _cut(content: bytearray, where: int, random_: random.Random) -> None:
    del content[where : where + random_.randint(1, 40)]


def _insert(content: bytearray, where: int, random_: random.Random) -> None:
    content[where:where] = random_.choice((b'"', b"\t", b"\n", b"[", b"{", b"\x00"))


def test_nested_values_of_any_type_are_left_out(tmp_path: Path) -> None:
    strange = [None, 3, "text", [], {}, [[]], {"a": {}}, True]
    fields = "prompt target_new subject locality portability edit questions new_answer"
    records = [
        dict.fromkeys(fields.split(), value)
        | {"requested_rewrite": value, "Compositionality_I": value,
           "messages": value, "conversations": value, "languages": value}
        for value in strange
    ]  # fmt: skip
    for source in ("knowedit", "mquake", "rippleedits", "generated", "conversations"):
        place = samples.write_json(tmp_path / f"{source}.jsonl", records)
        assert read_sources({source: place}).rejected


def test_unknown_names_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no source"):
        read_sources({"wikipedia": tmp_path})
    with pytest.raises(DataError, match="holds no file of zsre"):
        read_sources({"zsre": tmp_path})
