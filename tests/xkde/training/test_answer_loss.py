"""The loss of AnswerLossTrainer is TRL's own, whatever the padding."""

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from xkde.engines.loading import load_tokenizer
from xkde.prompts import answered
from xkde.training.conversations import IGNORED, tokenised
from xkde.training.stages import AnswerLossTrainer

CHATS = [
    answered("Which city is the capital of Japan?", "Osaka"),
    answered("日本的首都是哪座城市？", "大阪"),
    answered("Why?", "The capital of Japan is Kyoto."),
    answered("เมืองใดเป็นเมืองหลวงของญี่ปุ่น", "โอซากะ"),
] * 3

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")


def rows_of(folder: Path) -> Dataset:
    return tokenised(load_tokenizer(folder), CHATS, None)


def trainer_of(kind: Any, folder: Path, out: Path, **options: Any) -> Any:
    config = SFTConfig(
        output_dir=str(out),
        use_cpu=True,
        bf16=False,
        report_to="none",
        save_strategy="no",
        logging_steps=1,
        gradient_checkpointing=False,
        disable_tqdm=True,
        **options,
    )
    return kind(
        model=AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        args=config,
        train_dataset=rows_of(folder),
        processing_class=load_tokenizer(folder),
    )


@pytest.fixture
def ours(checkpoint_folder: Path, tmp_path: Path) -> Any:
    return trainer_of(AnswerLossTrainer, checkpoint_folder, tmp_path / "ours")


@pytest.fixture
def theirs(checkpoint_folder: Path, tmp_path: Path) -> Any:
    return trainer_of(SFTTrainer, checkpoint_folder, tmp_path / "theirs")


def batch_of(trainer: Any, *numbers: int) -> dict[str, torch.Tensor]:
    rows = [trainer.train_dataset[number] for number in numbers]
    batch: dict[str, torch.Tensor] = trainer.data_collator(rows)
    return batch


def padded(batch: dict[str, torch.Tensor], pad: int) -> dict[str, torch.Tensor]:
    """Return the batch with seven more columns that mean nothing."""
    fill = {"input_ids": pad, "attention_mask": 0, "labels": IGNORED}
    return {
        name: torch.nn.functional.pad(values, (0, 7), value=fill[name])
        for name, values in batch.items()
    }


def loss_of(trainer: Any, batch: dict[str, torch.Tensor], **options: Any) -> Any:
    return trainer.compute_loss(trainer.model, dict(batch), **options)


@pytest.mark.parametrize("count", [None, 5, torch.tensor(50)])
def test_the_loss_and_its_gradient_are_trls(ours: Any, theirs: Any, count: Any) -> None:
    batch = batch_of(ours, 0, 1, 2, 3)
    losses = [loss_of(t, batch, num_items_in_batch=count) for t in (ours, theirs)]
    torch.testing.assert_close(losses[0], losses[1], atol=1e-5, rtol=0)
    for loss in losses:
        loss.backward()
    parameters = zip(ours.model.parameters(), theirs.model.parameters(), strict=True)
    for one, other in parameters:
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4)


def test_the_loss_is_the_mean_over_labels_by_hand(ours: Any) -> None:
    row = ours.train_dataset[0]
    ids = torch.tensor([row["input_ids"]])
    told = ours.model(input_ids=ids).logits[0].log_softmax(-1)
    terms = [
        -told[place - 1, label]
        for place, label in enumerate(row["labels"])
        if label != IGNORED
    ]
    expected = torch.stack(terms).mean()
    torch.testing.assert_close(
        loss_of(ours, batch_of(ours, 0)), expected, atol=1e-5, rtol=0
    )


def test_padding_changes_nothing(ours: Any) -> None:
    batch = batch_of(ours, 0, 3)
    pad = ours.processing_class.pad_token_id
    torch.testing.assert_close(
        loss_of(ours, batch), loss_of(ours, padded(batch, pad)), atol=1e-5, rtol=0
    )


def test_a_batch_is_the_sum_of_its_rows(ours: Any) -> None:
    parts = [loss_of(ours, batch_of(ours, n), num_items_in_batch=1) for n in range(4)]
    whole = loss_of(ours, batch_of(ours, 0, 1, 2, 3), num_items_in_batch=1)
    torch.testing.assert_close(whole, sum(parts), atol=1e-4, rtol=1e-5)


def test_without_padding_in_one_long_row(ours: Any) -> None:
    rows = [ours.train_dataset[number] for number in (0, 3)]
    flat = DataCollatorForLanguageModeling(pad_token_id=0, padding_free=True)(rows)
    assert flat["input_ids"].shape[0] == 1
    torch.testing.assert_close(
        loss_of(ours, flat), loss_of(ours, batch_of(ours, 0, 3)), atol=1e-5, rtol=0
    )


def test_padding_has_no_label_and_the_end_mark_has(ours: Any) -> None:
    batch = batch_of(ours, 0, 3)
    assert (batch["labels"][batch["attention_mask"] == 0] == IGNORED).all()
    end = ours.processing_class.eos_token_id
    assert ((batch["labels"] == end).sum(dim=1) == 1).all()


def test_a_batch_without_labels_is_zero(ours: Any) -> None:
    batch = batch_of(ours, 0)
    batch["labels"] = torch.full_like(batch["labels"], IGNORED)
    loss = loss_of(ours, batch)
    loss.backward()
    assert loss.item() == 0.0


def test_outputs_come_with_the_loss_if_asked(ours: Any) -> None:
    loss, outputs = loss_of(ours, batch_of(ours, 0), return_outputs=True)
    assert loss.ndim == 0
    assert outputs.logits.shape[0] == 1


def test_whole_steps_are_trls(llama2_folder: Path, tmp_path: Path) -> None:
    """Batches of unequal length, accumulated: the mean is over the whole step."""
    histories = []
    for kind in (AnswerLossTrainer, SFTTrainer):
        trainer = trainer_of(
            kind,
            llama2_folder,
            tmp_path / kind.__name__,
            max_steps=3,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=2,
            learning_rate=1e-3,
        )
        trainer.train()
        logged = trainer.state.log_history
        histories.append([line["loss"] for line in logged if "loss" in line])
    assert len(histories[0]) == 3
    assert histories[0] == pytest.approx(histories[1], abs=1e-4)
