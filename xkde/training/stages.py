"""The stages: the base from scratch, XE-IT on a checkpoint, TL-PO on stage one.

    XE-IT   cross-lingual edition instruction tuning: -log p(answer | edit, query)
    TL-PO   target-language preference optimisation: ORPO, DPO, CPO, SimPO or KTO

One code path for Atlas and for a 7B: settings in, a checkpoint folder out. The paper's
settings for Llama-2-7B-chat and Qwen2.5-7B-Instruct (Table 7) are in
``assets/settings``.

Run it: ``python -m xkde train atlas-xe-it-laptop``, or the same under
``accelerate launch -m xkde``.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from torch.nn import functional
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    set_seed,
)
from trl import ModelConfig, SFTConfig, SFTTrainer, get_peft_config

from xkde.checkpoints import resolve
from xkde.checkpoints.folders import base_reference, is_adapter
from xkde.data.atlas.corpus import FactQuery
from xkde.data.atlas.world import atlas
from xkde.engines.loading import adapter_tokenizer, load_tokenizer, source_of
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.paths import CARD, ROOT
from xkde.text import Json
from xkde.training.atlas_models.tokenizer import END, PAD, train_tokenizer
from xkde.training.conversations import (
    IGNORED,
    atlas_conversations,
    forgotten_facts,
    read_dataset,
    tokenised,
)
from xkde.training.preference.trainers import (
    preference_rows,
    preference_trainer,
    read_preferences,
)
from xkde.training.run import (
    RunLog,
    at_work,
    is_sharded,
    last_log,
    open_run,
    save_checkpoint,
)
from xkde.training.settings import (
    HEAD,
    RUN_SETTINGS,
    StageConfig,
    TrainingConfig,
    data_digest,
    file_digest,
    load_settings,
)
from xkde.types import Message

logger = logging.getLogger(__name__)

TITLES = {
    "base": "taught the facts from nothing",
    "xe-it": "after stage one (XE-IT)",
    "tl-po": "after stage two (TL-PO)",
    "lte": "taught to obey edits in the query's own language (LTE)",
}
PREFERENCE_SETTINGS = (
    "beta loss_type cpo_alpha simpo_gamma alpha label_smoothing desirable_weight "
    "undesirable_weight"
).split()
MODEL_SETTINGS = (
    "model_name_or_path model_revision dtype use_peft lora_r lora_alpha lora_dropout "
    "lora_target_modules"
).split()
INITIALIZER_RANGE = 0.02  # standard deviation of untrained weights
Network = PreTrainedModel | PeftModel


def fresh_model(
    stage: StageConfig, attention: str | None = None
) -> tuple[LlamaForCausalLM, PreTrainedTokenizerBase]:
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
        initializer_range=INITIALIZER_RANGE,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.get_vocab()[END],
        pad_token_id=tokenizer.get_vocab()[PAD],
        attn_implementation=attention,  # type: ignore[call-arg]
    )
    return LlamaForCausalLM(config), tokenizer


def trained_model(model: ModelConfig) -> tuple[Network, PreTrainedTokenizerBase]:
    """Return a checkpoint's model and tokenizer, ready to be trained on."""
    if not model.model_name_or_path:
        raise SettingsError("Name the checkpoint to begin with: model_name_or_path.")
    # TRL's default revision is "main", and a folder has no revisions.
    revision = None if model.model_revision == "main" else model.model_revision
    place = resolve(model.model_name_or_path, revision)
    source = source_of(place)
    if is_adapter(Path(source)):
        return _trained_adapter(model, Path(source))
    revision = None if place.path else place.revision
    tokenizer = load_tokenizer(source, revision=revision)
    if tokenizer.pad_token is None or tokenizer.pad_token == tokenizer.eos_token:
        # Padding with EOS would teach nothing wrong here (labels are set by offsets),
        # but a distinct pad keeps later tools from masking the end of an answer.
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    # Small models are kept in float32 while they learn; a 7B's settings say bfloat16.
    network = AutoModelForCausalLM.from_pretrained(
        source,
        dtype=model.dtype or "float32",
        use_safetensors=True,
        attn_implementation=model.attn_implementation,
        revision=revision,
    )
    return network, tokenizer


def _trained_adapter(
    model: ModelConfig, folder: Path
) -> tuple[Network, PreTrainedTokenizerBase]:
    """Return an adapter on its base, whose factors are trained on."""
    network, tokenizer = trained_model(
        replace(model, model_name_or_path=base_reference(folder))
    )
    adapted = PeftModel.from_pretrained(network, str(folder), is_trainable=True)
    return adapted, adapter_tokenizer(tokenizer, folder)


def set_chat_template(
    tokenizer: PreTrainedTokenizerBase, training: TrainingConfig
) -> None:
    """Give the tokenizer the template of a file, ``chat_template_path``."""
    if not isinstance(training, SFTConfig) or training.chat_template_path is None:
        return
    named = training.chat_template_path
    file = _template_file(named)
    if file is None:
        raise SettingsError(f"There is no file {named}. Correct chat_template_path.")
    tokenizer.chat_template = file.read_text(encoding="utf-8")
    training.chat_template_path = None  # TRL would look from the current folder only


