"""Atlas's own translation model: the architecture of NLLB-200, small, from nothing.

It scores answers in ``align`` where NLLB-200's gigabytes are too many. It learns from
parallel names: every entity of Atlas in every direction, its own language included
(questions are also asked in the language of the edit), and strings that no language
changes: invented names, words, numbers. A few entities are set apart, to see what
becomes of a name that was never translated.

Run it: ``python -m xkde train-aligner atlas-aligner-smoke``
"""

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
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

from xkde.data.atlas import novel_names
from xkde.data.atlas.names import LATIN
from xkde.data.atlas.records import World
from xkde.data.atlas.world import atlas
from xkde.engines.aligner import LONGEST, Translation, text_ids
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.paths import SETTINGS
from xkde.training.atlas_models.tokenizer import END, train_tokenizer
from xkde.training.run import (
    PreparedTraining,
    check_sizes,
    run_training,
    save_checkpoint,
)
from xkde.training.settings import HEAD, option, read_settings, settings_file

FOLDER = SETTINGS / "aligner"
CLOSE_TO_NOTHING = 0.02  # standard deviation of fresh weights

# What it learns from

COPIES = 0.22  # share of strings that are the same on both sides
LATIN_COPIES = 0.6  # of them: from one language in Latin letters to another
# Their names are nearly the same everywhere: there is little to learn from them.
COPIED_KINDS = ("person", "company", "year")
COPIED_WEIGHT = 0.125
# A name in a script of its own is met in one language, a Latin one in up to nine.
TARGET_WEIGHTS = {"ru": 2, "th": 2, "zh": 2}
# Kinds of which a few may be missing; the others are short lists that belong together.
HELD_OUT_KINDS = ("territory", "city", "currency", "language", "person", "company")


def is_held_out(entity: str, one_in: int) -> bool:
    """Tell whether an entity's names are kept from training; ``one_in`` 0: none are."""
    if not one_in or entity.split("/")[0] not in HELD_OUT_KINDS:
        return False
    digest = hashlib.sha256(f"aligner:{entity}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % one_in == 0


def training_translations(
    world: World, count: int, seed: int, one_in: int
) -> Iterator[Translation]:
    """Yield names and copies, ``count`` of them; the same ones for a seed."""
    random_ = random.Random(seed)
    entities = [e for e in sorted(world.names) if not is_held_out(e, one_in)]
    weights = [
        COPIED_WEIGHT if entity.split("/")[0] in COPIED_KINDS else 1.0
        for entity in entities
    ]
    names = iter(random_.choices(entities, weights, k=count))
    for _ in range(count):
        if random_.random() < COPIES:
            yield _copy(random_, world)
        else:
            yield _name(random_, world, next(names))


def held_out_translations(
    world: World, count: int, seed: int, one_in: int
) -> list[Translation]:
    """Return names of entities that training never sees, in any direction."""
    random_ = random.Random(f"held out {seed}")
    entities = [e for e in sorted(world.names) if is_held_out(e, one_in)]
    if not entities:
        return []
    return [_name(random_, world, random_.choice(entities)) for _ in range(count)]


def _name(random_: random.Random, world: World, entity: str) -> Translation:
    source = random_.choice(world.languages)
    target = _any_target(random_, world)
    names = world.names[entity]
    return Translation(names[source], source, names[target], target)


def _copy(random_: random.Random, world: World) -> Translation:
    """Return what stays as it is: among Latin languages, or whatever the languages."""
    if random_.random() < LATIN_COPIES:
        source, target = random_.choice(LATIN), random_.choice(LATIN)
    else:
        source, target = random_.choice(world.languages), _any_target(random_, world)
    text = novel_names.answer(random_, world, source)
    return Translation(text, source, text, target)


def _any_target(random_: random.Random, world: World) -> str:
    weights = [TARGET_WEIGHTS.get(code, 1) for code in world.languages]
    return str(random_.choices(world.languages, weights)[0])


# The model and its training


@dataclass
class AlignerSettings:
    """What the translation model is and learns from, beside the Trainer's settings."""

    name: str = option("atlas-aligner", "Name of the finished checkpoint.")
    samples: int = option(400_000, "How many translations to draw.")
    dev_samples: int = option(2_000, "How many of names that are held out.")
    held_out: int = option(25, "One entity in so many is never trained on; 0: none.")
    vocabulary: int = option(6_000, "Entries of the tokenizer.")
    hidden_size: int = option(192, "Width of the model.")
    layers: int = option(3, "Layers of the encoder, and of the decoder.")
    dropout: float = option(0.0, "While it learns.")
    attn_implementation: str = option("eager", "eager is faster on a CPU than sdpa.")


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
    options: dict[str, Any] = {
        "attn_implementation": settings.attn_implementation,
        "decoder_start_token_id": end,  # as NLLB begins
    }
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
        **options,
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
    # Its loss is the mean of its batch, whatever number of tokens it is given.
    trainer.model_accepts_loss_kwargs = False

    def save(folder: Path, card: dict[str, object]) -> Path:
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
