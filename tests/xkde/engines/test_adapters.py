"""A base and an adapter on one set of weights: each answers as it would alone."""

import json
import threading
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from tests.helpers.tiny_adapters import lora
from xkde.checkpoints import inspect_folder
from xkde.checkpoints.folders import CONFIG, base_reference, check_fits
from xkde.engines.loading import load, load_tokenizer, with_adapter
from xkde.engines.pool import Pool
from xkde.errors import CheckpointError
from xkde.types import Sampling

TEMPLATE = "{{ bos_token }}{% for m in messages %}{{ m.content }} ={% endfor %}"
IDS = [[5, 9, 20, 31, 40]]


@pytest.fixture(scope="module")
def adapter(llama2_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lora(llama2_folder, tmp_path_factory.mktemp("adapters") / "own", TEMPLATE)


def logits(network: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(torch.tensor(IDS)).logits
    return found


@pytest.mark.parametrize("merged_bytes", [0, 1 << 30])
def test_answers_as_peft_and_leaves_the_base(
    llama2_folder: Path, adapter: Path, merged_bytes: int
) -> None:
    base = load(llama2_folder)
    before = logits(base.model)
    adapted = with_adapter(base, adapter, merged_bytes)
    expected = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(llama2_folder), adapter
    )
    torch.testing.assert_close(logits(adapted.model), logits(expected))
    assert not torch.allclose(logits(adapted.model), before, atol=1e-2)
    assert torch.equal(logits(base.model), before)


def test_all_but_the_adapted_weights_are_shared(
    llama2_folder: Path, adapter: Path
) -> None:
    base = load(llama2_folder)
    merged = with_adapter(base, adapter)
    left = with_adapter(base, adapter, 0)
    own = {id(each) for each in base.model.parameters()}
    names = [n for n, each in merged.model.named_parameters() if id(each) not in own]
    assert names
    assert all("proj" in name for name in names)
    kept = [n for n, each in left.model.named_parameters() if id(each) not in own]
    assert all("lora_" in name for name in kept)
    assert merged.tokenizer.backend_tokenizer is base.tokenizer.backend_tokenizer


def test_each_has_its_own_template(llama2_folder: Path, adapter: Path) -> None:
    base = load(llama2_folder)
    adapted = load(adapter)
    assert load_tokenizer(adapter).chat_template == TEMPLATE
    asked = adapted.encode_query("Japan?")
    assert adapted.tokenizer.decode(asked).endswith("Japan? =")
    assert base.tokenizer.decode(base.encode_query("Japan?")).endswith("[/INST]")


def test_inspected_with_its_base(llama2_folder: Path, adapter: Path) -> None:
    base, info = inspect_folder(llama2_folder), inspect_folder(adapter)
    assert info.architecture == base.architecture
    assert info.parameters == base.parameters + info.adapter_parameters
    assert base.adapter_parameters == 0 < info.adapter_parameters


def test_another_base_is_refused(
    qwen2_folder: Path, llama2_folder: Path, adapter: Path, tmp_path: Path
) -> None:
    wrong = lora(llama2_folder, tmp_path / "wrong", named=str(qwen2_folder))
    with pytest.raises(CheckpointError, match="names two bases"):
        inspect_folder(wrong)
    config = json.loads((wrong / CONFIG).read_text())
    config["base_model_name_or_path"] = str(qwen2_folder)
    (wrong / CONFIG).write_text(json.dumps(config))
    assert base_reference(wrong) == str(qwen2_folder)
    base = load(llama2_folder)
    shapes = {name: tuple(w.shape) for name, w in base.model.named_parameters()}
    check_fits(adapter, shapes)
    wider = {name: tuple(2 * side for side in shape) for name, shape in shapes.items()}
    for other in (wider, {}):
        with pytest.raises(CheckpointError, match="belongs to another base"):
            check_fits(adapter, other)


def test_the_pool_loads_the_base_once(llama2_folder: Path, adapter: Path) -> None:
    loaded: list[Path] = []

    def counted(folder: Path) -> object:
        loaded.append(folder)
        return load(folder)

    pool, base, own = Pool(counted), str(llama2_folder), str(adapter)
    pool.start(own)
    assert pool.wait(own, 60).phase == "ready"
    assert pool.status(base).phase == "ready"
    assert loaded == [llama2_folder]
    with pool.use([base, own]) as (plain, adapted):
        embedding = plain.model.get_input_embeddings().weight
        assert adapted.model.get_input_embeddings().weight is embedding


def test_at_once_each_answers_as_alone(llama2_folder: Path, adapter: Path) -> None:
    base = load(llama2_folder)
    engines = [base, with_adapter(base, adapter, 0)]
    sampling = Sampling(max_new_tokens=12)
    alone = [engine.generate(IDS, sampling)[0].token_ids for engine in engines]
    assert alone[0] != alone[1]
    together: dict[int, list[tuple[int, ...]]] = {0: [], 1: []}

    def ask(index: int) -> None:
        for _ in range(5):
            answer = engines[index].generate(IDS, sampling)[0]
            together[index].append(answer.token_ids)

    threads = [threading.Thread(target=ask, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == {0: [alone[0]] * 5, 1: [alone[1]] * 5}
