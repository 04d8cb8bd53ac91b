"""What each editor in the prompt sends, with all edits and with retrieved ones."""

from pathlib import Path

import pytest

from xkde.data.atlas.benchmark import atlas_cases
from xkde.data.atlas.world import atlas
from xkde.editors.editor import applied
from xkde.editors.prompt import Demonstrations
from xkde.editors.registry import make
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import SettingsError
from xkde.prompts import edit_prompt
from xkde.types import Edit, Query

JAPAN = Edit("What is the capital of Japan?", "Osaka", "en", "Japan")
PERU = Edit("What is the capital of Peru?", "Cusco", "en", "Peru")
QUERY = Query("日本的首都是哪里？", "zh")


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


def sent(
    name: str, engine: TransformersEngine, edits: list[Edit], **settings: object
) -> str:
    with applied(make(name, settings), engine, edits) as at_work:
        routed = at_work.route(QUERY)
    assert routed.engine is engine
    (message,) = routed.messages
    return message.content


def test_x_kde_sends_the_released_prompt(engine: TransformersEngine) -> None:
    text = sent("x-kde", engine, [JAPAN])
    assert text == edit_prompt([JAPAN], QUERY.text, "Chinese")
    assert "in Chinese.\n\n[Updated Information]:\nWhat is the capital" in text


def test_lte_numbers_several_facts(engine: TransformersEngine) -> None:
    assert sent("lte", engine, [JAPAN]) == sent("x-kde", engine, [JAPAN])
    text = sent("lte", engine, [JAPAN, PERU])
    assert (
        "\n1. What is the capital of Japan? Osaka\n"
        "2. What is the capital of Peru? Cusco\n\n[Query]:\n"
    ) in text


def test_plain_prompt_has_no_instruction(engine: TransformersEngine) -> None:
    assert sent("prompt", engine, [JAPAN, PERU]) == (
        "What is the capital of Japan? Osaka\nWhat is the capital of Peru? Cusco\n"
        "日本的首都是哪里？"
    )
    assert sent("none", engine, [JAPAN]) == QUERY.text


@pytest.mark.parametrize("name", ["x-kde", "lte", "prompt", "ike"])
def test_only_retrieved_edits_are_stated(engine: TransformersEngine, name: str) -> None:
    edits = [JAPAN, PERU]
    text = sent(name, engine, edits, retrieve=lambda query: (PERU,), **few(name))
    assert "Cusco" in text
    assert "Osaka" not in text
    nothing = sent(name, engine, edits, retrieve=lambda query: (), **few(name))
    assert nothing == QUERY.text


def few(name: str) -> dict[str, object]:
    if name != "ike":
        return {}
    return {"cases": atlas_cases(atlas(), "train", 12), "count": 2}


def test_ike_shows_the_three_kinds_across_languages() -> None:
    cases = atlas_cases(atlas(), "train", 24)
    shown = Demonstrations(cases, count=8).nearest([JAPAN], QUERY)
    kinds = {"reliability": 0, "generality": 0, "locality": 0}
    for text in shown:
        fact, prompt = text.split("\nPrompt: ")
        assert fact.startswith("New Fact: ")
        for case in cases:
            if fact.endswith(f"{case.edits['en'].question} {case.edits['en'].answer}"):
                for kind in kinds:
                    item = case.probes[kind]["zh"]  # type: ignore[index]
                    kinds[kind] += prompt == f"{item.question} {item.answer}"
    assert kinds == {"reliability": 1, "generality": 3, "locality": 4}


def test_ike_takes_the_nearest_and_never_the_edit_itself() -> None:
    cases = atlas_cases(atlas(), "train", 60)
    own = cases[7].edits["en"]
    shown = Demonstrations(cases, count=60).nearest([own], QUERY)
    assert len(shown) == 59
    assert not any(f"New Fact: {own.question} " in text for text in shown)

    def encoder(texts: list[str]) -> list[list[float]]:
        return [[float("currency" in text), 1e-6] for text in texts]

    asked = Edit("Which currency is it?", "Euro", "en")
    first = Demonstrations(cases, encoder, count=3).nearest([asked], QUERY)
    assert all("currency" in text for text in first)


def test_ike_takes_as_many_as_fit(engine: TransformersEngine) -> None:
    text = sent("ike", engine, [JAPAN], cases=atlas_cases(atlas(), "train", 40))
    limit = engine.max_length
    assert limit is not None
    assert len(engine.encode_query(text)) + 32 <= limit
    assert text.endswith(f"New Fact: {JAPAN.question} Osaka\nPrompt: {QUERY.text}")


def test_ike_refuses_a_negative_count() -> None:
    with pytest.raises(SettingsError):
        make("ike", {"count": -1})
