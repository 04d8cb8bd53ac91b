"""Benchmark files of others become cases: every format, and every file that is none.

Small files of our own; the real ones are read where ``XKDE_BENCHMARKS`` names a folder.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import benchmark_samples as samples
from tests.helpers.benchmark_samples import CHINESE, CZECH, DUTCH, ENGLISH, write
from xkde.__main__ import main
from xkde.data.atlas.benchmark import as_record, atlas_cases
from xkde.data.atlas.world import atlas
from xkde.data.benchmarks import (
    FORMATS,
    Benchmark,
    counts,
    for_direction,
    items_of,
    read_benchmark,
)
from xkde.errors import BenchmarkError
from xkde.types import PROBES, Source


def read(path: Path, records: Any, name: str | None = None) -> Benchmark:
    return read_benchmark(name, write(path, records))


def test_bizsre(tmp_path: Path) -> None:
    file = write(tmp_path / "bizsre_test.json", samples.bizsre())
    benchmark = read_benchmark(None, file)
    assert (benchmark.name, benchmark.languages) == ("bizsre", ("en", "zh"))
    assert benchmark.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert benchmark.skipped == ()
    assert counts(benchmark) == {
        code: dict.fromkeys(PROBES, 2) for code in ("en", "zh")
    }
    case = benchmark.cases[0]
    assert (case.id, case.subject_id) == ("bizsre/1", "Narnia")
    assert case.sources == (Source("bizsre_test.json", 1, 2),)
    assert (case.edits["zh"].question, case.edits["zh"].answer) == (
        CHINESE["src"],
        "大阪",
    )
    asked = {probe: case.probes[probe]["zh"] for probe in PROBES}
    assert [item.question for item in asked.values()] == [
        CHINESE["src"],
        CHINESE["rephrase"],
        CHINESE["loc"],
        CHINESE["portability"]["New Question"],
    ]
    assert [item.answer for item in asked.values()] == [
        "大阪",
        "大阪",
        "莎士比亚",
        "本州",
    ]
    # As the released evaluation asks it.
    assert case.probes["locality"]["en"].question == ENGLISH["loc"]


def test_second_record_is_on_its_line(tmp_path: Path) -> None:
    file = write(tmp_path / "bizsre_test.json", samples.bizsre())
    lines = file.read_text("utf-8").splitlines()
    source = read_benchmark(None, file).cases[1].sources[0]
    assert source.row == 2 and lines[source.line - 1] == " {"


def test_json_lines_too(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps(record) for record in samples.bizsre())
    file = tmp_path / "bizsre.jsonl"
    file.write_text(lines + "\n", "utf-8")
    cases = read_benchmark(None, file).cases
    assert [case.sources[0].line for case in cases] == [1, 2]


def test_mzsre_files_become_one_case_for_each_fact(tmp_path: Path) -> None:
    second = {code: side | {"subject": "X", "src": f"{code}?"} for code, side in
              (("en", ENGLISH), ("cz", CZECH))}  # fmt: skip
    write(
        tmp_path / "mzsre_test_duplicate_encz.json",
        [{"en": ENGLISH, "cz": CZECH}, second],
    )
    write(tmp_path / "mzsre_test_duplicate_endu.json", [{"en": ENGLISH, "du": DUTCH}])
    write(tmp_path / "mzsre_test_duplicate_enzh.json", [{"en": ENGLISH, "zh": CHINESE}])
    write(tmp_path / "mzsre_test_duplicate_czdu.json", [{"cz": CZECH, "du": DUTCH}])
    benchmark = read_benchmark(None, tmp_path)
    assert benchmark.name == "mzsre"
    assert benchmark.languages == ("en", "cs", "nl", "zh")
    first, other = benchmark.cases
    assert tuple(first.edits) == ("en", "cs", "nl", "zh")
    assert tuple(first.probes["portability"]) == ("en", "cs", "nl", "zh")
    assert first.edits["nl"].language == "nl"
    assert len(first.sources) == 4
    assert tuple(other.edits) == ("en", "cs")
    assert len(for_direction(benchmark, "en", "cs")) == 2
    assert len(for_direction(benchmark, "en", "cz")) == 2
    assert len(for_direction(benchmark, "zh", "du")) == 1


def test_two_rows_of_one_question_stay_two_facts(tmp_path: Path) -> None:
    row = {"en": ENGLISH, "cz": CZECH}
    assert len(read(tmp_path / "mzsre_encz.json", [row, row]).cases) == 2


def test_english_and_chinese_pair_of_mzsre(tmp_path: Path) -> None:
    assert read(tmp_path / "mzsre_enzh.json", samples.bizsre()).name == "mzsre"
    unnamed = write(tmp_path / "pair.json", samples.bizsre())
    assert read_benchmark(None, unnamed).name == "bizsre"
    assert read_benchmark("mzsre", unnamed).name == "mzsre"
    write(tmp_path / "more" / "enzh.json", samples.bizsre())
    write(tmp_path / "more" / "encs.json", [{"en": ENGLISH, "cs": CZECH}])
    assert read_benchmark(None, tmp_path / "more").name == "mzsre"


def test_bmike53(tmp_path: Path) -> None:
    for code, side in (("cs", CZECH), ("zh", CHINESE)):
        write(tmp_path / f"zsRE/zsre_test_{code}.json", [samples.bmike(code, side)])
    without = samples.bmike("zh", CHINESE | {"loc_ans": ""})
    alone = {"en": samples.bmike("zh", CHINESE, 9)["en"]}
    write(tmp_path / "WikiFactDiff/wfd_test_zh.json", [without, alone])
    benchmark = read_benchmark(None, tmp_path)
    assert benchmark.name == "bmike53"
    assert [case.id for case in benchmark.cases] == [
        "bmike53/wfd/8",
        "bmike53/wfd/9",
        "bmike53/zsre/8",
    ]
    assert set(benchmark.cases[2].edits) == {"en", "cs", "zh"}
    assert benchmark.cases[2].edits["zh"].old_answer == "Cair Paravel"
    assert benchmark.cases[2].probes["portability"]["zh"].answer == "本州"
    assert set(benchmark.cases[0].probes["locality"]) == {"en"}
    assert [entry.reason for entry in benchmark.skipped] == [
        "zh: no locality, its question or answer is missing",
        "only en is there",
    ]


def test_clm_bench_is_chinese_first(tmp_path: Path) -> None:
    text_id = samples.CLM_CHINESE | {"case_id": "3", "prompt": "纳尼亚的狮王是"}
    write(tmp_path / "a_english.json", [samples.CLM_ENGLISH])
    write(tmp_path / "b_chinese.json", [samples.CLM_CHINESE, text_id])
    benchmark = read_benchmark(None, tmp_path)
    assert (benchmark.name, benchmark.languages) == ("clm-bench", ("zh", "en"))
    both, other = benchmark.cases
    assert tuple(both.edits) == ("zh", "en")
    assert both.edits["zh"].old_answer == "凯尔帕拉维尔"
    assert both.edits["en"].question == "The capital of Narnia is"
    assert "portability" not in both.probes
    assert tuple(other.edits) == ("zh",)  # 3 and "3" are two facts
    english = {
        name.removeprefix("english_"): value
        for name, value in samples.CLM_ENGLISH.items()
    }
    nameless = samples.CLM_CHINESE | {"case_id": 9, "ground_truth": None}
    told = read(tmp_path / "null.json", [samples.CLM_CHINESE, nameless])
    assert [case.edits["zh"].old_answer for case in told.cases][1:] == [""]
    assert [each.reason for each in told.skipped] == ["zh: the old answer is missing"]
    merged = [samples.CLM_CHINESE, english]
    (case,) = read(tmp_path / "merged.json", merged).cases
    assert tuple(case.edits) == ("zh", "en")


def test_mlake_joins_languages_by_row_and_hops_by_statement(tmp_path: Path) -> None:
    other = samples.mlake("Who rules Narnia?", "Peter", "Peter rules Narnia.")
    ruler = samples.mlake("谁统治纳尼亚？", "彼得", "彼得统治纳尼亚。")
    capital = samples.mlake("Narnia's capital?", "Osaka", samples.STATEMENT, "Ōsaka")
    write(tmp_path / "single_hop/en_qa.json", [other, capital])
    write(
        tmp_path / "single_hop/zh_qa.json",
        [ruler, samples.mlake("纳尼亚的首都？", "大阪", "纳尼亚的首都是大阪。")],
    )
    hops = [
        samples.multi_hop("纳尼亚的首都在哪个岛？", "本州"),
        samples.multi_hop("纳尼亚首都所在的国家？", "日本"),
        samples.multi_hop("…", "…", "Nobody states this."),
    ]
    write(tmp_path / "multi_hop/new_zh_qa.json", hops)
    benchmark = read_benchmark(None, tmp_path)
    assert (benchmark.name, benchmark.languages) == ("mlake", ("en", "zh"))
    first, second = benchmark.cases
    assert set(first.probes) == {"reliability"}
    assert second.edits["en"].aliases == ("Ōsaka",)
    assert second.edits["zh"].old_answer == "Cair Paravel"
    assert [i.answer for i in items_of(second, "portability", "zh")] == ["本州", "日本"]
    assert items_of(second, "portability", "en") == ()
    assert counts(benchmark)["zh"]["portability"] == 2
    assert [s.source.row for s in benchmark.skipped] == [3]
    with pytest.raises(BenchmarkError, match="folder that holds both"):
        read_benchmark(None, tmp_path / "multi_hop")
    write(tmp_path / "single_hop/fr_qa.json", [capital])
    with pytest.raises(BenchmarkError, match="aligned by row, but .*fr_qa.json has 1"):
        read_benchmark(None, tmp_path)
    with pytest.raises(BenchmarkError, match="language is in its file's name"):
        read(tmp_path / "odd.json", [capital])


def test_knowedit(tmp_path: Path) -> None:
    write(tmp_path / "ZsRE/ZsRE-test-all.json", [samples.KNOWEDIT])
    write(tmp_path / "WikiBio/wikibio-test-all.json", [samples.WIKIBIO])
    benchmark = read_benchmark(None, tmp_path)
    assert (benchmark.name, benchmark.languages) == ("knowedit", ("en",))
    bio, fact = benchmark.cases
    assert bio.edits["en"].answer == "He sang Narnia into being."
    assert bio.edits["en"].subject == "Aslan"
    assert fact.id == "knowedit/ZsRE-test-all/1"
    assert fact.edits["en"].old_answer == "Cair Paravel"
    locality = items_of(fact, "locality", "en")
    assert [(i.answer, i.aliases, i.relation) for i in locality] == [
        ("Aslan", ("a lion",), "Relation_Specificity"),
        ("Archenland", (), "Forgetfulness"),
    ]
    assert [i.relation for i in items_of(fact, "portability", "en")] == [
        "Reasoning",
        "Subject_Aliasing",
    ]
    assert [s.reason for s in benchmark.skipped] == [
        "1 questions of locality have no answer"
    ]


def test_atlas_reads_itself(tmp_path: Path) -> None:
    made = atlas_cases(atlas(), limit=12)
    benchmark = read(tmp_path / "cases.json", [as_record(case) for case in made])
    assert benchmark.name == "atlas"
    for case, again in zip(made, benchmark.cases, strict=True):
        assert again.edits == case.edits
        assert tuple(again.probes) == tuple(case.probes)
        for probe, items in case.probes.items():
            for code, item in items.items():
                found = again.probes[probe][code]
                assert (found.question, found.answer) == (item.question, item.answer)


WRONG = [
    ("[", "line 1: this is no JSON"),
    ('[{"en": {}},\n\n {"en": ]', "line 3: this is no JSON"),
    ('[{"a": 1}\n{"b": 2}]', "line 2: this is no JSON"),
    ("question\tanswer\n", "line 1: neither a JSON list nor JSON lines"),
    ("[]", "holds no record"),
    ("[1, 2]", "line 1: a int instead of a record"),
    ('[{"id": 1,\n"conversations": []}]', "fields id, conversations"),
    ('[{"en": {"src": "?"}, "zh": {"src": "？"}}]', "“src” or “alt” is missing"),
    ('[{"xx": {"src": "?", "alt": "!"}}]', "“xx” is no known language"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_wrong_files_are_told(text: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "some.json"
    file.write_text(text, "utf-8")
    with pytest.raises(BenchmarkError, match=told) as raised:
        read_benchmark(None, file)
    assert "some.json" in str(raised.value)


def test_more_wrong_ways(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no benchmark that X-KDE reads. Use one"):
        read_benchmark("squad", tmp_path)
    with pytest.raises(BenchmarkError, match="holds no .json"):
        read_benchmark(None, tmp_path)
    with pytest.raises(BenchmarkError, match="There is no file or folder"):
        read_benchmark(None, tmp_path / "none.json")
    with pytest.raises(BenchmarkError, match="hf download owner/name"):
        read_benchmark(None, "owner/name")
    (tmp_path / "train.txt").write_text("q\ta\n")
    with pytest.raises(BenchmarkError, match="train.txt is no JSON file"):
        read_benchmark(None, tmp_path / "train.txt")
    (tmp_path / "latin.json").write_bytes(b'[\n"\xe9"]')
    with pytest.raises(BenchmarkError, match="latin.json, line 2: this is no UTF-8"):
        read_benchmark(None, tmp_path / "latin.json")
    file = write(tmp_path / "clm.json", [samples.CLM_CHINESE])
    with pytest.raises(BenchmarkError, match="line 2: .*A record needs “en” and “zh”"):
        read_benchmark("bizsre", file)


def test_mixed_formats(tmp_path: Path) -> None:
    mixed = [samples.CLM_CHINESE, *samples.bizsre()]
    with pytest.raises(
        BenchmarkError, match="mixed.json, line 12: a record of Bi-ZsRE"
    ):
        read(tmp_path / "mixed.json", mixed)
    folder = tmp_path / "folder"
    write(folder / "clm.json", [samples.CLM_CHINESE])
    write(folder / "bizsre.json", samples.bizsre())
    (folder / "dataset_info.json").write_text('{"a":\n 1}')
    with pytest.raises(BenchmarkError, match="several benchmarks: .*clm.json"):
        read_benchmark(None, folder)
    benchmark = read_benchmark("clm-bench", folder)
    assert [file.name for file in benchmark.files] == ["clm.json"]
    assert [(s.source.file, s.reason) for s in benchmark.skipped] == [
        ("dataset_info.json", "no list of records"),
        ("bizsre.json", "its name says Bi-ZsRE"),
    ]
    (folder / "clm.json").write_text("[{")
    with pytest.raises(BenchmarkError, match="clm.json, line 1: this is no JSON"):
        read_benchmark("bizsre", folder)


def test_records_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    broken = {"en": ENGLISH, "zh": {"src": "？"}}
    benchmark = read(tmp_path / "bizsre.json", [broken, {"x": 1}, *samples.bizsre()])
    assert [(s.source.row, s.reason) for s in benchmark.skipped] == [
        (2, "no record: a record with the fields x"),
        (1, "zh: “src” or “alt” is missing"),
    ]
    assert [case.id for case in benchmark.cases] == ["bizsre/1", "bizsre/3", "bizsre/4"]


def test_directions_that_are_not_there(tmp_path: Path) -> None:
    benchmark = read(tmp_path / "bizsre.json", samples.bizsre())
    assert len(for_direction(benchmark, "zh", "en")) == 2
    with pytest.raises(BenchmarkError, match=r"no Thai \(th\); it has en, zh"):
        for_direction(benchmark, "en", "th")
    apart = [{"en": ENGLISH, "cs": CZECH}, {"zh": CHINESE, "nl": DUTCH}]
    with pytest.raises(BenchmarkError, match="No case of MzsRE is in both cs and zh"):
        for_direction(read(tmp_path / "mzsre.json", apart), "cs", "zh")


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "bizsre.json", samples.bizsre())
    assert main(["benchmarks", "read", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["title"], told["cases"], told["source"]) == ("Bi-ZsRE", 2, "en")
    assert told["languages"]["zh"]["questions"] == dict.fromkeys(PROBES, 2)
    assert told["defects"]["nq_prefix"] == {"locality": {"en": 2}}
    assert main(["benchmarks", "read", str(file), "--source", "zh"]) == 0
    assert "an edit in zh" in capsys.readouterr().out
    assert main(["benchmarks", "read", str(file), "--source", "cz"]) == 1
    assert "no edits in cs" in capsys.readouterr().err
    assert main(["benchmarks", "read"]) == 1


REAL = os.environ.get("XKDE_BENCHMARKS", "")
EXPECTED = {  # name -> languages
    "bizsre": 2,
    "mzsre": 12,
    "bmike53": 53,
    "clm-bench": 2,
    "mlake": 5,
    "knowedit": 1,
}


@pytest.mark.skipif(not REAL, reason="XKDE_BENCHMARKS names no folder of real files")
@pytest.mark.parametrize("name", EXPECTED)
def test_real_files(name: str) -> None:
    benchmark = read_benchmark(name, REAL)
    assert len(benchmark.languages) == EXPECTED[name]
    assert len({case.id for case in benchmark.cases}) == len(benchmark.cases) > 100
    rows = sum(file.rows for file in benchmark.files)
    assert rows > 0 and len(benchmark.sha256) == 64
    for case in benchmark.cases:
        assert case.edits and case.sources
        for probe in case.probes:
            for code in case.probes[probe]:
                for item in items_of(case, probe, code):
                    assert item.question.strip() and item.answer.strip()
    folders = {file.name.split("/")[0] for file in benchmark.files}
    if len(folders) == 1 and (Path(REAL) / folders.pop()).is_dir():
        folder = Path(REAL) / benchmark.files[0].name.split("/")[0]
        assert read_benchmark(None, folder).cases[0].edits == benchmark.cases[0].edits


def test_every_format_is_tried() -> None:
    made_here = {"atlas", "own-words", "invented-names"}  # with tests of their own
    assert set(FORMATS) == {*EXPECTED, *made_here}