def _template_file(named: str) -> Path | None:
    return next((p for p in (Path(named), ROOT / named) if p.is_file()), None)


def train(name_or_path: str, overrides: Sequence[str] = ()) -> Path:
    """Run a stage by its settings; return the folder of the finished checkpoint.

    Stopped and started again, it resumes from its last saved step; a finished run is
    left as it is.
    """
    stage, training, model = load_settings(name_or_path, overrides)
    folder = Path(training.output_dir or "")
    with at_work(folder):
        return _trained(stage, training, model, folder)


def _trained(
    stage: StageConfig, training: TrainingConfig, model: ModelConfig, folder: Path
) -> Path:
    settings = run_settings_of(stage, training, model)
    with training.main_process_first(local=False):
        resume = open_run(folder, settings)
    result = folder / (stage.name or "model")
    if (result / CARD).is_file():  # written aside and renamed, so it is whole
        return result
    training.logging_nan_inf_filter = False  # else the log hides a NaN
    set_seed(training.seed)
    network, tokenizer = (
        fresh_model(stage, model.attn_implementation)
        if stage.stage == "base" and not model.model_name_or_path
        else trained_model(model)
    )
    set_chat_template(tokenizer, training)
    make_trainer = (
        _preference_trainer if stage.stage == "tl-po" else _instruction_trainer
    )
    trainer: Any = make_trainer(
        stage,
        training,
        network,
        tokenizer,
        processing_class=tokenizer,
        peft_config=None if isinstance(network, PeftModel) else get_peft_config(model),
        callbacks=[RunLog(folder)],
    )
    lengths = trainer.train_dataset["length"]
    if model.use_peft and is_sharded(trainer):
        raise SettingsError(
            "LoRA's weights cannot be merged while FSDP or DeepSpeed spreads them. Set "
            "use_peft to false, or launch without a sharding configuration."
        )
    if stage.optimizer == "muon":
        # Only now: with LoRA the trainer has replaced the trained parameters.
        trainer.optimizer = MuonWithAdamW(
            trainer.model, training.learning_rate, training.weight_decay
        )
    trainer.train(resume_from_checkpoint=resume)
    tokens = int(sum(lengths) * trainer.state.epoch)
    card = _card(stage, model, settings, folder)
    return save_checkpoint(
        trainer,
        result,
        {**card, "samples": len(lengths), "tokens": tokens},
        adapter_of=card["base"] if stage.adapter else "",
    )


def _instruction_trainer(
    stage: StageConfig,
    training: TrainingConfig,
    network: Network,
    tokenizer: PreTrainedTokenizerBase,
    **options: Any,
) -> Trainer:
    """Return the trainer of the base and of XE-IT: the answers of conversations."""
    rows = tokenised(
        tokenizer,
        _conversations(stage, training, network, tokenizer),
        training.max_length,
        learn_all=stage.learn == "all",
    )
    return AnswerLossTrainer(
        model=network, args=training, train_dataset=rows, **options
    )


def _preference_trainer(
    stage: StageConfig,
    training: TrainingConfig,
    network: Network,
    tokenizer: PreTrainedTokenizerBase,
    **options: Any,
) -> Trainer:
    """Return the trainer of TL-PO: one answer preferred to another."""
    pairs = read_preferences(stage.data)
    rows = preference_rows(tokenizer, pairs, training.max_length)
    return preference_trainer(
        stage.objective,
        network,
        training,
        rows,
        learn_all=stage.learn == "all",
        **options,
    )


def _conversations(
    stage: StageConfig,
    training: TrainingConfig,
    network: Any,
    tokenizer: PreTrainedTokenizerBase,
) -> list[list[Message]]:
    if stage.data != "atlas":
        return read_dataset(stage.data)
    wrong: list[FactQuery] = []
    if stage.forgotten:
        wrong = forgotten_facts(
            TransformersEngine(network, tokenizer, network.device), atlas()
        )
        logger.warning("%d facts are forgotten, each in one language", len(wrong))
    return atlas_conversations(
        stage.mix or stage.stage,
        stage.samples,
        training.seed,
        cross_lingual=stage.cross_lingual,
        again=wrong * stage.forgotten,
    )


def run_settings_of(
    stage: StageConfig, training: TrainingConfig, model: ModelConfig
) -> dict[str, object]:
    """Return the settings that define a run, without where and how it is written."""
    of_training = [*RUN_SETTINGS, "max_length"]
    if stage.stage == "tl-po":
        of_training += PREFERENCE_SETTINGS
    settings = asdict(stage)
    settings |= {
        name: getattr(training, name) for name in of_training if hasattr(training, name)
    }
    settings |= {name: getattr(model, name) for name in MODEL_SETTINGS}
    settings |= data_digest(stage.data)
    if isinstance(training, SFTConfig):
        named = training.chat_template_path
        settings["chat_template_path"] = named
        if named is not None and (file := _template_file(named)) is not None:
            settings["chat_template_sha256"] = file_digest(file)
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in settings.items()
    }


