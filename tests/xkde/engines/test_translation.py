"""A language model as translator and scorer: by hand, alone and in batches."""

from math import log
from pathlib import Path

import pytest

from xkde.engines.aligner import Translation, both_ways
from xkde.engines.loading import load
from xkde.engines.translation import MAX_NEW_TOKENS, TranslatingModel
from xkde.errors import InputError
from xkde.prompts import answered
from xkde.types import Sampling

OSAKA = Translation("Osaka", "en", "大阪", "zh")
LYON = Translation("Quelle est la capitale de la France ?", "fr", "Lyon", "en")


def test_a_score_is_the_mean_over_the_target_and_its_end(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    model = TranslatingModel(engine)
    encoded = engine.encode(answered("Translate into Chinese:\nOsaka", "大阪", "zh"))
    [score] = engine.score([(encoded.prompt_ids, encoded.answer_ids)])
    by_hand = sum(log(token.probability) for token in score.tokens) / len(score.tokens)
    assert model.mean_log_probabilities([OSAKA]) == pytest.approx([by_hand])
    assert by_hand < 0


def test_alone_equals_together_and_both_ways(qwen2_folder: Path) -> None:
    model = TranslatingModel(load(qwen2_folder))
    asked = [OSAKA, LYON, OSAKA]
    alone = [model.mean_log_probabilities([each])[0] for each in asked]
    assert model.mean_log_probabilities(asked) == pytest.approx(alone, abs=1e-4)
    [there, *_] = both_ways(model, asked)
    back = model.mean_log_probabilities([OSAKA.reversed])[0]
    assert there.source_target == pytest.approx(alone[0], abs=1e-4)
    assert there.target_source == pytest.approx(back, abs=1e-4)


def test_what_never_ends_is_no_translation(qwen2_folder: Path) -> None:
    engine = load(qwen2_folder)
    [text] = TranslatingModel(engine).translate(["Osaka"], "zh")
    prompt = engine.encode_query("Translate into Chinese:\nOsaka", "zh")
    [made] = engine.generate([prompt], Sampling(MAX_NEW_TOKENS))
    assert text == (made.text.strip() if made.finish == "stop" else "")


def test_an_unknown_language_is_refused(qwen2_folder: Path) -> None:
    with pytest.raises(InputError, match="xx"):
        TranslatingModel(load(qwen2_folder)).check_languages(["de", "xx"])
