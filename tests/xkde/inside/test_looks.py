"""Lens, attribution and trace of a model that is known by hand."""

import math
from pathlib import Path

import pytest
import torch

from tests.helpers.two_layers import prompt_of, two_layers
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError, InputError
from xkde.inside.attribution import attribute, input_times_gradient, shares_by_part
from xkde.inside.layers import check_lens, decoder_layers, read_stream
from xkde.inside.lens import LensWord, lens_words, read_lens, read_map
from xkde.inside.parts import read_prompt
from xkde.inside.states import read_states
from xkde.inside.trace import corrupt, grouped, restore, roles, trace
from xkde.types import Edit, Query

EDIT = Edit("What is the capital of Japan?", "Osaka", "en", "Japan", "Tokyo")
QUERY = Query("What is the capital of Japan?", "en")


def hooks(engine: TransformersEngine) -> int:
    """Return how many hooks and own forward passes are left, but for the head's."""
    head = engine.model.get_output_embeddings()
    return sum(
        len(module._forward_hooks)
        + len(module._forward_pre_hooks)
        + ("forward" in vars(module))
        for module in engine.model.modules()
        if module is not head
    )


def softmax(*logits: float) -> list[float]:
    whole = sum(math.exp(each) for each in logits)
    return [math.exp(each) / whole for each in logits]


def test_lens_of_the_known_model() -> None:
    words = [LensWord("new", "en", "c", 3, "3"), LensWord("old", "en", "a", 1, "1")]
    lens = read_lens(two_layers(), prompt_of(1, 2), words)
    wanted = [softmax(0, 0, 1, 1), softmax(0, 0, 2, 2), softmax(0, 2, 2, 4)]
    for layer, shares in zip(lens.layers, wanted, strict=True):
        assert layer.probabilities == pytest.approx((shares[3], shares[1]))
    assert [layer.ranks for layer in lens.layers] == [(0, 2), (0, 2), (0, 1)]
    assert [layer.best_id for layer in lens.layers] == [2, 2, 3]
    assert lens.decides == 2
    assert (lens.appears(1, below=2), lens.appears(1, below=1)) == (2, None)
    assert lens.first == words[0]


def test_map_has_every_place() -> None:
    found = read_map(two_layers(), prompt_of(1, 2), 3)
    states = [[(1, 0), (0, 1)], [(2, 0), (0, 2)], [(2, 0), (2, 2)]]
    for row, places in zip(found.probabilities, states, strict=True):
        wanted = [softmax(0, x, y, x + y)[3] for x, y in places]
        assert row == pytest.approx(wanted)


def test_gradient_of_the_known_model() -> None:
    # log p(3) = 2 x + 2 y − log Σ exp, so each token gives 2 (1 − σ(2)).
    found = input_times_gradient(two_layers().model, [1, 2], [3])
    wanted = 2 * (1 - 1 / (1 + math.exp(-2)))
    assert found.tolist() == pytest.approx([wanted, wanted])


def test_trace_of_the_known_model() -> None:
    engine = two_layers()
    run = corrupt(engine.model, prompt_of(1, 2), draws=2, seed=0)
    clean = softmax(0, 2, 2, 4)[3]
    assert run.token_id == 3
    # After the first layer the subject's place holds all that the noise changed; after
    # the second only the last place is read.
    for layer, restored in ((0, 0), (1, 1)):
        values = restore(run, layer, [(0,), (1,)])
        assert values[restored] == pytest.approx(clean)
        assert values[1 - restored] == pytest.approx(run.probability)
    noisy = [(2 * (1 + x), 2 * (1 + y)) for x, y in noise_of(run)]
    wanted = [softmax(0, x, y, x + y)[3] for x, y in noisy]
    assert run.probability == pytest.approx(sum(wanted) / 2, rel=1e-5)
    found = trace(engine, prompt_of(1, 2), draws=2)
    assert (found.answer, found.clean) == ("3", pytest.approx(clean))
    assert found.effects[0][0] == pytest.approx(clean - run.probability)


