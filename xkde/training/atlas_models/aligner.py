"""Atlas's own translation model: the architecture of NLLB-200, small, from nothing.

Scores answers in ``align`` where NLLB-200's gigabytes are too many. Trained by
transformers' Trainer on parallel names (``aligner_data``); how a run goes is said in
``running``.

Run it: ``python -m xkde train-aligner atlas-aligner-smoke``
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
from transformers import (
    DataCollatorForSeq2Seq,
    M2M100Config,
    M2M100ForConditionalGeneration,
    PreTrainedTokenizerBase,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from xkde.data.atlas.world import atlas
from xkde.engines.aligner import LONGEST, Translation, text_ids
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.paths import SETTINGS
from xkde.training.atlas_models.aligner_data import (
    held_out_translations,
    training_translations,
)
from xkde.training.atlas_models.tokenizer import END, train_tokenizer
from xkde.training.run import (
    PreparedTraining,
    check_sizes,
    run_training,
    save_checkpoint,
)
from xkde.training.settings import HEAD, read_settings, settings_file

FOLDER = SETTINGS / "aligner"
CLOSE_TO_NOTHING = 0.02  # standard deviation of fresh weights


@dataclass
class AlignerSettings:
    """What the translation model is and learns from, beside the Trainer's settings."""

    name: str = field(
        default="atlas-aligner", metadata={"help": "Name of the finished checkpoint."}
    )
    samples: int = field(
        default=400_000, metadata={"help": "How many translations to draw."}
    )
    dev_samples: int = field(
        default=2_000, metadata={"help": "How many of names that are held out."}
    )
    held_out: int = field(
        default=25,
        metadata={"help": "One entity in so many is never trained on; 0: none."},
    )
    vocabulary: int = field(
        default=6_000, metadata={"help": "Entries of the tokenizer."}
    )
    hidden_size: int = field(default=192, metadata={"help": "Width of the model."})
    layers: int = field(
        default=3, metadata={"help": "Layers of the encoder, and of the decoder."}
    )
    dropout: float = field(default=0.0, metadata={"help": "While it learns."})
    attn_implementation: str = field(
        default="eager", metadata={"help": "eager is faster on a CPU than sdpa."}
    )


def load_aligner_settings(
    name_or_path: str, overrides: Sequence[str] = ()
) -> tuple[AlignerSettings, Seq2SeqTrainingArguments]:
    """Read a settings file; ``overrides`` are options, ``--learning_rate 1e-3``."""
    settings, training = read_settings(
        settings_file(name_or_path, FOLDER),
        (AlignerSettings, Seq2SeqTrainingArguments),
        overrides,
    )
    check_sizes(settings)
    return settings, training


def fresh_aligner(
    settings: AlignerSettings,
) -> tuple[M2M100ForConditionalGeneration, PreTrainedTokenizerBase]:
    """Return an untrained translation model with its tokenizer.

    The tokenizer is Atlas's, with NLLB's codes of the twelve languages added.
    """
    codes = [str(LANGUAGES[code].nllb_code) for code in ATLAS_LANGUAGES]
    tokenizer = train_tokenizer(atlas(), settings.vocabulary - len(codes))
    tokenizer.chat_template = None
    tokenizer.add_tokens(codes, special_tokens=True)
    end = tokenizer.convert_tokens_to_ids(END)
    config = M2M100Config(
        vocab_size=len(tokenizer),
        d_model=settings.hidden_size,
        encoder_layers=settings.layers,
        decoder_layers=settings.layers,
        encoder_ffn_dim=4 * settings.hidden_size,
        decoder_ffn_dim=4 * settings.hidden_size,
        encoder_attention_heads=settings.hidden_size // HEAD,
        decoder_attention_heads=settings.hidden_size // HEAD,
        dropout=settings.dropout,
        attention_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        max_position_embeddings=LONGEST,
        init_std=CLOSE_TO_NOTHING,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=end,
        decoder_start_token_id=end,  # as NLLB begins
        attn_implementation=settings.attn_implementation,
    )
    return M2M100ForConditionalGeneration(config), tokenizer


def rows(
    tokenizer: PreTrainedTokenizerBase, translations: Iterable[Translation]
) -> datasets.Dataset:
    """Return rows of ``input_ids``, ``labels`` and ``length``, of both together."""
    drawn = list(translations)
    read = text_ids(
        tokenizer, [t.source for t in drawn], [t.source_language for t in drawn]
    )
    labels = text_ids(
        tokenizer, [t.target for t in drawn], [t.target_language for t in drawn]
    )
    lengths = [len(a) + len(b) for a, b in zip(read, labels, strict=True)]
    return datasets.Dataset.from_dict(
        {"input_ids": read, "labels": labels, "length": lengths}
    )


def train_aligner(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of the finished checkpoint."""
    settings, training = load_aligner_settings(name_or_path, overrides)
    return run_training(settings, training, lambda: _prepared(settings, training))


def _prepared(
    settings: AlignerSettings, training: Seq2SeqTrainingArguments
) -> PreparedTraining:
    model, tokenizer = fresh_aligner(settings)
    world, seed, one_in = atlas(), training.seed, settings.held_out
    drawn = training_translations(world, settings.samples, seed, one_in)
    apart = held_out_translations(world, settings.dev_samples, seed, one_in)
    trainer: Any = Seq2SeqTrainer(
        model=model,
        args=training,
        train_dataset=rows(tokenizer, drawn),
        eval_dataset=rows(tokenizer, apart) if apart else None,
        data_collator=DataCollatorForSeq2Seq(tokenizer),
        processing_class=tokenizer,
    )
    # Its loss is the mean of its batch, whatever number of tokens it is told.
    trainer.model_accepts_loss_kwargs = False

    def save(folder: Path, card: dict[str, Any]) -> Path:
        read = sum(trainer.train_dataset["length"])
        card["tokens"] = int(read * trainer.state.epoch)
        if apart:
            card["held_out_loss"] = trainer.evaluate()["eval_loss"]
        return save_checkpoint(trainer, folder, card)

    card = {
        "label": f"{settings.name}, a translation model of Atlas's names",
        "stage": "aligner",
        "samples": settings.samples,
    }
    return PreparedTraining(trainer, card, save)
