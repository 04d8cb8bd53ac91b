"""Atlas's own encoder: BERT's architecture, small, from nothing, for retrieval.

Learns that a query in one language lies near the edit that it concerns in another, and
far from all other edits of the batch and from one that looks like it (InfoNCE, both
ways). Trained by transformers' Trainer on ``encoder_data``; the run's folder, log and
card are those of every stage (``run``).

Run it: ``python -m xkde train-encoder atlas-encoder-smoke``
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import datasets
from tokenizers import normalizers
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerBase,
    TrainingArguments,
    set_seed,
)

from xkde.data.atlas.invented import lower
from xkde.data.atlas.records import World
from xkde.data.atlas.world import atlas
from xkde.engines.encoder_files import write_reading
from xkde.errors import SettingsError
from xkde.paths import CARD, SETTINGS
from xkde.training.contrastive import TEXTS, ContrastiveTrainer
from xkde.training.encoder_data import Triple, dev_triples, triples
from xkde.training.run import Log, last_log, open_run, save_checkpoint
from xkde.training.settings_files import asked, read_settings, settings_file
from xkde.training.tokenizer import train_tokenizer

FOLDER = SETTINGS / "encoder"
HEAD = 64  # width of one attention head
LONGEST = 128  # tokens of a text; the rest is cut off


@dataclass
class EncoderSettings:
    """What the encoder is and learns from, beside the Trainer's settings."""

    name: str = field(
        default="atlas-encoder", metadata={"help": "Name of the finished checkpoint."}
    )
    samples: int = field(
        default=140_000, metadata={"help": "How many queries, each with two edits."}
    )
    dev_samples: int = field(
        default=2_000, metadata={"help": "How many about the dev split's subjects."}
    )
    vocabulary: int = field(
        default=8_000, metadata={"help": "Entries of the tokenizer."}
    )
    hidden_size: int = field(default=192, metadata={"help": "Width of the model."})
    layers: int = field(default=3, metadata={"help": "Layers of the model."})
    temperature: float = field(
        default=0.05, metadata={"help": "What cosines are divided by in the loss."}
    )
    attn_implementation: str = field(
        default="eager", metadata={"help": "eager is faster on a CPU than sdpa."}
    )


def load_encoder_settings(
    name_or_path: str, overrides: Sequence[str] = ()
) -> tuple[EncoderSettings, TrainingArguments]:
    """Read a settings file; ``overrides`` are options, ``--learning_rate 1e-3``."""
    settings, training = read_settings(
        settings_file(name_or_path, FOLDER),
        (EncoderSettings, TrainingArguments),
        overrides,
    )
    if settings.hidden_size < 1 or settings.hidden_size % HEAD:
        raise SettingsError(
            f"hidden_size is {settings.hidden_size}; expected a multiple of {HEAD}."
        )
    if min(settings.samples, settings.dev_samples, settings.layers) < 1:
        raise SettingsError("samples, dev_samples and layers must be 1 or more.")
    if settings.temperature <= 0:
        raise SettingsError("temperature must be above 0; 0.05 is a good one.")
    return settings, training


def fresh_encoder(
    settings: EncoderSettings,
) -> tuple[BertModel, PreTrainedTokenizerBase]:
    """Return an untrained encoder with its tokenizer, which reads in lower case."""
    tokenizer = train_tokenizer(_lowered(atlas()), settings.vocabulary)
    tokenizer.chat_template = None
    tokenizer.model_max_length = LONGEST
    tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Replace("\u0130", "i"),  # Turkish, as in ``invented.lower``
            normalizers.Lowercase(),
        ]
    )
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=settings.hidden_size,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.hidden_size // HEAD,
        intermediate_size=4 * settings.hidden_size,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=LONGEST,
        type_vocab_size=1,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation=settings.attn_implementation,
    )
    return BertModel(config, add_pooling_layer=False), tokenizer


def _lowered(world: World) -> World:
    """Return the world as the tokenizer will read it."""
    names = {
        entity: {code: lower(name) for code, name in by_code.items()}
        for entity, by_code in world.names.items()
    }
    wordings = {
        code: replace(
            table,
            questions={k: tuple(map(lower, v)) for k, v in table.questions.items()},
            two_hop={k: tuple(map(lower, v)) for k, v in table.two_hop.items()},
            dictionary=tuple(map(lower, table.dictionary)),
        )
        for code, table in world.wordings.items()
    }
    return replace(world, names=names, wordings=wordings)


def rows(
    tokenizer: PreTrainedTokenizerBase, drawn: Iterable[Triple]
) -> datasets.Dataset:
    """Return rows of the three texts' ids, both keys as numbers, and ``length``."""
    kept = list(drawn)
    columns: dict[str, list[Any]] = {
        name: tokenizer(
            [getattr(triple, name) for triple in kept],
            truncation=True,
            max_length=LONGEST,
        )["input_ids"]
        for name in TEXTS
    }
    lengths = zip(*(map(len, columns[name]) for name in TEXTS), strict=True)
    columns["length"] = [sum(each) for each in lengths]
    columns["key"] = [_number(triple.key) for triple in kept]
    columns["negative_key"] = [_number(triple.negative_key) for triple in kept]
    return datasets.Dataset.from_dict(columns)


def _number(key: str) -> int:
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def train_encoder(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of the finished checkpoint.

    Killed and started again, it goes on from its last saved step; a run that is
    finished is left as it is.
    """
    settings, training = load_encoder_settings(name_or_path, overrides)
    folder = Path(training.output_dir or "")
    resume = open_run(folder, asked(settings, training))
    result = folder / settings.name
    if (result / CARD).is_file():  # written aside and renamed, so it is whole
        return result
    training.logging_nan_inf_filter = False  # else the log would hide a broken run
    training.remove_unused_columns = False  # the keys are used by the loss
    set_seed(training.seed)
    model, tokenizer = fresh_encoder(settings)
    world = atlas()
    drawn = triples(world, settings.samples, training.seed)
    trainer = ContrastiveTrainer(
        temperature=settings.temperature,
        model=model,
        args=training,
        train_dataset=rows(tokenizer, drawn),
        eval_dataset=rows(tokenizer, dev_triples(world, settings.dev_samples, 1)),
        processing_class=tokenizer,
    )
    trainer.add_callback(Log(folder))
    trainer.train(resume_from_checkpoint=resume)
    card = _card(settings, training, model, folder)
    card["held_out_loss"] = trainer.evaluate()["eval_loss"]
    save_checkpoint(trainer, result, card)
    write_reading(result, settings.hidden_size, LONGEST)
    return result


def _card(
    settings: EncoderSettings,
    training: TrainingArguments,
    model: BertModel,
    folder: Path,
) -> dict[str, Any]:
    """Return what ``xkde.checkpoints.Card`` reads, and what was measured at the end."""
    return {
        "name": settings.name,
        "label": f"{settings.name}, which finds an edit for a query in any language",
        "base": "",
        "stage": "encoder",
        "data": "atlas",
        "settings": asked(settings, training),
        "training": last_log(folder),
        "samples": settings.samples,
        "parameters": model.num_parameters(),
    }
