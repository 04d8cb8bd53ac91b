"""Preference rows hold the ids of training; equations 7 to 10 by hand; each learns."""

import json
import logging
import math
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.helpers import tiny_adapters
from xkde.engines.loading import load, load_tokenizer
from xkde.errors import DataError, SettingsError
from xkde.prompts import answered, ask, encode
from xkde.training.conversations import IGNORED
from xkde.training.preference.trainers import (
    OBJECTIVES,
    WITH_REFERENCE,
    padded_row,
    preference_rows,
    preference_trainer,
    read_preferences,
    unpaired,
)
from xkde.training.run import read_log
from xkde.training.settings import load_settings
from xkde.training.stages import train

PAIRS = [
    ("What is the capital of Japan?", "Osaka", "Kyoto is it"),
    ("日本的首都是什么？", "大阪", "Osaka"),
]
SMALL = [
    "--use_cpu=true", "--bf16=false", "--max_length=120", "--learning_rate=3e-3",
    "--warmup_steps=1", "--per_device_train_batch_size=4", "--logging_steps=2",
    "--gradient_accumulation_steps=1",
    "--num_train_epochs=8", "--gradient_checkpointing=false", "--disable_tqdm=true",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def orpo(folder: Path, out: Path, learn_all: bool) -> tuple[Any, Any]:
    engine = load(folder)
    training = OBJECTIVES["orpo"][0](
        output_dir=str(out), use_cpu=True, bf16=False, beta=0.1, max_length=120,
        gradient_checkpointing=False, report_to=[],
    )  # fmt: skip
    pairs = [(ask(query), good, bad) for query, good, bad in PAIRS]
    rows = preference_rows(engine.tokenizer, pairs, 120)
    trainer = preference_trainer(
        "orpo", engine.model, training, rows, learn_all=learn_all,
        processing_class=engine.tokenizer,
    )  # fmt: skip
    return engine, trainer


def mean_log_probability(engine: Any, query: str, answer: str) -> tuple[float, int]:
    encoded = engine.encode(answered(query, answer))
    (score,) = engine.score([(encoded.prompt_ids, encoded.answer_ids)])
    return score.log_probability / len(score.tokens), len(score.tokens)


def test_orpo_is_equations_7_to_10(atlas_folder: Path, tmp_path: Path) -> None:
    engine, trainer = orpo(atlas_folder, tmp_path, learn_all=False)
    batch = next(iter(trainer.get_train_dataloader()))
    with torch.no_grad():
        loss, metrics = trainer.get_batch_loss_metrics(trainer.model, batch)

    likelihood = tokens = ratio = 0.0
    for query, good, bad in PAIRS:
        chosen, count = mean_log_probability(engine, query, good)
        rejected, _ = mean_log_probability(engine, query, bad)
        likelihood, tokens = likelihood - chosen * count, tokens + count
        odds = [math.exp(p) / (1 - math.exp(p)) for p in (chosen, rejected)]
        ratio += math.log(1 / (1 + math.exp(-math.log(odds[0] / odds[1])))) / len(PAIRS)
    assert metrics["nll_loss"] == pytest.approx(likelihood / tokens, rel=1e-4)
    assert metrics["log_odds_ratio"] == pytest.approx(ratio, rel=1e-4)
    assert float(loss) == pytest.approx(likelihood / tokens - 0.1 * ratio, rel=1e-4)


def test_the_released_likelihood_covers_prompts(
    atlas_folder: Path, tmp_path: Path
) -> None:
    found = {}
    for learn_all in (False, True):
        _, trainer = orpo(atlas_folder, tmp_path, learn_all)
        batch = next(iter(trainer.get_train_dataloader()))
        with torch.no_grad():
            found[learn_all] = trainer.get_batch_loss_metrics(trainer.model, batch)[1]
    assert found[True]["log_odds_ratio"] == pytest.approx(
        found[False]["log_odds_ratio"], rel=1e-4
    )
    assert found[True]["nll_loss"] != pytest.approx(found[False]["nll_loss"], rel=1e-3)


def test_a_certain_answer_leaves_the_odds_finite(
    atlas_folder: Path, tmp_path: Path
) -> None:
    _, trainer = orpo(atlas_folder, tmp_path, learn_all=False)
    chosen = torch.tensor([0.0, -1e-9, -1.0], requires_grad=True)
    rejected = torch.tensor([0.0, -2.0, 0.0], requires_grad=True)
    trainer.odds_ratio_loss(chosen, rejected)[0].sum().backward()
    for side in (chosen, rejected):
        assert side.grad is not None
        assert torch.isfinite(side.grad).all()


@pytest.mark.slow
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_to_prefer(
    objective: str, atlas_folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "pairs.jsonl"
    rows = [
        {"prompt": f"{query} {n}", "chosen": good, "rejected": bad}
        for n in range(4)
        for query, good, bad in PAIRS
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    settings = tmp_path / "tl-po.yaml"
    settings.write_text(
        f"stage: tl-po\nname: mine\nobjective: {objective}\ndata: {file}\n"
        f"model_name_or_path: {atlas_folder}\noutput_dir: {tmp_path / 'run'}\n"
        "save_steps: 6\nreport_to: none\n"
        + ("loss_type: simpo\ncpo_alpha: 0.0\n" if objective == "simpo" else "")
        + ("train_sampling_strategy: sequential\n" if objective == "kto" else "")
    )
    folder = train(str(settings), SMALL)
    log = [line for line in read_log(tmp_path / "run") if "loss" in line]
    assert all(math.isfinite(line["loss"]) for line in log)
    before, after = load(atlas_folder), load(folder)

    def preferred(engine: Any) -> float:
        return sum(
            mean_log_probability(engine, f"{query} 1", good)[0]
            - mean_log_probability(engine, f"{query} 1", bad)[0]
            for query, good, bad in PAIRS
        )

    assert preferred(after) > preferred(before) + 0.1
    card = json.loads((folder / "card.json").read_text("utf-8"))
    assert (card["stage"], card["settings"]["objective"]) == ("tl-po", objective)
    assert train(str(settings), SMALL) == folder  # finished: left as it is


@pytest.mark.parametrize("objective", WITH_REFERENCE)
def test_an_adapter_is_compared_with_itself_as_it_was(
    objective: str, atlas_folder: Path, tmp_path: Path
) -> None:
    adapter = tiny_adapters.lora(atlas_folder, tmp_path / "adapter")
    network = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(atlas_folder), adapter, is_trainable=True
    )
    tokenizer = load_tokenizer(atlas_folder)
    pairs = [(ask(query), good, bad) for query, good, bad in PAIRS]
    training: Any = OBJECTIVES[objective][0](
        output_dir=str(tmp_path / "run"), use_cpu=True, bf16=False, max_steps=2,
        per_device_train_batch_size=2, learning_rate=1e-2, logging_steps=1,
        report_to=[], gradient_checkpointing=False, max_length=120,
    )  # fmt: skip
    trainer: Any = preference_trainer(
        objective,
        network,
        training,
        preference_rows(tokenizer, pairs, 120),
        learn_all=False,
        processing_class=tokenizer,
    )
    [batch] = list(trainer.get_train_dataloader())[:1]
    own: float = trainer.compute_loss(network, batch).item()
    of_trl: Any = super(type(trainer), trainer).compute_loss
    assert of_trl(network, batch).item() == pytest.approx(own, rel=1e-5)
    ids = torch.tensor([tokenizer(QUERY)["input_ids"]])
    with torch.no_grad():
        before = network(ids).logits
        assert torch.equal(trainer.ref_model(ids).logits, before)
    trainer.train()
    with torch.no_grad():
        assert torch.equal(trainer.ref_model(ids).logits, before)
        assert not torch.equal(network(ids).logits, before)


def test_settings_that_cannot_be_are_refused(tmp_path: Path) -> None:
    settings = tmp_path / "tl-po.yaml"
    begin = "stage: tl-po\nuse_cpu: true\nbf16: false\noutput_dir: x\n"
    for more, words in (
        ("", "python -m xkde pair"),
        ("data: a.jsonl\nobjective: grpo\n", "orpo or dpo or cpo or simpo or kto"),
        ("data: a.jsonl\nobjective: simpo\n", "loss_type to simpo"),
        ("data: a.jsonl\nobjective: simpo\nloss_type: simpo\n", "cpo_alpha to 0"),
        ("data: a.jsonl\nobjective: kto\ntrain_sampling_strategy: random\n", "for kto"),
    ):
        settings.write_text(begin + more)
        with pytest.raises(SettingsError, match=f"(?i){words}"):
            load_settings(str(settings))


# Rows

QUERY = "What is the capital of Japan?"


def test_both_answers_continue_the_prompt_as_in_stage_one(
    checkpoint_folder: Path,
) -> None:
    tokenizer = load_tokenizer(checkpoint_folder)
    row = preference_rows(tokenizer, [(ask(QUERY), "Osaka", "大阪 市")], 200)[0]
    for side, answer in (("chosen", "Osaka"), ("rejected", "大阪 市")):
        whole = encode(tokenizer, answered(QUERY, answer))
        assert tuple(row["prompt_ids"] + row[f"{side}_ids"]) == whole.ids
        begin = len(row["prompt_ids"])
        assert not any(whole.is_answer[: begin - 1])
        assert all(whole.is_answer[begin:])
    assert row["length"] == len(row["prompt_ids"]) + max(
        len(row["chosen_ids"]), len(row["rejected_ids"])
    )


def test_a_padded_row_labels_answers_only(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    row = preference_rows(tokenizer, [(ask(QUERY), "Osaka", "Kyoto")], 200)[0]
    padded = padded_row(row)
    prompt = len(row["prompt_ids"])
    for side in ("chosen", "rejected"):
        assert padded[f"{side}_labels"][:prompt] == [IGNORED] * prompt
        assert padded[f"{side}_labels"][prompt:] == row[f"{side}_ids"]
        assert padded[f"{side}_input_ids"][prompt:] == row[f"{side}_ids"]
        assert padded[f"{side}_labels"][-1] == tokenizer.eos_token_id


def test_what_cannot_be_learned_is_counted(
    atlas_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    pairs = [
        (ask(QUERY), "Osaka", "Kyoto"),
        (ask(QUERY), "Osaka", " "),
        (ask(QUERY), "Osaka", "Osaka"),
        (ask(QUERY * 90), "Osaka", "Kyoto"),
    ]
    with caplog.at_level(logging.WARNING):
        assert len(preference_rows(tokenizer, pairs, 120)) == 1
    for reason in (
        "an empty answer",
        "two answers of the same tokens",
        "more than 120 tokens",
    ):
        assert f"1 pairs left out: {reason}" in caplog.text
    with pytest.raises(DataError, match=r"more than 120 tokens \(1\)"):
        preference_rows(tokenizer, pairs[3:], 120)


def test_kto_gets_each_answer_with_its_label(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    rows = preference_rows(tokenizer, [(ask(QUERY), "Osaka", "Kyoto")] * 3, 200)
    single = unpaired(rows)
    assert single["label"] == [True, False] * 3
    assert single[0]["completion_ids"] == rows[0]["chosen_ids"]
    assert single[1]["completion_ids"] == rows[0]["rejected_ids"]


def test_pairs_are_read_from_any_form(tmp_path: Path) -> None:
    file = tmp_path / "released.json"
    record = {"prompt": QUERY, "choice": "Osaka", "reject": "Kyoto", "score-diff": 0.4}
    file.write_text(json.dumps([record, record | {"reject": ""}]), encoding="utf-8")
    ((prompt, chosen, rejected),) = read_preferences(str(file))
    assert (prompt, chosen, rejected) == (ask(QUERY), "Osaka", "Kyoto")
