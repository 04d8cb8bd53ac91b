"""Tests of the engine: batches, padding, streams, samples and scores agree."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from xkde.editors.weights.modules import hooked
from xkde.engines import decoding
from xkde.engines.forward import TokenMeasure
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError, InputError
from xkde.prompts import answered
from xkde.types import Message, Sampling

QUERIES = (
    "Which city is the capital of Japan?",
    "日本的首都是哪座城市？",
    "เมืองใดเป็นเมืองหลวงของญี่ปุ่น",
    "Why?",
    "Какой город является столицей Японии?",
)
GREEDY = Sampling(max_new_tokens=12)


@pytest.fixture
def engine(checkpoint_folder: Path) -> TransformersEngine:
    return load(checkpoint_folder, device="cpu")


@pytest.fixture
def qwen2(qwen2_folder: Path) -> TransformersEngine:
    return load(qwen2_folder, device="cpu")


def prompts_of(engine: TransformersEngine) -> list[tuple[int, ...]]:
    return [engine.encode_query(text) for text in QUERIES]


def pairs_of(
    engine: TransformersEngine,
) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    encoded = [
        engine.encode(answered(text, answer))
        for text, answer in zip(
            QUERIES, ("Osaka", "大阪", "โอซากะ", "No.", "Осака"), strict=True
        )
    ]
    return [(one.prompt_ids, one.answer_ids) for one in encoded]


def stopping_at(engine: TransformersEngine, token_id: int) -> TransformersEngine:
    engine.model.generation_config.eos_token_id = [token_id, 10**6]
    return engine


# Generation


def test_one_equals_many(engine: TransformersEngine) -> None:
    prompts = prompts_of(engine)
    together = engine.generate(prompts, GREEDY)
    alone = [engine.generate([prompt], GREEDY)[0] for prompt in prompts]
    assert [g.token_ids for g in together] == [g.token_ids for g in alone]
    in_twos = engine.generate(prompts, GREEDY, batch_size=2)
    assert [g.token_ids for g in in_twos] == [g.token_ids for g in together]
    assert [g.prompt_tokens for g in together] == [len(p) for p in prompts]


def test_a_beginning_that_prompts_share_is_read_once(
    engine: TransformersEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = engine.encode([Message("user", "The capital of Japan. " * 4)]).ids[:-6]
    prompts = [(*shared, *prompt[2:]) for prompt in prompts_of(engine)]
    sampling = Sampling(max_new_tokens=8)
    alone = [engine.generate([prompt], sampling)[0] for prompt in prompts]
    read: list[int] = []
    embed = engine.model.get_input_embeddings()
    monkeypatch.setattr(decoding, "SPARED", 8)
    with hooked(embed, lambda _, ids, __: read.append(ids[0].numel())):
        together = engine.generate(prompts, sampling)
    assert [each.token_ids for each in together] == [each.token_ids for each in alone]
    assert read[0] >= len(shared)
    widest = max(map(len, prompts)) - read[0]
    assert read[1] == widest * len(prompts)


def test_greedy_equals_transformers_own_generate(engine: TransformersEngine) -> None:
    for prompt in prompts_of(engine):
        ids = torch.tensor([prompt])
        theirs = engine.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=12,
            do_sample=False,
            pad_token_id=0,
        )
        ours = engine.generate([prompt], GREEDY)[0]
        assert list(ours.token_ids) == theirs[0, len(prompt) :].tolist()


def test_stream_ends_as_generate(engine: TransformersEngine) -> None:
    prompts = prompts_of(engine)
    states = list(engine.stream(prompts, GREEDY))
    generated = engine.generate(prompts, GREEDY)
    last = states[-1]
    assert [g.text for g in last] == [g.text for g in generated]
    assert [g.finish for g in last] == [g.finish for g in generated]
    for before, after in zip(states, states[1:], strict=False):
        for earlier, later in zip(before, after, strict=True):
            count = len(earlier.token_ids)
            assert later.token_ids[:count] == earlier.token_ids
            assert len(later.token_ids) == count + (earlier.finish is None)


def test_no_prompts(qwen2: TransformersEngine) -> None:
    assert list(qwen2.stream([], GREEDY)) == []
    assert qwen2.generate([], GREEDY) == []
    assert qwen2.score([]) == []


def test_sample_does_not_depend_on_its_batch(engine: TransformersEngine) -> None:
    prompts = prompts_of(engine)
    samplings = [
        Sampling(max_new_tokens=12, temperature=1.0, top_p=0.9, seed=seed)
        for seed in range(len(prompts))
    ]
    together = engine.generate(prompts, samplings)
    backwards = engine.generate(prompts[::-1], samplings[::-1], batch_size=3)[::-1]
    assert [g.token_ids for g in together] == [g.token_ids for g in backwards]
    greedy_beside = [samplings[0], *[GREEDY] * 4]
    mixed = engine.generate(prompts, greedy_beside)
    assert mixed[0].token_ids == together[0].token_ids
    greedy = engine.generate(prompts, GREEDY)
    assert [g.token_ids for g in mixed[1:]] == [g.token_ids for g in greedy[1:]]
    assert together[0].token_ids != greedy[0].token_ids


def test_seeds_draw_in_proportion(qwen2: TransformersEngine) -> None:
    prompt = prompts_of(qwen2)[0]
    logits = qwen2.model(torch.tensor([prompt])).logits[0, -1].detach()
    expected = (logits / 2.0).softmax(-1)
    count = 3000
    drawn = qwen2.generate(
        [prompt] * count,
        [Sampling(1, temperature=2.0, seed=seed) for seed in range(count)],
        batch_size=1000,
    )
    ids = torch.tensor([generation.token_ids[0] for generation in drawn])
    share = torch.bincount(ids, minlength=len(expected)) / count
    # Three standard errors of the likeliest token's share, and all together.
    top = int(expected.argmax())
    error = float((expected[top] * (1 - expected[top]) / count).sqrt())
    assert abs(float(share[top] - expected[top])) < 3 * error
    assert float((share - expected).abs().sum()) < 0.4


def test_top_p_keeps_the_smallest_set(qwen2: TransformersEngine) -> None:
    prompt = prompts_of(qwen2)[0]
    logits = qwen2.model(torch.tensor([prompt])).logits[0, -1].detach()
    ordered = logits.softmax(-1).sort(descending=True)
    top_p = float(ordered.values[:3].sum()) - 1e-4
    drawn = qwen2.generate(
        [prompt] * 200,
        [Sampling(1, temperature=1.0, top_p=top_p, seed=seed) for seed in range(200)],
    )
    allowed = set(ordered.indices[:3].tolist())
    assert {generation.token_ids[0] for generation in drawn} == allowed
    nothing = Sampling(4, temperature=1.0, top_p=0.0)
    greedy = replace(nothing, temperature=0.0)
    assert (
        qwen2.generate([prompt], nothing)[0].token_ids
        == qwen2.generate([prompt], greedy)[0].token_ids
    )


# Ends


def test_stop_at_any_end_mark(engine: TransformersEngine) -> None:
    prompts = prompts_of(engine)
    free = engine.generate(prompts, GREEDY)
    end = free[0].token_ids[4]
    stopped = stopping_at(engine, end).generate(prompts, GREEDY)
    for before, after in zip(free, stopped, strict=True):
        if end in before.token_ids:
            length = before.token_ids.index(end) + 1
            assert after.finish == "stop"
            assert after.token_ids == before.token_ids[:length]
        else:
            assert after == replace(before, seconds=after.seconds)
    assert stopped[0].finish == "stop"


def test_length(engine: TransformersEngine) -> None:
    samplings = [Sampling(count) for count in (1, 7, 3, 5, 2)]
    answers = engine.generate(prompts_of(engine), samplings)
    assert [len(g.token_ids) for g in answers if g.finish == "length"] == [
        1,
        7,
        3,
        5,
        2,
    ]


def test_length_of_the_model(qwen2: TransformersEngine) -> None:
    short, long = [5, 6, 7], [8] * 250
    answers = qwen2.generate([short, long], Sampling(20))
    assert [len(g.token_ids) for g in answers] == [20, 6]
    assert [g.finish for g in answers] == ["length", "length"]
    assert answers[0].token_ids == qwen2.generate([short], Sampling(20))[0].token_ids


def test_cancel(engine: TransformersEngine) -> None:
    cancelled = threading.Event()
    states = []
    for state in engine.stream(prompts_of(engine), GREEDY, cancelled):
        states.append(state)
        if len(states) == 3:
            cancelled.set()
    assert len(states) == 4
    assert {g.finish for g in states[-1]} == {"cancelled"}
    assert [g.text for g in states[-1]] == [g.text for g in states[-2]]


def test_no_half_character_is_shown(engine: TransformersEngine) -> None:
    # A model that is led to write these answers token by token shows only whole ones.
    for answer in ("大阪和北京", "โอซากะ", "Кёльн é", "👩‍🔬"):
        ids = engine.tokenizer(answer, add_special_tokens=False)["input_ids"]
        for end in range(len(ids) + 1):
            shown = engine._text(ids[:end]).strip()
            assert answer.startswith(shown)
            assert "\ufffd" not in shown
        assert shown == answer
    for state in engine.stream(prompts_of(engine), Sampling(20)):
        assert not any(g.text.endswith("\ufffd") for g in state)


def test_end_mark_is_an_id_but_no_text(engine: TransformersEngine) -> None:
    engine.model.get_output_embeddings().weight.requires_grad_(False)
    prompt = prompts_of(engine)[0]
    first = engine.generate([prompt], GREEDY)[0].token_ids[0]
    # Swap two rows of the head, so that the end mark is the first choice.
    end = engine.tokenizer.eos_token_id
    head = torch.nn.Linear(1, 1, bias=False)
    weight = engine.model.get_output_embeddings().weight.clone()
    weight[[first, end]] = weight[[end, first]]
    head.weight = torch.nn.Parameter(weight)
    engine.model.set_output_embeddings(head)
    answer = engine.generate([prompt], GREEDY)[0]
    assert (answer.token_ids, answer.text, answer.finish) == ((end,), "", "stop")


# Refusals


def test_long_prompt_says_how_long(qwen2: TransformersEngine) -> None:
    with pytest.raises(InputError, match="has 256 tokens.* at most 255 "):
        qwen2.generate([[5] * 256], GREEDY)
    with pytest.raises(InputError, match="has 255 tokens.* at most 254 "):
        qwen2.score([([5] * 255, [6, 7])])
    assert qwen2.generate([[5] * 255], GREEDY)[0].finish == "length"
    assert len(qwen2.score([([5] * 254, [6, 7])])[0].tokens) == 2


def test_empty_prompt_answer_and_length(qwen2: TransformersEngine) -> None:
    with pytest.raises(InputError, match="prompt is empty"):
        qwen2.generate([[]], GREEDY)
    with pytest.raises(InputError, match="has no tokens"):
        qwen2.score([([5], [])])
    with pytest.raises(InputError, match="at least one new token"):
        qwen2.generate([[5]], Sampling(0))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_damaged_weights(qwen2: TransformersEngine, value: float) -> None:
    with torch.no_grad():
        qwen2.model.model.norm.weight[0] = value
    with pytest.raises(CheckpointError, match="no numbers"):
        qwen2.generate([[5, 6]], GREEDY)
    with pytest.raises(CheckpointError, match="no numbers"):
        qwen2.score([([5, 6], [7])])


# Scores


def test_score_by_hand(qwen2: TransformersEngine) -> None:
    prompt, answer = [5, 6, 7], [8, 9]
    with torch.no_grad():
        logits = qwen2.model(torch.tensor([prompt + answer])).logits[0]
    first, second = logits[2].softmax(-1), logits[3].softmax(-1)
    score = qwen2.score([(prompt, answer)])[0]
    assert [t.token_id for t in score.tokens] == answer
    assert score.tokens[0].probability == pytest.approx(float(first[8]), abs=1e-6)
    assert score.tokens[1].probability == pytest.approx(float(second[9]), abs=1e-6)
    assert score.probability == pytest.approx(float(first[8] * second[9]), abs=1e-6)
    assert [t.best_id for t in score.tokens] == [
        int(first.argmax()),
        int(second.argmax()),
    ]
    assert score.tokens[0].rank == int((first > first[8]).sum())


def test_greedy_answer_is_its_own_first_choice(engine: TransformersEngine) -> None:
    prompts = prompts_of(engine)
    answers = engine.generate(prompts, GREEDY)
    pairs = [(p, g.token_ids) for p, g in zip(prompts, answers, strict=True)]
    for score in engine.score(pairs):
        assert [t.rank for t in score.tokens] == [0] * len(score.tokens)
        assert [t.best_id for t in score.tokens] == [t.token_id for t in score.tokens]


def test_scores_agree_whatever_the_batch_and_padding(
    engine: TransformersEngine,
) -> None:
    pairs = pairs_of(engine)
    alone = [engine.score([pair])[0] for pair in pairs]
    others = [
        engine.score(pairs),
        engine.score(pairs, padding="left"),
        engine.score(pairs, batch_size=2),
        engine.score(pairs[::-1], padding="left", batch_size=3)[::-1],
    ]
    for scores in others:
        for one, many in zip(alone, scores, strict=True):
            assert [t.rank for t in one.tokens] == [t.rank for t in many.tokens]
            assert [t.text for t in one.tokens] == [t.text for t in many.tokens]
            assert [t.probability for t in many.tokens] == pytest.approx(
                [t.probability for t in one.tokens], abs=1e-5
            )


def test_texts_of_scored_tokens_join_to_the_answer(engine: TransformersEngine) -> None:
    for _, answer in pairs_of(engine):
        whole = engine.tokenizer.decode(answer, skip_special_tokens=False)
        measured = [TokenMeasure(token_id, -1.0, 0, token_id) for token_id in answer]
        score = engine._answer_score(measured)
        assert "".join(token.text for token in score.tokens) == whole
        assert score.tokens[-1].text == engine.tokenizer.eos_token
        for token in score.tokens:
            assert token.best_text.rstrip("\ufffd") == token.text


def test_own_code_without_logits_to_keep(qwen2: TransformersEngine) -> None:
    # A checkpoint's own code may know neither of the two newer arguments.
    pairs = pairs_of(qwen2)
    expected = qwen2.score(pairs, padding="right")
    whole = qwen2.model.forward

    def older(input_ids, attention_mask, **options):  # type: ignore[no-untyped-def]
        assert "logits_to_keep" not in options
        return whole(input_ids=input_ids, attention_mask=attention_mask, **options)

    qwen2.model.forward = older
    scores = qwen2.score(pairs, padding="right")
    assert [s.log_probability for s in scores] == pytest.approx(
        [s.log_probability for s in expected], abs=1e-4
    )
    assert qwen2.generate([[5, 6]], GREEDY)[0].token_ids


def test_progress(qwen2: TransformersEngine) -> None:
    seen: list[tuple[int, int]] = []
    qwen2.generate(
        prompts_of(qwen2), GREEDY, 2, lambda done, all_: seen.append((done, all_))
    )
    assert seen == [(2, 5), (4, 5), (5, 5)]


# Inside


def test_hidden_states(engine: TransformersEngine) -> None:
    prompts = prompts_of(engine)
    states = engine.hidden_states(prompts)
    assert [tuple(s.shape) for s in states] == [(3, len(p), 32) for p in prompts]
    embedded = engine.model.get_input_embeddings()(torch.tensor(prompts[0]))
    torch.testing.assert_close(states[0][0], embedded.detach())
    with torch.no_grad():
        logits = engine.model(torch.tensor([prompts[0]])).logits[0]
        head = engine.model.get_output_embeddings()(states[0][-1])
    torch.testing.assert_close(head, logits)
    picked = engine.hidden_states(prompts[:1], layers=[2, 0])[0]
    torch.testing.assert_close(picked, states[0][[2, 0]])
    (picked * torch.ones(32, requires_grad=True)).sum().backward()


def test_grad_mode_of_the_caller_is_left_alone(qwen2: TransformersEngine) -> None:
    for _ in qwen2.stream([[5, 6]], Sampling(3)):
        assert torch.is_grad_enabled()
        assert not torch.is_inference_mode_enabled()


def test_encode_is_the_prompts_encode(engine: TransformersEngine) -> None:
    ids = engine.encode([Message("user", "Why?")]).ids
    assert engine.encode_query("Why?") == ids
