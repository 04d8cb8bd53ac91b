"""Atlas's own translation model: the architecture of NLLB-200, small, from nothing.

Scores answers in ``align`` where NLLB-200's gigabytes are too many. Trained by
transformers' Trainer on parallel names (``aligner_data``); the run's folder, log and
card are those of every stage (``run``).

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
    set_seed,
)

from xkde.data.atlas.world import atlas
from xkde.engines.translation import LONGEST, Translation, encode
from xkde.errors import SettingsError
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.paths import CARD, SETTINGS
from xkde.training.aligner_data import held_out_translations, training_translations
from xkde.training.run import Log, last_log, open_run, save_checkpoint
from xkde.training.settings_files import asked, read_settings, settings_file
from xkde.training.tokenizer import END, train_tokenizer

FOLDER = SETTINGS / "aligner"
HEAD = 64  # width of one attention head
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
    if settings.hidden_size < 1 or settings.hidden_size % HEAD:
        raise SettingsError(
            f"hidden_size is {settings.hidden_size}; expected a multiple of {HEAD}."
        )
    if min(settings.samples, settings.dev_samples, settings.layers) < 1:
        raise SettingsError("samples, dev_samples and layers must be 1 or more.")
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
    read = encode(
        tokenizer, [t.source for t in drawn], [t.source_language for t in drawn]
    )
    labels = encode(
        tokenizer, [t.target for t in drawn], [t.target_language for t in drawn]
    )
    lengths = [len(a) + len(b) for a, b in zip(read, labels, strict=True)]
    return datasets.Dataset.from_dict(
        {"input_ids": read, "labels": labels, "length": lengths}
    )


def train_aligner(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of the finished checkpoint.

    Killed and started again, it goes on from its last saved step; a run that is
    finished is left as it is.
    """
    settings, training = load_aligner_settings(name_or_path, overrides)
    folder = Path(training.output_dir or "")
    resume = open_run(folder, asked(settings, training))
    result = folder / settings.name
    if (result / CARD).is_file():  # written aside and renamed, so it is whole
        return result
    training.logging_nan_inf_filter = False  # else the log would hide a broken run
    set_seed(training.seed)
    model, tokenizer = fresh_aligner(settings)
    trainer = _trainer(settings, training, model, tokenizer)
    trainer.add_callback(Log(folder))
    trainer.train(resume_from_checkpoint=resume)
    card = _card(settings, training, model, folder)
    card["tokens"] = int(sum(trainer.train_dataset["length"]) * trainer.state.epoch)
    if settings.held_out:
        card["held_out_loss"] = trainer.evaluate()["eval_loss"]
    return save_checkpoint(trainer, result, card)


def _trainer(
    settings: AlignerSettings,
    training: Seq2SeqTrainingArguments,
    model: M2M100ForConditionalGeneration,
    tokenizer: PreTrainedTokenizerBase,
) -> Any:
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
    return trainer


def _card(
    settings: AlignerSettings,
    training: Seq2SeqTrainingArguments,
    model: M2M100ForConditionalGeneration,
    folder: Path,
) -> dict[str, Any]:
    """Return what ``xkde.checkpoints.Card`` reads, and what was measured at the end."""
    return {
        "name": settings.name,
        "label": f"{settings.name}, a translation model of Atlas's names",
        "base": "",
        "stage": "aligner",
        "data": "atlas",
        "settings": asked(settings, training),
        "training": last_log(folder),
        "samples": settings.samples,
        "parameters": model.num_parameters(),
    }
