"""Both protocols: the released slices by hand, and answers equal in any batch."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from xkde.bench.evaluation import by_runner, one_by_one, texts_of
from xkde.engines.loading import load
from xkde.errors import InputError
from xkde.evaluation.run.protocols import (
    Ids,
    TeacherForcedAnswer,
    check_engine,
    family_of,
    generations,
    generations_by,
    span,
    teacher_forced,
)
from xkde.evaluation.run.questions import choose
from xkde.prompts import examples
from xkde.types import AskedPrompt, Generation, Sampling

WHY = "Why?"


def roomy(folder: Path) -> Any:
    """Load a tiny checkpoint with room for whole prompts; positions are rotary."""
    engine = load(folder, device="cpu")
    engine.model.config.max_position_embeddings = 4096
    return engine


def test_families_are_told_by_turn_marks(
    qwen2_folder: Path, llama2_folder: Path, atlas_folder: Path
) -> None:
    engines = [load(f) for f in (llama2_folder, qwen2_folder, atlas_folder)]
    families = [family_of(engine.tokenizer) for engine in engines]
    assert families == ["llama2", "chatml", "generic"]
    assert family_of(SimpleNamespace(chat_template=None)) == "generic"


def test_slices_of_llama2(llama2_folder: Path) -> None:
    engine = load(llama2_folder)
    found = span(engine, WHY, "Osaka", "xkde_eval")
    target = engine.tokenizer("Osaka")["input_ids"]
    whole = engine.tokenizer(" [INST] Why? [/INST] Osaka")["input_ids"]
    assert target[0] == engine.tokenizer.bos_token_id
    assert found.gold == tuple(target[1:])
    assert (*found.prompt, *found.read) == tuple(whole)
    assert len(found.read) == len(found.gold)


def test_slices_of_chatml(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    found = span(engine, WHY, "大阪", "xkde_eval")
    target = engine.tokenizer("大阪")["input_ids"]
    assert found.gold == found.read == tuple(target)
    text = engine.tokenizer.decode(list(found.prompt))
    assert text.endswith("<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n")
    assert text.startswith("<|im_start|>system\nYou are a helpful assistant.")


def test_slices_of_any_other_model(atlas_folder: Path) -> None:
    engine = load(atlas_folder)
    found = span(engine, WHY, "Osaka", "xkde_eval")
    # T tokens with the line break: T - 1 places at the end are compared.
    assert found.gold == tuple(engine.tokenizer(" Osaka\n")["input_ids"][:-1])
    assert engine.tokenizer.decode(list(found.prompt)) == WHY
    assert engine.tokenizer.decode(list(found.read)) == " Osaka"


@pytest.mark.parametrize("wrapper", ["hf_template", "xkde_train"])
def test_other_wrappers_count_the_answers_own_tokens(
    checkpoint_folder: Path, wrapper: Any
) -> None:
    engine = load(checkpoint_folder)
    for answer in ("Osaka", "大阪"):
        found = span(engine, WHY, answer, wrapper)
        assert found.read == found.gold
        assert engine.tokenizer.decode(list(found.gold)).strip() == answer
        assert "Why?" in engine.tokenizer.decode(list(found.prompt))


def test_scores_are_those_of_one_record_at_a_time(checkpoint_folder: Path) -> None:
    engine = roomy(checkpoint_folder)
    chosen = choose("atlas", "en-zh,zh-en,de-de", limit=3)
    plain = one_by_one(engine, texts_of(chosen.cases, chosen.directions))
    assert len(plain) >= 3 * 3 * 3
    for batch_size in (1, 7, 64):
        ours = by_runner(engine, chosen.cases, chosen.directions, batch_size)
        assert ours == plain


def test_accuracy_by_hand() -> None:
    assert TeacherForcedAnswer((1, 2, 3, 4), (1, 5, 3, 6), "").accuracy == 0.5
    assert TeacherForcedAnswer((1, 2), (1, 2), "").accuracy == 1.0
    with pytest.raises(ValueError, match="argument 2"):
        _ = TeacherForcedAnswer((1,), (1, 2), "").accuracy


def test_equal_questions_have_equal_answers(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    asked = [AskedPrompt(WHY, gold) for gold in ("Osaka", "No.", "Osaka")]
    found = teacher_forced(engine, asked)
    assert found[0] is found[2]
    assert [teacher_forced(engine, [one])[0] for one in asked] == found


def test_what_does_not_fit_is_not_measured(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    found = teacher_forced(
        engine, [AskedPrompt("Why? " * 300, "Osaka"), AskedPrompt(WHY, "Osaka")]
    )
    assert found[0] is None
    assert found[1] is not None


def test_an_engine_that_only_answers_is_refused() -> None:
    with pytest.raises(InputError, match="--protocol generated"):
        check_engine(SimpleNamespace(generate=print))


PROMPTS = ("Why?", "日本的首都是哪座城市？", "Why?", "Who respond to the query?")
PROMPTS_ASKED = [AskedPrompt(text, "") for text in PROMPTS]


def test_one_equals_many(checkpoint_folder: Path) -> None:
    engine = load(checkpoint_folder)
    together = generations(engine, PROMPTS_ASKED, max_new_tokens=6)
    alone = [
        engine.generate([engine.encode_query(text)], Sampling(6))[0] for text in PROMPTS
    ]
    assert [g.text for g in together if g] == [g.text for g in alone]
    assert together[0] is together[2]
    by_one = generations(engine, PROMPTS_ASKED, max_new_tokens=6, batch_size=1)
    assert [g.text for g in by_one if g] == [g.text for g in alone]


def test_what_leaves_no_room_is_not_asked(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    assert engine.max_length == 256
    found = generations(
        engine,
        [AskedPrompt("Why? " * 300, ""), AskedPrompt("Why?", "")],
        max_new_tokens=6,
    )
    assert found[0] is None
    assert found[1] is not None
    assert generations(engine, [AskedPrompt("Why?", "")], max_new_tokens=256) == [None]


def test_a_prompt_has_examples_in_the_language_of_its_answer(
    qwen2_folder: Path,
) -> None:
    engine = load(qwen2_folder)
    engine.tokenizer.chat_template = (
        "{% for question, _ in examples %}{{ question }} {% endfor %}"
    )
    seen: list[str] = []

    def generate(_: list[int], ids: list[Ids]) -> list[Generation]:
        seen.extend(engine.tokenizer.decode(list(one)) for one in ids)
        return engine.generate(ids, Sampling(1))

    prompts = [("Why?", "en"), ("Why?", "de")]
    generations_by(engine, prompts, "hf_template", 1, generate)
    first = [examples(code)[0][0] for _, code in prompts]
    assert [text.split("?")[0] for text in seen] == [q.split("?")[0] for q in first]
