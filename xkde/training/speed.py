"""Stage one by TRL's own trainer, to compare our speed with.

SFTTrainer (https://huggingface.co/docs/trl/sft_trainer) projects every position onto
the vocabulary, ``AnswerLossTrainer`` those of the answer alone.
"""

import tempfile
from functools import partial
from typing import Any

import datasets
from trl import ModelConfig, SFTConfig, SFTTrainer, get_peft_config

from xkde.training.conversations import atlas_conversations, tokenised
from xkde.training.settings import TrainingConfig, load_settings
from xkde.training.stages import AnswerLossTrainer, set_chat_template, trained_model


def compare(base: str, preset: str, samples: int) -> list[tuple[str, float]]:
    """Return tokens a second of the three ways, and how many times ours is faster."""
    _, ours, model = load_settings(
        preset,
        f"--model_name_or_path {base} --data atlas --samples {samples} "
        "--save_strategy no --disable_tqdm true --num_train_epochs 1".split(),
    )
    _, tokenizer = trained_model(model)
    set_chat_template(tokenizer, ours)
    chats = atlas_conversations("xe-it", samples, seed=0)
    rows = tokenised(tokenizer, chats, ours.max_length)
    with tempfile.TemporaryDirectory() as folder:
        ours.output_dir = folder
        theirs = partial(
            SFTConfig,
            folder,
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            num_train_epochs=1,
            disable_tqdm=True,
            seed=ours.seed,
        )
        alike = theirs(
            gradient_checkpointing=False,
            per_device_train_batch_size=ours.per_device_train_batch_size,
        )
        ways = {
            "ours": (AnswerLossTrainer, ours),
            "TRL's defaults": (SFTTrainer, theirs()),
            "TRL with our batches": (SFTTrainer, alike),
        }
        speeds = {name: _speed(*way, model, rows) for name, way in ways.items()}
    return [
        *((f"{way}, tokens a second", round(it)) for way, it in speeds.items()),
        *(
            (f"times faster than {way}", round(speeds["ours"] / speeds[way], 1))
            for way in list(speeds)[1:]
        ),
    ]


def _speed(
    trainer_class: type[SFTTrainer],
    training: TrainingConfig,
    model: ModelConfig,
    rows: datasets.Dataset,
) -> float:
    """Return the tokens a second of one epoch over ``rows``."""
    network, tokenizer = trained_model(model)
    first = rows.select(range(training.per_device_train_batch_size))
    for given, peft in ((first, get_peft_config(model)), (rows, None)):
        trainer: Any = trainer_class(
            model=network,
            args=training,
            train_dataset=given,
            processing_class=tokenizer,
            peft_config=peft,
        )
        network = trainer.model  # LoRA's factors stay in it
        seconds = trainer.train().metrics["train_runtime"]
    return float(sum(rows["length"]) / seconds)
