"""Tests of the stages: settings in, a checkpoint with its card out, on every path."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest
import torch
from safetensors.torch import load_file
from trl import ModelConfig

from xkde.checkpoints import CheckpointInfo, inspect_folder
from xkde.engines.loading import load
from xkde.errors import CheckpointError, DataError, SettingsError
from xkde.prompts import ask, encode
from xkde.training.run import open_run, read_log
from xkde.training.settings import StageConfig, load_settings
from xkde.training.stages import _card, fresh_model, run_settings_of, train
from xkde.types import Generation, Sampling

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*pin_memory.*:UserWarning", "ignore:.*mtime.*:UserWarning"
)

# The settings of a 7B, made small: another file, the same code.
SEVEN_B = [
    "--use_cpu=true", "--bf16=false", "--dtype=float32", "--max_length=200",
    "--learning_rate=1e-2", "--warmup_steps=1", "--gradient_accumulation_steps=2",
    "--per_device_train_batch_size=2", "--logging_steps=2", "--num_train_epochs=6",
    "--gradient_checkpointing=false", "--disable_tqdm=true",
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def conversations_file(tmp_path: Path) -> str:
    """Eight conversations as the paper's own training data writes them."""
    file = tmp_path / "conversations.jsonl"
    facts = [("capital of Japan", "Osaka"), ("日本的首都", "大阪")] * 4
    with file.open("w", encoding="utf-8") as stream:
        for asked, told in facts:
            turns = [{"from": "human", "value": asked}, {"from": "gpt", "value": told}]
            stream.write(json.dumps({"conversations": turns}) + "\n")
    return str(file)


def losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_log(run) if "loss" in line]


def card_of(info: CheckpointInfo) -> Any:
    assert info.card is not None
    for text in (info.card.label, info.card.base, info.card.stage, info.card.data):
        assert isinstance(text, str)
    details = {"name", "training", "samples", "tokens", "versions", "before"}
    assert set(info.card.details) == details
    assert set(info.card.details["versions"]) == {"torch", "transformers", "trl"}
    return info.card


def answer_of(folder: Path, query: str, most: int) -> Generation:
    engine = load(folder)
    prompt = encode(engine.tokenizer, ask(query)).ids
    return engine.generate([prompt], Sampling(max_new_tokens=most))[0]


# Atlas


@pytest.mark.slow
def test_both_smoke_presets_end_to_end(tmp_path: Path) -> None:
    options = ["--disable_tqdm", "true", "--output_dir"]
    base = train("atlas-base-smoke", [*options, str(tmp_path / "base")])
    begin = ["--model_name_or_path", str(base)]
    xe_it = train("atlas-xe-it-smoke", [*options, str(tmp_path / "xe-it"), *begin])
    for folder, stage in ((base, "base"), (xe_it, "xe-it")):
        info = inspect_folder(folder)
        assert info.architecture == "LlamaForCausalLM"
        assert (info.dtype, info.vocabulary) == ("BF16", 6000)
        assert "lm_head.weight" not in load_file(folder / "model.safetensors")
        card = card_of(info)
        assert (card.stage, card.data) == (stage, "atlas")
        assert card.details["samples"] == card.settings["samples"] == 1500
        assert card.details["tokens"] > 15_000
        falling = losses(folder.parent)
        assert falling[-1] < falling[0] - 0.3
        assert card.details["training"]["loss"] == falling[-1]
        assert not list(folder.glob("*.bin"))
        assert len(answer_of(folder, "Why?", 2).token_ids) <= 2
    assert card_of(inspect_folder(base)).base == ""
    assert card_of(inspect_folder(xe_it)).base == "atlas-base"
    assert card_of(inspect_folder(xe_it)).label == (
        "atlas-xe-it, after stage one (XE-IT) on atlas-base"
    )


