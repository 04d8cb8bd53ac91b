"""Atlas's own encoder: BERT's architecture, small, from nothing, for retrieval.

Learns that a query in one language lies near the edit that it concerns in another, and
far from all other edits of the batch and from one that looks like it (InfoNCE, both
ways). Trained by transformers' Trainer on ``encoder_data``; how a run goes is said in
``running``.

Run it: ``python -m xkde train-encoder atlas-encoder-smoke``
"""

import hashlib
import json
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
)

from xkde.data.atlas.novel_names import lower
from xkde.data.atlas.records import World
from xkde.data.atlas.world import atlas
from xkde.errors import SettingsError
from xkde.paths import SETTINGS, write_aside
from xkde.training.atlas_models.contrastive import TEXTS, ContrastiveTrainer
from xkde.training.atlas_models.encoder_data import Triple, dev_triples, triples
from xkde.training.atlas_models.tokenizer import train_tokenizer
from xkde.training.run import (
    PreparedTraining,
    check_sizes,
    run_training,
    save_checkpoint,
)
from xkde.training.settings import HEAD, read_settings, settings_file

FOLDER = SETTINGS / "encoder"
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
    check_sizes(settings)
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
            normalizers.Replace("\u0130", "i"),  # Turkish, as in ``novel_names.lower``
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


def write_modules(folder: Path, width: int, longest: int) -> None:
    """Write the files that sentence-transformers reads beside a transformer's own.

    They say: mean pooling of the last states, then division by the length.
    """
    parts = {"": "Transformer", "1_Pooling": "Pooling", "2_Normalize": "Normalize"}
    files: dict[str, Any] = {
        "modules.json": [
            {
                "idx": index,
                "name": str(index),
                "path": path,
                "type": f"sentence_transformers.models.{kind}",
            }
            for index, (path, kind) in enumerate(parts.items())
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": width,
            "pooling_mode_mean_tokens": True,
        },
        "sentence_bert_config.json": {
            "max_seq_length": longest,
            "do_lower_case": False,
        },
    }
    for name, content in files.items():
        write_aside(folder / name, json.dumps(content, indent=2) + "\n")


def train_encoder(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Train by settings; return the folder of the finished checkpoint."""
    settings, training = load_encoder_settings(name_or_path, overrides)
    training.remove_unused_columns = False  # the keys are used by the loss
    return run_training(settings, training, lambda: _prepared(settings, training))


def _prepared(
    settings: EncoderSettings, training: TrainingArguments
) -> PreparedTraining:
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

    def save(folder: Path, card: dict[str, Any]) -> Path:
        card["held_out_loss"] = trainer.evaluate()["eval_loss"]
        return save_checkpoint(
            trainer,
            folder,
            card,
            lambda aside: write_modules(aside, settings.hidden_size, LONGEST),
        )

    card = {
        "label": f"{settings.name}, which finds an edit for a query in any language",
        "stage": "encoder",
        "samples": settings.samples,
    }
    return PreparedTraining(trainer, card, save)