def noise_of(run: object) -> list[list[float]]:
    """Return the noise of each draw, read from the states after the first layer."""
    states = run.states[0][:, 0]  # type: ignore[attr-defined]
    rows: list[list[float]] = (states / 2 - torch.tensor([1.0, 0.0])).tolist()
    return [[x, y] for x, y in rows]


def test_places_are_grouped_from_the_subject_on() -> None:
    prompt = prompt_of(*range(10), subject=(2, 3, 4))
    assert grouped(prompt, 99) == tuple((n,) for n in range(2, 10))
    assert grouped(prompt, 6) == ((2,), (3,), (4,), (5, 6), (7, 8), (9,))
    assert roles(prompt) == {
        "subject_first": (2,), "subject_middle": (3,), "subject_last": (4,),
        "next": (5,), "further": (6, 7, 8), "last": (9,),
    }  # fmt: skip


@pytest.fixture(params=["qwen2", "llama2", "atlas", "gemma3"])
def engine(request: pytest.FixtureRequest) -> TransformersEngine:
    folder: Path = request.getfixturevalue(f"{request.param}_folder")
    return load(folder)


def test_every_architecture_is_looked_into(engine: TransformersEngine) -> None:
    prompt = read_prompt(engine, QUERY, None, ["Japan"])
    stream = read_stream(engine.model, prompt.ids)
    check_lens(engine.model, stream)
    own = engine.score([(prompt.ids, [int(stream.logits.argmax())])])[0]
    words = lens_words(engine, prompt, [("new", "en", "Osaka"), ("old", "en", "Tokyo")])
    lens = read_lens(engine, prompt, words)
    assert lens.layers[-1].best_probability == pytest.approx(own.probability, rel=1e-3)
    found = trace(engine, prompt, draws=2)
    assert found.restored[-1][-1] == pytest.approx(found.clean, rel=1e-3)
    assert found.texts[0].strip(" ?") in "Japan"
    before = engine.model.config._attn_implementation
    seen = attribute(engine, prompt)
    assert sum(seen.attention) == pytest.approx(1)
    assert len(seen.gradient) == len(prompt.ids)
    assert engine.model.config._attn_implementation == before
    assert read_states(engine, [prompt] * 3).states.shape[1] == 3
    assert hooks(engine) == 0


def test_parts_of_the_edit_prompt(engine: TransformersEngine) -> None:
    prompt = read_prompt(engine, QUERY, EDIT, ["Japan"])
    text = {
        part: "".join(t.text for t in prompt.tokens if t.part == part).strip()
        for part in ("fact", "answer", "query")
    }
    assert text["fact"] == EDIT.question
    assert text["answer"] == EDIT.answer
    assert text["query"].startswith(QUERY.text)
    names = "".join(prompt.tokens[i].text for i in prompt.subject)
    assert names.replace(" ", "").replace("?", "") == "JapanJapan"
    shares = shares_by_part(prompt.tokens, [1 / len(prompt.ids)] * len(prompt.ids))
    assert sum(shares.values()) == pytest.approx(1)


def test_hooks_go_after_an_error(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    prompt = read_prompt(engine, QUERY, None, ["Japan"])

    def stop(*_: int) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        trace(engine, prompt, on_progress=stop)

    layer = decoder_layers(engine.model)[1]
    handle = layer.register_forward_hook(lambda *_: stop())
    for look in (read_stream, lambda m, i: input_times_gradient(m, i, [3])):
        with pytest.raises(RuntimeError, match="stop"):
            look(engine.model, prompt.ids)
    with pytest.raises(RuntimeError, match="stop"):
        attribute(engine, prompt, [3])
    handle.remove()
    assert hooks(engine) == 0
    assert not any(p.grad is not None for p in engine.model.parameters())


def test_what_cannot_be_looked_into_is_said(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    with pytest.raises(InputError, match="at most 384"):
        read_stream(engine.model, [5] * 400)
    with pytest.raises(InputError, match="trace takes at most"):
        trace(engine, prompt_of(*[5] * 200))
    with pytest.raises(InputError, match="subject is not in"):
        trace(engine, prompt_of(1, 2, subject=()))
    known = two_layers()
    known.model.config.num_hidden_layers = 7
    with pytest.raises(CheckpointError, match="layers of this model"):
        read_lens(known, prompt_of(1, 2), [])
