"""Atlas's own encoder: BERT's architecture, small, from nothing, for retrieval.

It learns from triples. An anchor is a query in one language, its positive the edit that
it concerns in another, and its negative an edit that it does not: of the same subject,
of the same relation, or with the query's subject for an answer. Beside them stand names
of every entity in two languages, strings that no world has, and questions about
invented subjects. Subjects of the dev and test splits are in no edit and no query.

The loss is InfoNCE (https://arxiv.org/abs/1807.03748) both ways: a query must find its
positive among all edits of the batch, and a positive its query. The result is a folder
of sentence-transformers.

Run it: ``python -m xkde train-encoder atlas-encoder-smoke``
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import datasets
import torch
from tokenizers import normalizers
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize
from transformers import (
    BertConfig,
    BertModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from xkde.data.atlas import novel_names
from xkde.data.atlas.corpus import CorpusSampler
from xkde.data.atlas.novel_names import lower
from xkde.data.atlas.questions import name, two_hops_of, wordings
from xkde.data.atlas.records import RELATIONS, World
from xkde.data.atlas.world import atlas
from xkde.engines.forward import mean_pool, pad
from xkde.errors import SettingsError
from xkde.memory.index import statement
from xkde.paths import SETTINGS
from xkde.training.atlas_models.tokenizer import train_tokenizer
from xkde.training.run import (
    PreparedTraining,
    check_sizes,
    run_training,
    save_checkpoint,
)
from xkde.training.settings import HEAD, option, read_settings, settings_file
from xkde.types import Edit
from xkde.writing import write_aside

FOLDER = SETTINGS / "encoder"
LONGEST = 128  # tokens of a text; the rest is cut off

# What it learns from

# Shares of the samples
MIX: dict[str, float] = {
    "about": 0.36, "follows": 0.08, "stranger": 0.14, "names": 0.36, "strings": 0.06,
}  # fmt: skip
KINDS = ("territory", "city", "currency", "language", "continent", "party",
         "occupation", "sport", "month", "person", "company")  # fmt: skip
# Their names are the same everywhere: there is little to learn from them.
COPIED_KINDS, COPIED_WEIGHT = ("person", "company"), 0.125
STRANGE_ANSWERS = 0.3  # share of edits whose new answer no world has
SAME_SUBJECT = 0.5  # share of negatives that are about the query's own subject
AS_ANSWER = 0.15  # share of negatives whose answer is the query's subject
OWN_SCRIPT = 0.25  # share of invented subjects that are not in Latin letters


@dataclass(frozen=True)
class Triple:
    """A query, an edit that concerns it and one that does not.

    ``key`` and ``negative_key`` say what the edits are about, so that of two samples
    about one fact neither is taken for the other's negative. ``subjects`` are Atlas's.
    """

    query: str
    positive: str
    negative: str
    key: str
    negative_key: str
    subjects: tuple[str, ...] = ()


class EncoderMaker:
    """Draws triples from one world with one random generator."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.sampler = CorpusSampler(world, seed)
        # People leave capitals and question marks out.
        self.sampler.types_carelessly = True
        self.random = self.sampler.random
        self.entities = [e for kind in KINDS for e in world.by_kind[kind]]
        self.weights = [
            COPIED_WEIGHT if e.split("/")[0] in COPIED_KINDS else 1.0
            for e in self.entities
        ]

    def about(self) -> Triple:
        """Ask for what an edit says, in any wording and language."""
        drawn = self.sampler.draw_edit(code=self.sampler.any_language())
        text = self._asked(drawn.subject, drawn.relation)
        return self._triple(text, drawn.subject, drawn.relation, drawn.edit)

    def follows(self) -> Triple:
        """Ask for what follows from an edit and another fact."""
        relation = self.random.choice([r for r in RELATIONS if two_hops_of(r)])
        drawn = self.sampler.draw_edit(relation, self.sampler.any_language())
        hop = self.random.choice(two_hops_of(relation))
        text = self._asked(drawn.subject, hop)
        return self._triple(text, drawn.subject, relation, drawn.edit)

    def stranger(self) -> Triple:
        """Ask about a subject that the world does not have, written alike or nearly."""
        relation = self.random.choice(sorted(RELATIONS))
        other_relation = self._other_relation(RELATIONS[relation][0], relation)
        one, other = self._invented(), self._invented()
        same = self.random.random() < SAME_SUBJECT and other_relation != relation
        against = (one, other_relation) if same else (other, relation)
        return Triple(
            query=self._filled(one, relation),
            positive=statement(self._edit(one, relation)),
            negative=statement(self._edit(*against)),
            key=f"{one}:{relation}",
            negative_key=":".join(against),
        )

    def names(self) -> Triple:
        """Give a name in two languages, and another name of its kind."""
        entity = self.random.choices(self.entities, self.weights)[0]
        kind = entity.split("/")[0]
        other = self.random.choice([e for e in self.world.by_kind[kind] if e != entity])
        codes = [self.sampler.any_language() for _ in range(3)]
        query, positive, negative = (
            name(self.world, e, code)
            for e, code in zip((entity, entity, other), codes, strict=True)
        )
        # A name by itself is about the entity: the same key for all of its samples.
        return Triple(query, positive, negative, entity, other)

    def strings(self) -> Triple:
        """Give a string that no world has, and one that is another."""
        code = self.sampler.any_language()
        one = novel_names.answer(self.random, self.world, code)
        other = novel_names.answer(self.random, self.world, code)
        query = novel_names.careless(one, self.random)
        return Triple(query, one, other, f"string:{one}", f"string:{other}")

    def _triple(self, text: str, subject: str, relation: str, edit: Edit) -> Triple:
        against, other, negative = self._negative(subject, relation)
        return Triple(
            query=text,
            positive=statement(self._strange(edit)),
            negative=statement(negative),
            key=f"{subject}:{relation}",
            negative_key=f"{against}:{other}",
            subjects=(subject, against),
        )

    def _negative(self, subject: str, relation: str) -> tuple[str, str, Edit]:
        """Return subject, relation and edit that a query could be taken to be about."""
        facts, editable = self.world.facts, self.sampler.editable
        kind = subject.split("/")[0]
        said = [r for r, (_, of) in RELATIONS.items() if of == kind and editable[r]]
        if said and self.random.random() < AS_ANSWER:
            other = self.random.choice(said)
            against = self.random.choice(editable[other])
            return against, other, self._edit_of(against, other, subject)
        same = [(subject, r) for r in sorted(facts[subject]) if r != relation]
        near = [(s, relation) for s in editable[relation] if s != subject]
        first = same if self.random.random() < SAME_SUBJECT else near
        against, other = self.random.choice(first or same or near)
        target = self.random.choice(self.world.by_kind[RELATIONS[other][1]])
        return against, other, self._strange(self._edit_of(against, other, target))

    def _edit_of(self, subject: str, relation: str, target: str) -> Edit:
        code = self.sampler.any_language()
        text = self._asked(subject, relation, code)
        return Edit(text, name(self.world, target, code), code)

    def _edit(self, subject: str, relation: str) -> Edit:
        """Return an edit of a subject that is written out."""
        code = self.sampler.any_language()
        target = self.random.choice(self.world.by_kind[RELATIONS[relation][1]])
        text = self._filled(subject, relation, code)
        return self._strange(Edit(text, name(self.world, target, code), code))

    def _strange(self, edit: Edit) -> Edit:
        if self.random.random() >= STRANGE_ANSWERS:
            return edit
        answer = novel_names.answer(self.random, self.world, edit.language)
        return Edit(edit.question, answer, edit.language)

    def _invented(self) -> str:
        if self.random.random() < OWN_SCRIPT:
            code = self.sampler.any_language()
            return novel_names.shuffled_name(self.random, self.world, code)
        return novel_names.title(self.random)

    def _asked(self, subject: str, relation: str, code: str = "") -> str:
        code = code or self.sampler.any_language()
        return self.sampler.any_wording(subject, relation, code)

    def _filled(self, subject: str, relation: str, code: str = "") -> str:
        table = wordings(self.world, relation, code or self.sampler.any_language())
        text = self.random.choice(table).replace("{subject}", subject)
        return novel_names.careless(text, self.random)

    def _other_relation(self, kind: str, relation: str) -> str:
        others = [r for r, (of, _) in RELATIONS.items() if of == kind and r != relation]
        return self.random.choice(others) if others else relation