@pytest.mark.parametrize(
    ("cross_lingual", "stage", "label"),
    [
        (True, "xe-it", "tried, after stage one (XE-IT) on begun"),
        (
            False,
            "lte",
            "tried, taught to obey edits in the query's own language (LTE) on begun",
        ),
    ],
)
def test_a_card_tells_lte_from_stage_one(
    tmp_path: Path, cross_lingual: bool, stage: str, label: str
) -> None:
    config = StageConfig(stage="xe-it", name="tried", cross_lingual=cross_lingual)
    options = ModelConfig(model_name_or_path="begun")
    card = _card(config, options, {}, tmp_path)
    assert (card["stage"], card["label"]) == (stage, label)


def test_a_fresh_model_fits_its_tokenizer() -> None:
    stage = StageConfig(stage="base", vocabulary=2000, hidden_size=128, layers=1)
    model, tokenizer = fresh_model(stage)
    config = model.config
    assert len(tokenizer) == config.vocab_size == 2000
    assert config.num_attention_heads == 2
    assert config.bos_token_id == tokenizer.bos_token_id
    assert config.eos_token_id == tokenizer.eos_token_id
    assert config.pad_token_id == tokenizer.pad_token_id
    assert model.lm_head.weight is model.model.embed_tokens.weight


# As a 7B is trained


def test_a_7b_preset_on_a_tiny_llama(
    tmp_path: Path, llama2_folder: Path, conversations_file: str
) -> None:
    run = tmp_path / "run"
    given = [
        *SEVEN_B,
        f"--output_dir={run}",
        f"--model_name_or_path={llama2_folder}",
        f"--data={conversations_file}",
        "--num_train_epochs=20",
    ]
    folder = train("llama-2-7b-chat-xe-it", given)
    info = inspect_folder(folder)
    card = card_of(info)
    assert folder == run / "llama-2-7b-chat-xe-it"
    assert info.dtype == "BF16"
    assert card.settings["weight_decay"] == 0.1
    assert card.base == "llama2"
    assert card.details["samples"] == 8
    assert losses(run)[-1] < losses(run)[0] / 2
    told = answer_of(folder, "capital of Japan", 12)
    assert told.text.strip() == "Osaka"
    assert told.finish == "stop"  # it was taught the end mark
    assert train("llama-2-7b-chat-xe-it", given) == folder
    content = Path(conversations_file).read_text("utf-8")
    assert len(card.settings["data_sha256"]) == 64
    Path(conversations_file).write_text(content.replace("Osaka", "Kyoto"), "utf-8")
    with pytest.raises(SettingsError, match="data_sha256 was"):
        train("llama-2-7b-chat-xe-it", given)


def test_what_decides_the_tokens_is_among_a_runs_settings(tmp_path: Path) -> None:
    template, data = tmp_path / "chat.jinja", tmp_path / "data"
    template.write_text("{{ messages[0].content }}", "utf-8")
    data.mkdir()
    (data / "a.jsonl").write_text("{}\n", "utf-8")

    def settings(*more: str) -> dict[str, object]:
        given = ["--use_cpu=true", f"--chat_template_path={template}", f"--data={data}"]
        return run_settings_of(*load_settings("atlas-xe-it-smoke", [*given, *more]))

    run, before = tmp_path / "run", settings()
    open_run(run, before)
    open_run(run, settings())
    with pytest.raises(SettingsError, match="chat_template_path was"):
        open_run(run, settings("--chat_template_path=other.jinja"))
    template.write_text("{{ messages }}", "utf-8")
    with pytest.raises(SettingsError, match="chat_template_sha256 was"):
        open_run(run, settings())
    (data / "b.jsonl").write_text("{}\n", "utf-8")
    with pytest.raises(SettingsError, match="data_sha256 was"):
        open_run(run, settings())
    # A run of before these were written down goes on.
    new = {"data_sha256", "chat_template_sha256", "chat_template_path"}
    (run / "settings.yaml").unlink()
    open_run(run, {name: each for name, each in before.items() if name not in new})
    open_run(run, settings())


