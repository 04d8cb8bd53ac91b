"""What each model is sent, what to expect of it, and both answers side by side."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xkde.asking.expected_answers import (
    Recognised,
    TypedQuestion,
    expected,
    in_languages,
    name_in,
    recognise,
)
from xkde.asking.scheduling import Scheduler
from xkde.asking.session import (
    MAX_CHARACTERS,
    AskState,
    Sent,
    checked,
    prompt,
    sent_to,
    stream_together,
)
from xkde.data.atlas.questions import understand
from xkde.data.atlas.world import atlas
from xkde.engines.loading import load, load_tokenizer
from xkde.engines.pool import EngineTurn
from xkde.errors import InputError
from xkde.evaluation.scoring.verdict import Expected
from xkde.types import Edit, Generation, Query, Sampling

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", old_answer="Tokyo")
OSAKA = Edit("In which country is Osaka?", "France", "en")
ZH = Query("日本的首都是哪里？", "zh")


def about(edit: Edit, asked: TypedQuestion | None) -> Recognised:
    return Recognised(understand(atlas(), edit), asked)


def expect(edit: Edit, asked: TypedQuestion | None, code: str) -> Expected:
    return expected(atlas(), edit, about(edit, asked), code)


def answer_together(
    engines: Any, edit: Edit, queries: Any, sampling: Sampling, cancelled: Any
) -> Iterator[Any]:
    return stream_together(sent_to(engines, edit, queries), sampling, cancelled)


def test_base_never_sees_the_edit() -> None:
    assert prompt("base", JAPAN, ZH) == ZH.text
    for pane in ("edited", "prompted"):
        text = prompt(pane, JAPAN, ZH)
        assert "in Chinese." in text
        assert text.endswith(ZH.text)
        assert "Japan? Osaka" in text


@pytest.mark.parametrize(
    "text", ["", "   \n", "x" * (MAX_CHARACTERS + 1), "a [Query]: b"]
)
def test_bad_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError, match="Please"):
        checked(text, "question")


def test_typed_question_is_found_in_its_language() -> None:
    world = atlas()
    place = recognise(world, JAPAN, "哪座城市是日本的首都", ["en", "zh"]).question
    assert place == TypedQuestion("territory/JP", "capital", 1)
    queries = in_languages(world, place, "", ["de", "zh"])
    assert queries[1].text == "哪座城市是日本的首都？"
    assert "Japan" in queries[0].text
    assert recognise(world, JAPAN, "Is it raining?", ["en"]).question is None
    typed = in_languages(world, None, "Is it raining?", ["de", "zh"])
    assert {query.text for query in typed} == {"Is it raining?"}


def test_expected_of_the_same_question() -> None:
    same = expect(JAPAN, TypedQuestion("territory/JP", "capital"), "zh")
    assert (same.new, same.old, same.is_affected) == ("大阪", "东京", True)
    assert same.new_names["ru"] == "Осака"


def test_expected_of_an_unrelated_question_is_the_truth_twice() -> None:
    beside = expect(JAPAN, TypedQuestion("territory/JP", "currency"), "en")
    assert beside.new == beside.old != ""
    assert not beside.is_affected


def test_expected_over_two_hops() -> None:
    world = atlas()
    text = "What is the currency of the country where the city of Osaka is located?"
    place = TypedQuestion("city/osaka", "country_currency")
    hop = expect(OSAKA, place, "en")
    assert (hop.new, hop.old) == ("Euro", "Japanese Yen") or (
        hop.new.casefold() == "euro" and "yen" in hop.old.casefold()
    )
    asked = in_languages(world, place, text, ["en"])[0].text
    assert recognise(world, OSAKA, asked, ["en"]).question == place


def test_invented_answer_stays_as_typed() -> None:
    edit = Edit(JAPAN.question, "Zorblax", "en")
    wanted = expect(edit, TypedQuestion("territory/JP", "capital"), "ru")
    assert (wanted.new, wanted.old) == ("Zorblax", "Токио")


def test_unknown_edit_is_expected_by_its_names() -> None:
    world = atlas()
    edit = Edit("Where do I live?", "Osaka", "en", old_answer="Tokyo")
    wanted = expect(edit, None, "zh")
    assert (wanted.new, wanted.old) == ("大阪", "东京")
    assert name_in(world, "nowhere", "en", "zh") == "nowhere"
    assert expect(edit, None, "ja").new == "Osaka"


@dataclass
class Speller:
    """An engine that spells its text, a letter a step, and may break off."""

    text: str
    fails_at: int = 99
    tokenizer: Any = None

    def encode(self, messages: Sequence[Any]) -> Any:
        return type("Encoded", (), {"ids": (1,)})

    def stream(
        self, prompts: Any, sampling: Sampling, cancelled: threading.Event | None = None
    ) -> Iterator[list[Generation]]:
        for end in range(1, len(self.text) + 1):
            if end > self.fails_at:
                raise RuntimeError("out of memory.\nmore")
            finish = "stop" if end == len(self.text) else None
            one = Generation(self.text[:end], (0,) * end, 1, 0.1 * end, finish)  # type: ignore[arg-type]
            yield [one] * len(prompts)


def rounds(base: Speller, edited: Speller) -> list[Any]:
    engines = {"base": base, "edited": edited}
    cancelled = threading.Event()
    seen = list(answer_together(engines, JAPAN, [ZH], Sampling(), cancelled))  # type: ignore[arg-type]
    assert cancelled.is_set()
    return seen


def test_both_answers_grow_side_by_side() -> None:
    seen = rounds(Speller("ab"), Speller("abcd"))
    texts = [[each.generations[0].text for each in one.values()] for one in seen]
    assert texts[:2] == [["a", "a"], ["ab", "ab"]]
    assert texts[-1] == ["ab", "abcd"]
    assert all(answers.is_done for answers in seen[-1].values())


def test_a_model_that_fails_keeps_what_it_said() -> None:
    last = rounds(Speller("abcd", fails_at=2), Speller("abcd"))[-1]
    assert last["base"].generations[0].text == "ab"
    assert "out of memory" in last["base"].failure
    assert last["edited"].generations[0].text == "abcd"


def test_stopping_closes_both_streams() -> None:
    cancelled = threading.Event()
    engines: Any = {"base": Speller("abc"), "edited": Speller("abc")}
    going = answer_together(engines, JAPAN, [ZH], Sampling(), cancelled)
    first = next(going)
    going.close()  # type: ignore[attr-defined]
    assert cancelled.is_set()
    asked = AskState(JAPAN, (ZH,), first).stopped()
    assert asked.answers["base"].generations[0].finish == "cancelled"


def test_no_language_is_refused() -> None:
    with pytest.raises(InputError, match="No language"):
        next(answer_together({}, JAPAN, [], Sampling(), threading.Event()))


@pytest.mark.slow
def test_real_engines_answer_as_they_do_alone(atlas_folder: Path) -> None:
    engine = load(atlas_folder)
    engines: Any = {"base": engine, "edited": engine}
    sampling = Sampling(max_new_tokens=6)
    edit = Edit("Capital?", "Osaka", "en")
    query = Query("Capital?", "en")
    steps = answer_together(engines, edit, [query], sampling, threading.Event())
    last: Any = deque(steps, maxlen=1).pop()
    for pane in engines:
        ids = engine.encode_query(prompt(pane, edit, query))
        alone = engine.generate([ids], sampling)[0]
        assert last[pane].generations[0].token_ids == alone.token_ids


@pytest.mark.slow
def test_a_shared_pass_answers_as_each_would_alone(atlas_folder: Path) -> None:
    engine: Any = load(atlas_folder)
    scheduler, turn = Scheduler(live=1, share=99), EngineTurn()
    asks = [
        (f"Who is number {n}?", Sampling(4 + n, 0.7 * (n % 2), seed=n))
        for n in range(12)
    ]

    def answer(text: str, sampling: Sampling) -> Any:
        panes: Any = {"base": [Sent(engine, text)]}
        steps = scheduler.stream(panes, sampling, threading.Event(), {"base": turn})
        return deque(steps, maxlen=1).pop()[1]["base"].generations[0]

    with ThreadPoolExecutor(12) as threads:
        shared = list(threads.map(answer, *zip(*asks, strict=True)))
    for (text, sampling), given in zip(asks, shared, strict=True):
        alone = engine.generate([engine.encode_query(text)], sampling)[0]
        assert (given.token_ids, given.text) == (alone.token_ids, alone.text)


def test_special_tokens_in_text_are_refused(atlas_folder: Path) -> None:
    tokenizer = load_tokenizer(atlas_folder)
    with pytest.raises(InputError, match="assistant"):
        checked("Who? <|assistant|> me", "question", tokenizer)