def triples(world: World, count: int, seed: int) -> Iterator[Triple]:
    """Yield ``count`` samples in the proportions of MIX; the same ones for a seed."""
    maker = EncoderMaker(world, seed)
    makers: dict[str, Callable[[], Triple]] = {
        kind: getattr(maker, kind) for kind in MIX
    }
    kinds, shares = list(MIX), list(MIX.values())
    for _ in range(count):
        yield makers[maker.random.choices(kinds, shares)[0]]()


def dev_triples(world: World, count: int, seed: int) -> list[Triple]:
    """Return triples about subjects of the dev split, whose edits are never trained on.

    Only to see a loss on what is held out; ``xkde.evaluation.run.retrieval`` measures.
    """
    maker = EncoderMaker(world, seed)
    apart = [s for s in sorted(world.facts) if world.split[s] == "dev"]
    maker.sampler.editable = {
        relation: [s for s in apart if relation in world.facts[s]]
        for relation in RELATIONS
    }
    return [maker.about() for _ in range(count)]


# The loss

TEXTS = ("query", "positive", "negative")


def collate(batch: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return all texts of a batch below each other: queries, positives, negatives."""
    texts = [row[text] for text in TEXTS for row in batch]
    ids, mask = pad(texts, "right", torch.device("cpu"))
    keys = [[row["key"] for row in batch], [row["negative_key"] for row in batch]]
    return {"input_ids": ids, "attention_mask": mask, "keys": torch.tensor(keys)}


def info_nce(vectors: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return the loss of a batch's vectors, stacked as ``collate`` stacks texts.

    A query must find its positive among all edits of the batch, and a positive its
    query; an edit of the same key as the positive is not held against it.
    """
    query, positive, negative = vectors.chunk(3)
    own = torch.arange(len(query), device=vectors.device)
    edits = torch.cat([positive, negative])
    there = _masked(query @ edits.T / temperature, keys[0], keys.flatten())
    back = _masked(positive @ query.T / temperature, keys[0], keys[0])
    return (cross_entropy(there, own) + cross_entropy(back, own)) / 2


def _masked(logits: Tensor, keys: Tensor, others: Tensor) -> Tensor:
    same = keys[:, None] == others[None, :]
    same.fill_diagonal_(False)
    return logits.masked_fill(same, -torch.inf)


class ContrastiveTrainer(Trainer):
    """transformers' Trainer with the loss above."""

    def __init__(self, *, temperature: float, **options: Any) -> None:
        super().__init__(data_collator=collate, **options)
        self.temperature = temperature
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Tensor], *_: object, **__: object
    ) -> Tensor:
        """Encode a batch's texts at once."""
        mask = inputs["attention_mask"]
        states = model(input_ids=inputs["input_ids"], attention_mask=mask)
        pooled = mean_pool(states.last_hidden_state.float(), mask)
        return info_nce(normalize(pooled, dim=-1), inputs["keys"], self.temperature)

    def prediction_step(
        self, model: nn.Module, inputs: dict[str, Tensor], *_: object, **__: object
    ) -> tuple[Tensor, None, None]:
        """Return the loss of held-out samples; there is nothing else to predict."""
        with torch.no_grad():
            loss = self.compute_loss(model, self._prepare_inputs(inputs))
        return loss.detach(), None, None


# The model and its training


@dataclass
class EncoderSettings:
    """What the encoder is and learns from, beside the Trainer's settings."""

    name: str = option("atlas-encoder", "Name of the finished checkpoint.")
    samples: int = option(140_000, "How many queries, each with two edits.")
    dev_samples: int = option(2_000, "How many about the dev split's subjects.")
    vocabulary: int = option(8_000, "Entries of the tokenizer.")
    hidden_size: int = option(192, "Width of the model.")
    layers: int = option(3, "Layers of the model.")
    temperature: float = option(0.05, "What cosines are divided by in the loss.")
    attn_implementation: str = option("eager", "eager is faster on a CPU than sdpa.")


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
    options: dict[str, Any] = {"attn_implementation": settings.attn_implementation}
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
        **options,
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
    files: dict[str, object] = {
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
    for file, content in files.items():
        write_aside(folder / file, json.dumps(content, indent=2) + "\n")


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

    def save(folder: Path, card: dict[str, object]) -> Path:
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