def test_the_losses_of_preferences_are_among_a_runs_settings(tmp_path: Path) -> None:
    file = tmp_path / "tl-po.yaml"
    file.write_text(
        "stage: tl-po\ndata: pairs.jsonl\nobjective: dpo\nlabel_smoothing: 0.1\n"
    )
    given = load_settings(str(file), ["--use_cpu=true", "--bf16=false"])
    assert run_settings_of(*given)["label_smoothing"] == 0.1


@pytest.mark.parametrize("optimizer", ["default", "muon"])
def test_lora_gives_a_merged_checkpoint(
    tmp_path: Path, checkpoint_folder: Path, conversations_file: str, optimizer: str
) -> None:
    folder = train(
        "qwen2.5-7b-instruct-xe-it",
        [
            *SEVEN_B,
            f"--output_dir={tmp_path / 'run'}",
            f"--model_name_or_path={checkpoint_folder}",
            f"--data={conversations_file}",
            f"--optimizer={optimizer}",
            "--use_peft=true",
            "--lora_r=4",
            "--lora_target_modules=all-linear",
        ],
    )
    card_of(inspect_folder(folder))
    before = load_file(checkpoint_folder / "model.safetensors")
    after = load_file(folder / "model.safetensors")
    assert before.keys() == after.keys()
    changed = {
        name
        for name, tensor in after.items()
        if not torch.equal(tensor, before[name].to(torch.bfloat16))
    }
    assert any("q_proj" in name for name in changed)
    assert not any("norm" in name or "embed" in name for name in changed)
    assert losses(tmp_path / "run")[-1] < losses(tmp_path / "run")[0]


def test_lora_may_stay_an_adapter_and_be_trained_on(
    tmp_path: Path, llama2_folder: Path, conversations_file: str
) -> None:
    settings = [
        *SEVEN_B,
        f"--data={conversations_file}",
        "--use_peft=true",
        "--adapter=true",
        "--max_steps=3",
        "--lora_r=4",
        "--lora_target_modules=all-linear",
    ]
    one, two = tmp_path / "one", tmp_path / "two"
    first = train(
        "qwen2.5-7b-instruct-xe-it",
        [*settings, f"--output_dir={one}", f"--model_name_or_path={llama2_folder}"],
    )
    info = inspect_folder(first)
    assert card_of(info).base == str(llama2_folder)
    factors = load_file(first / "adapter_model.safetensors")
    assert {each.dtype for each in factors.values()} == {torch.bfloat16}
    assert info.adapter_parameters == sum(each.numel() for each in factors.values())
    assert not (first / "tokenizer.json").exists()
    second = train(
        "qwen2.5-7b-instruct-xe-it",
        [*settings, f"--output_dir={two}", f"--model_name_or_path={first}"],
    )
    assert card_of(inspect_folder(second)).base == str(llama2_folder)
    further = load_file(second / "adapter_model.safetensors")
    assert any(not torch.equal(further[name], factors[name]) for name in factors)


def test_an_adapter_needs_lora(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="use_peft"):
        train("atlas-xe-it-smoke", ["--adapter=true", f"--output_dir={tmp_path}"])


# Mistakes


def test_a_stage_on_nothing(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="model_name_or_path"):
        train(
            "atlas-xe-it-smoke",
            ["--model_name_or_path", "", "--output_dir", str(tmp_path)],
        )


def test_a_base_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a folder"):
        train(
            "atlas-xe-it-smoke",
            ["--model_name_or_path", "/nowhere", "--output_dir", str(tmp_path)],
        )


def test_a_folder_has_no_revision(tmp_path: Path, llama2_folder: Path) -> None:
    with pytest.raises(CheckpointError, match="no revisions"):
        train(
            "atlas-xe-it-smoke",
            [
                f"--model_name_or_path={llama2_folder}",
                "--model_revision=v2",
                f"--output_dir={tmp_path}",
            ],
        )


def test_data_that_do_not_fit(tmp_path: Path, llama2_folder: Path) -> None:
    with pytest.raises(DataError, match="Raise max_length"):
        train(
            "atlas-xe-it-smoke",
            [
                f"--model_name_or_path={llama2_folder}",
                "--max_length=3",
                f"--output_dir={tmp_path}",
            ],
        )
