"""The stages that TRL's SFTTrainer runs: the base from nothing, and XE-IT on a checkpoint.

One code path for Atlas and for a 7B: settings in, a checkpoint folder out. The paper's
settings for Llama-2-7B-chat and Qwen2.5-7B-Instruct (Table 7) lie in ``assets/settings``.
Run it: ``python -m xkde train atlas-xe-it-laptop``, or under ``accelerate launch -m xkde``.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerBase,
    set_seed,
)
from trl import ModelConfig, SFTConfig, get_peft_config

from xkde.checkpoints import resolve
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load_tokenizer
from xkde.errors import SettingsError
from xkde.training.answer_loss import AnswerLossTrainer
from xkde.training.conversations import atlas_conversations, read_dataset, tokenised
from xkde.training.optimizers import MuonWithAdamW
from xkde.training.run import Log, last_log, open_run, save_checkpoint
from xkde.training.settings import StageConfig, load_settings
from xkde.training.tokenizer import END, PAD, train_tokenizer

STAGES = ("base", "xe-it")
CLOSE_TO_NOTHING = 0.02  # standard deviation of fresh weights
HEAD = 64


def fresh_model(stage: StageConfig) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
    """Return an untrained model of the Llama architecture, with Atlas's tokenizer.

    Llama rather than Qwen2: transformers replaces the tokenizer of every folder whose
    model type is "qwen2" by Qwen2's own word splitting, and so would vLLM.
    """
    tokenizer = train_tokenizer(atlas(), stage.vocabulary)
    config = LlamaConfig(
        vocab_size=stage.vocabulary,
        hidden_size=stage.hidden_size,
        intermediate_size=3 * stage.hidden_size,
        num_hidden_layers=stage.layers,
        num_attention_heads=stage.hidden_size // HEAD,
        num_key_value_heads=stage.hidden_size // HEAD,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        initializer_range=CLOSE_TO_NOTHING,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.convert_tokens_to_ids(END),
        pad_token_id=tokenizer.convert_tokens_to_ids(PAD),
    )
    return LlamaForCausalLM(config), tokenizer


def trained_model(model: ModelConfig) -> tuple[Any, PreTrainedTokenizerBase]:
    """Return a checkpoint's model and tokenizer, ready to be trained on."""
    if not model.model_name_or_path:
        raise SettingsError("Name the checkpoint to begin with: model_name_or_path.")
    place = resolve(model.model_name_or_path, model.model_revision)
    source = str(place.path or place.repository)
    options: dict[str, Any] = {"revision": None if place.path else place.revision}
    tokenizer = load_tokenizer(source, **options)
    if tokenizer.pad_token is None or tokenizer.pad_token == tokenizer.eos_token:
        # Padding with EOS would teach nothing wrong here (labels are set by offsets), but
        # a distinct pad keeps every later tool from masking the end of an answer.
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    # Small models are kept in float32 while they learn; a 7B's settings say bfloat16.
    dtype = model.dtype if model.dtype in ("auto", None) else getattr(torch, model.dtype)
    network = AutoModelForCausalLM.from_pretrained(
        source, dtype=dtype or torch.float32, use_safetensors=True,
        attn_implementation=model.attn_implementation, **options,
    )  # fmt: skip
    return network, tokenizer


def train(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Run a stage by its settings; return the folder of the finished checkpoint.

    Killed and started again, it goes on from its last saved step.
    """
    stage, training, model = load_settings(name_or_path, overrides)
    if stage.stage not in STAGES:
        raise SettingsError(f"stage is “{stage.stage}”; expected {' or '.join(STAGES)}.")
    folder = Path(training.output_dir or "")
    resume = open_run(folder, _asked(stage, training, model))
    set_seed(training.seed)
    network, tokenizer = fresh_model(stage) if stage.stage == "base" else trained_model(model)
    if stage.data == "atlas":
        chats = atlas_conversations(
            stage.stage, stage.samples, training.seed, stage.cross_lingual
        )
    else:
        chats = read_dataset(stage.data)
    data = tokenised(tokenizer, chats, training.max_length)
    trainer = AnswerLossTrainer(
        model=network,
        args=training,
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=get_peft_config(model),
        callbacks=[Log(folder)],
        optimizers=(_optimizer(stage, network, training), None),
    )
    trainer.train(resume_from_checkpoint=resume)
    network = trainer.model
    if hasattr(network, "merge_and_unload"):
        network = network.merge_and_unload()
    card = _card(stage, training, model, folder) | {
        "samples": len(data),
        "tokens": int(sum(data["length"]) * training.num_train_epochs),
    }
    return save_checkpoint(network, tokenizer, folder / (stage.name or "model"), card)


def _optimizer(
    stage: StageConfig, network: Any, training: SFTConfig
) -> torch.optim.Optimizer | None:
    if stage.optimizer == "default":
        return None
    return MuonWithAdamW(network, training.learning_rate, training.weight_decay)


def _asked(stage: StageConfig, training: SFTConfig, model: ModelConfig) -> dict[str, Any]:
    """Return the settings that make a run what it is, without where it is written."""
    kept = ("learning_rate", "weight_decay", "num_train_epochs", "max_steps", "seed",
            "per_device_train_batch_size", "gradient_accumulation_steps", "max_length",
            "warmup_steps", "lr_scheduler_type", "max_grad_norm")  # fmt: skip
    chosen = {key: getattr(training, key) for key in kept}
    chosen["lr_scheduler_type"] = str(training.lr_scheduler_type.value)
    return {
        **asdict(stage),
        **chosen,
        "model_name_or_path": model.model_name_or_path,
        "model_revision": model.model_revision,
        "use_peft": model.use_peft,
    }


def _card(
    stage: StageConfig, training: SFTConfig, model: ModelConfig, folder: Path
) -> dict[str, Any]:
    return {
        "name": stage.name,
        "stage": stage.stage,
        "base": model.model_name_or_path,
        "data": stage.data,
        "settings": _asked(stage, training, model),
        "training": last_log(folder),
    }
