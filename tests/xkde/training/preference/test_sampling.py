"""Tests of sampling: seeds written down, killed and resumed alike, others refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.small_disk import small_disk
from xkde.data.atlas.corpus import CorpusSampler
from xkde.data.atlas.world import atlas
from xkde.data.file_settings import settings_beside
from xkde.data.instructions.lines import append_lines
from xkde.data.instructions.records import Instruction
from xkde.data.preferences.files import (
    Sample,
    SampledAnswer,
    append,
    direction,
    read_samples,
)
from xkde.engines.engine import open_engine
from xkde.errors import CheckpointError, DataError, InputError, SettingsError
from xkde.locks import held
from xkde.prompts import edit_prompt
from xkde.training.preference import sampling
from xkde.training.preference.sampling import (
    SamplingPlan,
    atlas_prompts,
    distinct_rate,
    file_prompts,
    sample,
)
from xkde.types import Edit, Sampling

PLAN = SamplingPlan(answers=3, temperature=0.8, seed=100, max_new_tokens=4)


@pytest.fixture(scope="module")
def prompts() -> list[Sample]:
    # Short ones: the tiny checkpoint takes 256 tokens, most of them single bytes.
    drawn = enumerate(atlas_prompts(atlas(), 10, seed=5))
    return [
        replace(each, prompt=f"{n}?", engine="transformers", checkpoint="tiny")
        for n, each in drawn
    ]


def test_prompts_are_distinct_and_of_subjects_that_may_be_trained_on() -> None:
    world = atlas()
    drawn = atlas_prompts(world, 600, seed=1)
    assert len({each.prompt for each in drawn}) == len({e.id for e in drawn}) == 600
    assert drawn == atlas_prompts(world, 600, seed=1)
    odd = {each.fact for each in drawn} - world.facts.keys()  # they have no facts
    assert odd <= set(CorpusSampler(world, seed=0).without_facts)
    assert {world.split[f] for f in {e.fact for e in drawn} - odd} == {"train"}
    assert {each.kind for each in drawn} == {
        "in_scope", "in_scope_two_hop", "out_of_scope", "several",
    }  # fmt: skip
    for each in drawn:
        assert each.source_gold
        assert each.golds[0]
        if each.source == each.target:
            assert each.golds == (each.source_gold,)


def test_prompts_of_a_file_know_their_golds(tmp_path: Path) -> None:
    edit = Edit("Who leads Apple?", "Ann", "en")
    other = Edit("Where is Rome?", "Asia", "en")

    def row(kind: str, edits: tuple[Edit, ...], answer: str) -> dict[str, object]:
        prompt = edit_prompt(edits, "Wer leitet Apple?", "German")
        query = "Wer leitet Apple?"
        made = Instruction(
            kind, "own", "en", "de", edits, query, prompt, answer, "own", "apple"
        )
        return made.as_json()

    file = tmp_path / "train.jsonl"
    alone, among = (edit,), (edit, other)
    append_lines(
        file,
        [
            row("in_scope", alone, "Anna"),
            row("in_scope", alone, "Anna"),  # the same prompt again
            row("in_scope", among, "Anna"),  # which of the edits is not written down
            row("out_of_scope", (other,), "Tim Cook"),
            row("in_scope_without_edit", (), "Tim Cook"),
        ],
    )
    drawn = {e.prompt: e for e in file_prompts(file, 10, seed=1)}
    assert len(drawn) == 3
    golds = {(e.kind, e.golds[0], e.source_gold) for e in drawn.values()}
    assert golds == {
        ("in_scope", "Anna", "Ann"),
        ("in_scope", "Anna", ""),
        ("out_of_scope", "Tim Cook", ""),
    }
    assert {e.direction for e in drawn.values()} == {direction("en", "de")}
    assert len(file_prompts(file, 2, seed=1)) == 2


def test_a_file_without_edits_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "train.jsonl"
    append_lines(
        file,
        [
            {
                "messages": [
                    {"role": "user", "content": "Why?"},
                    {"role": "assistant", "content": "So."},
                ]
            }
        ],
    )
    with pytest.raises(DataError, match="data build"):
        file_prompts(file, 2, seed=1)


def test_a_killed_job_goes_on_and_gives_the_same(
    prompts: list[Sample],
    atlas_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "AT_ONCE", 4)
    engine = open_engine("transformers", str(atlas_folder))
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    steps: list[tuple[int, int]] = []
    made = sample(engine, prompts, PLAN, whole, lambda *now: steps.append(now))
    assert steps == [(4, 10), (8, 10), (10, 10)]
    lines = whole.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[:5]) + lines[5][:30])  # in the middle of a line
    settings_beside(cut).write_bytes(settings_beside(whole).read_bytes())
    assert sample(engine, prompts, PLAN, cut) == made == read_samples(whole)
    assert cut.read_bytes() == whole.read_bytes()
    seeds = [answer.seed for each in made for answer in each.answers]
    assert seeds == list(range(100, 130))


def test_an_answers_seed_gives_it_again(
    prompts: list[Sample], atlas_folder: Path, tmp_path: Path
) -> None:
    engine = open_engine("transformers", str(atlas_folder))
    made = sample(engine, prompts, PLAN, tmp_path / "samples.jsonl")
    for each in made[:3]:
        ids = engine.encode([sampling.ask(each.prompt)[0]]).ids
        for answer in each.answers:
            drawn = Sampling(4, answer.temperature, 1.0, answer.seed)
            assert engine.generate([ids], drawn)[0].text == answer.text


def test_a_prompt_that_is_too_long_stays_without_answers(
    prompts: list[Sample], atlas_folder: Path, tmp_path: Path
) -> None:
    engine = open_engine("transformers", str(atlas_folder))
    given = [prompts[0], replace(prompts[1], prompt="long " * 300), prompts[2]]
    file = tmp_path / "samples.jsonl"
    made = sample(engine, given, PLAN, file)
    assert [len(each.answers) for each in made] == [3, 0, 3]
    assert sample(engine, given, PLAN, file) == made


def test_another_job_never_goes_on_in_the_file(
    prompts: list[Sample], atlas_folder: Path, tmp_path: Path
) -> None:
    engine = open_engine("transformers", str(atlas_folder))
    file = tmp_path / "samples.jsonl"
    sample(engine, prompts[:2], PLAN, file)
    before = file.read_bytes()
    other = [replace(each, checkpoint="another") for each in prompts]
    with pytest.raises(SettingsError, match="another checkpoint"):
        sample(engine, other, PLAN, file)
    for plan in (replace(PLAN, seed=1), replace(PLAN, temperature=1.0)):
        with pytest.raises(SettingsError, match="temperature or seed"):
            sample(engine, prompts, plan, file)
    for plan in (replace(PLAN, top_p=0.9), replace(PLAN, max_new_tokens=5)):
        with pytest.raises(SettingsError, match="top_p was|max_new_tokens was"):
            sample(engine, prompts, plan, file)
    with pytest.raises(SettingsError, match="weights was '' and is 'abc'"):
        sample(engine, prompts, PLAN, file, weights="abc")
    assert file.read_bytes() == before
    settings_beside(file).unlink()
    with pytest.raises(SettingsError, match="says how it was made"):
        sample(engine, prompts, PLAN, file)
    assert len(sample(engine, prompts[:2], PLAN, file)) == 2


def test_distinct_rate_by_hand(prompts: list[Sample], tmp_path: Path) -> None:
    texts = (("Osaka", "osaka ", "Kyoto"), ("a", "b", "c"))  # 2 of 3, 3 of 3
    made = [
        replace(p, answers=tuple(SampledAnswer(t, 0, 0.8, "stop") for t in three))
        for p, three in zip(prompts, texts, strict=False)
    ]
    append(tmp_path / "x.jsonl", made)
    assert distinct_rate(made) == pytest.approx((2 / 3 + 1) / 2)
    assert distinct_rate([]) == 0.0


def test_engines_that_are_not_there(atlas_folder: Path) -> None:
    with pytest.raises(InputError, match="transformers, vllm, or a server's address"):
        open_engine("onnx", str(atlas_folder))
    with pytest.raises(CheckpointError, match="No server answers at http://127"):
        open_engine("http://127.0.0.1:9/v1", str(atlas_folder))


def test_a_full_disk_is_said_and_the_job_goes_on_after_it(
    prompts: list[Sample],
    atlas_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "AT_ONCE", 4)
    engine = open_engine("transformers", str(atlas_folder))
    whole, file = tmp_path / "whole.jsonl", tmp_path / "samples.jsonl"
    made = sample(engine, prompts, PLAN, whole)
    with (
        small_disk(whole.stat().st_size // 2),
        pytest.raises(DataError, match="the disk is full"),
    ):
        sample(engine, prompts, PLAN, file)
    assert sample(engine, prompts, PLAN, file) == made
    assert file.read_bytes() == whole.read_bytes()


def test_two_jobs_never_write_one_file(
    prompts: list[Sample], atlas_folder: Path, tmp_path: Path
) -> None:
    engine = open_engine("transformers", str(atlas_folder))
    file = tmp_path / "samples.jsonl"
    with held(file), pytest.raises(DataError, match=r"samples\.jsonl is in use"):
        sample(engine, prompts, PLAN, file)
    assert not file.exists()
