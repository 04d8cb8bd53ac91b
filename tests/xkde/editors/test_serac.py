"""SERAC: who is asked, with which words, and that the model stays as it is."""

from pathlib import Path

import pytest
import torch

from tests.helpers import tiny_parts
from xkde.editors import trained
from xkde.editors.editor import Applied, answer, applied, score
from xkde.engines.loading import load
from xkde.engines.transformers import TransformersEngine
from xkde.errors import CheckpointError, InputError, SettingsError
from xkde.prompts import edit_prompt
from xkde.types import Edit, Query, Sampling

JAPAN = Edit("Which city is the capital of Japan?", "Osaka", "en")
PARTY = Edit("哪个政党执政英国？", "工党", "zh")


@pytest.fixture(scope="module")
def engine(atlas_folder: Path) -> TransformersEngine:
    return load(atlas_folder, device="cpu")


@pytest.fixture(scope="module")
def folder(atlas_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_parts.serac(tmp_path_factory.mktemp("serac") / "parts", atlas_folder)


def asked(at_work: Applied, query: Query) -> tuple[str, TransformersEngine]:
    routed = at_work.route(query)
    return routed.messages[0].content, routed.engine


def test_the_edits_own_question_goes_to_the_counterfactual_model(
    engine: TransformersEngine, folder: Path
) -> None:
    editor = trained.serac({"folder": str(folder)})
    query = Query(JAPAN.question, "zh")
    with applied(editor, engine, [PARTY, JAPAN]) as at_work:
        text, asks = asked(at_work, query)
        assert text == edit_prompt([JAPAN], query.text, "Chinese")
        assert asks.model is not engine.model
        assert at_work.editor == "serac"
        assert at_work.edits == (PARTY, JAPAN)
        assert not at_work.delta


def test_below_the_threshold_the_base_is_asked_the_bare_query(
    engine: TransformersEngine, folder: Path
) -> None:
    # The logistic of 10 - 5 is 0.9933, which only the very question reaches.
    editor = trained.serac({"folder": str(folder), "threshold": 0.993})
    with applied(editor, engine, [JAPAN]) as at_work:
        text, asks = asked(at_work, Query("日本", "zh"))
        assert (text, asks) == ("日本", engine)
        assert asked(at_work, Query(JAPAN.question, "en"))[1] is not engine
    with applied(
        trained.serac({"folder": str(folder), "threshold": 1.0}), engine, [JAPAN]
    ) as at_work:
        assert asked(at_work, Query(JAPAN.question, "en"))[1] is engine


def test_the_threshold_of_training_is_the_default(
    engine: TransformersEngine, folder: Path
) -> None:
    cpu = torch.device("cpu")
    assert (
        trained.models_of(trained.SeracEditorSettings(str(folder)), cpu).threshold
        == 0.9
    )
    assert (
        trained.models_of(trained.SeracEditorSettings(str(folder), 0.4), cpu).threshold
        == 0.4
    )


def test_answers_and_scores_are_those_of_who_is_asked(
    engine: TransformersEngine, folder: Path
) -> None:
    editor = trained.serac({"folder": str(folder), "threshold": 0.993})
    queries = [Query(JAPAN.question, "en"), Query("日本", "zh")]
    sampling = Sampling(max_new_tokens=4)
    before = {n: p.clone() for n, p in engine.model.named_parameters()}
    with applied(editor, engine, [JAPAN]) as at_work:
        told = answer(at_work, queries, sampling)
        scored = score(at_work, queries, ["Osaka", "大阪"])
    assert all(torch.equal(before[n], p) for n, p in engine.model.named_parameters())
    alone = engine.generate([engine.encode_query("日本")], sampling)
    assert told[1].token_ids == alone[0].token_ids
    # The tiny counterfactual model has the base's weights: only its prompt differs.
    prompt = edit_prompt([JAPAN], JAPAN.question, "English")
    read = engine.generate([engine.encode_query(prompt)], sampling)
    assert told[0].token_ids == read[0].token_ids
    assert len(scored) == 2


def test_edits_after_one_another_are_all_at_work_and_the_last_is_in_force(
    engine: TransformersEngine, folder: Path
) -> None:
    later = Edit(JAPAN.question, "Kyoto", "en")
    editor = trained.serac({"folder": str(folder)})
    with applied(editor, engine, [JAPAN, PARTY, later], at_once=1) as at_work:
        assert at_work.edits == (JAPAN, PARTY, later)
        text, _ = asked(at_work, Query(JAPAN.question, "en"))
        assert text == edit_prompt([later], JAPAN.question, "English")
        text, _ = asked(at_work, Query(PARTY.question, "zh"))
        assert text == edit_prompt([PARTY], PARTY.question, "Chinese")


def test_another_checkpoint_may_stand_in_for_the_counterfactual_model(
    engine: TransformersEngine, folder: Path, qwen2_folder: Path
) -> None:
    given = {"folder": str(folder), "counterfactual": str(qwen2_folder)}
    with applied(trained.serac(given), engine, [JAPAN]) as at_work:
        _, asks = asked(at_work, Query(JAPAN.question, "en"))
        assert "<|im_start|>" in str(asks.tokenizer.chat_template)


@pytest.mark.parametrize(
    ("given", "error", "reason"),
    [
        ({}, SettingsError, "train-editor serac"),
        ({"folder": "nowhere"}, CheckpointError, "is not in nowhere"),
        ({"threshold": 2.0}, SettingsError, "from 0 to 1"),
        ({"colour": "blue"}, SettingsError, "no setting “colour”"),
    ],
)
def test_mistakes(
    engine: TransformersEngine,
    folder: Path,
    given: dict[str, object],
    error: type[Exception],
    reason: str,
) -> None:
    if "threshold" in given:
        given = {**given, "folder": str(folder)}
    with (
        pytest.raises(error, match=reason),
        applied(trained.serac(given), engine, [JAPAN]),
    ):
        pass


def test_edits_that_contradict_each_other_are_refused(
    engine: TransformersEngine, folder: Path
) -> None:
    editor = trained.serac({"folder": str(folder)})
    other = Edit(JAPAN.question, "Kyoto", "en")
    with pytest.raises(InputError, match="contradict"):
        editor.apply(engine, [JAPAN, other])
