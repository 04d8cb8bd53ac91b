"""Many edits side by side answer as each of them alone."""

from pathlib import Path

import pytest
import torch

from tests.helpers.rank_one_samples import EDITS, GIVEN, deep_engine
from xkde.editors.editor import answer, applied, score
from xkde.editors.registry import make
from xkde.editors.weights import rank_one_batch
from xkde.editors.weights.base import WeightChange, added
from xkde.editors.weights.low_rank import delta_of
from xkde.editors.weights.rank_one_batch import (
    NAMES,
    compute_side_by_side,
    first_choices,
)
from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.prompts import answered
from xkde.types import Edit, Query, Sampling

QUERIES = (
    Query("What is the capital of Japan?", "en"),
    Query("日本的货币是什么？", "zh"),
    Query("Why?", "en"),
)
ASKED = [(edit, query) for edit in range(3) for query in QUERIES]
GREEDY = Sampling(6)
TOLD = ("Osaka", "欧元", "No.")


@pytest.fixture
def engine(
    atlas_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> TransformersEngine:
    monkeypatch.setenv("XKDE_HOME", str(tmp_path))
    return deep_engine(atlas_folder)


@pytest.mark.parametrize("name", NAMES)
def test_rows_answer_as_the_model_with_their_own_edit(
    engine: TransformersEngine, name: str
) -> None:
    weights = {n: p.detach().clone() for n, p in engine.model.named_parameters()}
    many = compute_side_by_side(make(name, GIVEN[name]), engine, EDITS)
    answers = rank_one_batch.answer(many, ASKED, GREEDY, batch_size=4)
    texts = [TOLD[QUERIES.index(query)] for _, query in ASKED]
    scores = rank_one_batch.score(many, ASKED, texts, batch_size=4)
    told = [
        engine.encode(answered(query.text, text))
        for (_, query), text in zip(ASKED, texts, strict=True)
    ]
    pairs = [(each.prompt_ids, each.answer_ids) for each in told]
    chosen = first_choices(many, [edit for edit, _ in ASKED], pairs, batch_size=4)
    assert chosen == [tuple(t.best_id for t in each.tokens) for each in scores]
    for parameter, value in weights.items():
        assert torch.equal(engine.model.get_parameter(parameter), value)
    for index, edit in enumerate(EDITS):
        change = WeightChange(delta_of(engine.model, many.sets[index]))
        alone = added(engine, name, [edit], change)
        own = slice(3 * index, 3 * index + 3)
        for one, other in zip(
            answers[own], answer(alone, QUERIES, GREEDY), strict=True
        ):
            assert one.token_ids == other.token_ids
        for mine, theirs in zip(scores[own], score(alone, QUERIES, TOLD), strict=True):
            assert mine.log_probability == pytest.approx(
                theirs.log_probability, abs=1e-3
            )
        for parameter, value in alone.originals.items():
            engine.model.get_parameter(parameter).data.copy_(value)


@pytest.mark.parametrize("name", NAMES)
def test_updates_computed_together_are_those_of_the_editor(
    engine: TransformersEngine, name: str
) -> None:
    given = {**GIVEN[name], **({} if name == "kn" else {"steps": 4})}
    many = compute_side_by_side(make(name, given), engine, EDITS)
    for index, edit in enumerate(EDITS):
        together = delta_of(engine.model, many.sets[index])
        with applied(make(name, given), engine, [edit]) as alone:
            assert together.keys() == alone.delta.keys()
            for parameter, added in alone.delta.items():
                difference = (together[parameter] - added).norm()
                assert difference <= 0.02 * added.norm()


def test_rows_that_end_leave_the_others_as_they_are(
    engine: TransformersEngine,
) -> None:
    many = compute_side_by_side(
        make("rome", {**GIVEN["rome"], "steps": 4}), engine, EDITS
    )
    free = rank_one_batch.answer(many, ASKED, Sampling(12))
    # What some answers begin with now ends them: they leave the batch early.
    ending = free[0].token_ids[0]
    engine.model.generation_config.eos_token_id = [ending]
    together = rank_one_batch.answer(many, ASKED, Sampling(12))
    assert len({len(told.token_ids) for told in together}) > 1
    for asked, told in zip(ASKED, together, strict=True):
        [alone] = rank_one_batch.answer(many, [asked], Sampling(12))
        assert told.token_ids == alone.token_ids


def test_other_editors_and_bad_edits_are_refused(engine: TransformersEngine) -> None:
    with pytest.raises(InputError, match="side by side"):
        compute_side_by_side(make("ft-m"), engine, EDITS)
    with pytest.raises(InputError, match="no subject"):
        compute_side_by_side(make("rome"), engine, [Edit("Who?", "I", "en")])


def test_edits_that_contradict_each_other_may_stand_side_by_side(
    engine: TransformersEngine,
) -> None:
    other = Edit("What is the capital of Japan?", "Kyoto", "en", "Japan", "Tokyo")
    many = compute_side_by_side(make("kn", GIVEN["kn"]), engine, [EDITS[0], other])
    assert len(many.sets) == 2