def _base_of_adapter(reference: str) -> str:
    path = resolve(reference).path
    is_one = path is not None and is_adapter(path)
    return base_reference(path) if path is not None and is_one else reference


def _card(
    stage: StageConfig, model: ModelConfig, settings: Mapping[str, object], folder: Path
) -> Json:
    """Return what ``xkde.checkpoints.Card`` reads, and the last logged step."""
    source = model.model_name_or_path or ""
    name, base = stage.name or "model", Path(source).name or source
    earlier = Path(source) / CARD
    before = json.loads(earlier.read_text("utf-8")) if earlier.is_file() else {}
    if stage.adapter:  # its base is looked up by this
        base = _base_of_adapter(source)
    elif base == name:  # a further round: its base is that of the round before
        base = before.get("base", "")
    is_lte = stage.stage == "xe-it" and not stage.cross_lingual
    kind = "lte" if is_lte else stage.stage
    return {
        "name": name,
        "label": f"{name}, {TITLES[kind]}{f' on {base}' if base else ''}",
        "base": base,
        "stage": kind,
        "data": stage.data,
        "settings": dict(settings),
        "training": last_log(folder),
        "before": before,
    }


class AnswerLossTrainer(SFTTrainer):
    """SFTTrainer that projects onto the vocabulary at answer positions only.

        loss = -1/N * sum over answer tokens t of log p(x_t | x_<t)

    The loss is SFTTrainer's own, averaged over the whole step; a test holds the two
    against each other. What differs is the cost: a batch of 24 short answers behind
    long prompts projects about 120 rows rather than 1,500, and with a vocabulary of
    262,144 that is most of a step. The model's own forward is called, so DDP,
    DeepSpeed, FSDP and LoRA work as they do in SFTTrainer.
    """

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, object]:
        """Return the mean negative log-likelihood of the labelled tokens.

        ``input_ids`` and ``labels`` are (batch, time); position t predicts label t + 1.
        """
        labels = inputs["labels"][:, 1:]
        is_answer = labels != IGNORED  # (batch, time - 1)
        predicts = functional.pad(is_answer, (0, 1))  # the last position predicts none
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        # (batch, time, width) becomes (1, answer tokens, width) at the head's door.
        # Slicing whole columns would project every row of the batch at each of them.
        hook = head.register_forward_pre_hook(
            lambda _, hidden_states: (hidden_states[0][predicts].unsqueeze(0),)
        )
        try:
            outputs = model(
                **{name: given for name, given in inputs.items() if name != "labels"},
                use_cache=False,
            )
        finally:
            hook.remove()
        total = functional.cross_entropy(
            outputs.logits[0].float(), labels[is_answer], reduction="sum"
        )
        count = is_answer.sum() if num_items_in_batch is None else num_items_in_batch
        loss = total / torch.as_tensor(count, device=total.device).clamp(min=1)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            # The count is of every process, and DDP averages the gradients over them.
            loss = loss * (self.accelerator.num_processes // self.get_tp_size())
        return (loss, outputs) if return_outputs else loss


MUON_SCALE = 5.0  # Muon's learning rate / AdamW's, chosen on Atlas


class MuonWithAdamW(torch.optim.Optimizer):
    """Muon for a model's matrices, AdamW for its other parameters, as one optimizer.

    Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/) replaces the
    momentum of a matrix by the nearest orthogonal one; it learns rare facts in fewer
    steps. Embeddings, the vocabulary's projection, norms and biases go to AdamW.
    """

    def __init__(self, model: nn.Module, lr: float, weight_decay: float) -> None:
        of_words: list[nn.Module] = [
            module for module in model.modules() if isinstance(module, nn.Embedding)
        ]
        head = getattr(model, "get_output_embeddings", None)
        own_head = head() if callable(head) else None  # its own, if it is not tied
        of_words += [] if own_head is None else [own_head]
        embedded = {id(p) for module in of_words for p in module.parameters()}
        trained = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in trained if p.ndim == 2 and id(p) not in embedded]
        others = [p for p in trained if p.ndim != 2 or id(p) in embedded]
        # Groups may be empty: LoRA has matrices only.
        muon = torch.optim.Muon(
            [{"params": matrices}],
            lr=lr * MUON_SCALE,
            weight_decay=weight_decay / MUON_SCALE,
        )
        adamw = torch.optim.AdamW(
            [{"params": others}], lr=lr, betas=(0.9, 0.98), weight_decay=0.0
        )
        self.parts: tuple[torch.optim.Optimizer, ...] = (muon, adamw)
        super().__init__([{"params": matrices}, {"params": others}], {"lr": lr})
        # Shared groups: a scheduler that sets a rate here sets it in both.
        self.param_groups = [*muon.param_groups, *adamw.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> Any:
        """Take one step with each; a closure is called once."""
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Reset the gradients."""
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, object]:
        """Return the states of both."""
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the states of both, and share their groups again."""
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [g for part in self.parts for g in part.param_groups]
