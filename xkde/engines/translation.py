"""A language model that was taught to translate: translator and alignment scorer.

A share of XE-IT's data asks "Translate into German:" and gives the text in German, so
the edited model itself puts a question into another language, and tells how likely a
text is as a translation of another. It takes NLLB's place in TL-PO where no NLLB is at
hand:

    reward(x -> y) = 1/|y| * sum_t log p(y_t | y_<t, "Translate into L:" x)
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from xkde.engines.aligner import BATCH, Translation
from xkde.engines.transformers import TransformersEngine
from xkde.languages import language
from xkde.prompts import answered, ask, translation_prompt
from xkde.types import Sampling

MAX_NEW_TOKENS = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class TranslatingModel:
    """A decoder as a TranslationScorer, and as a translator."""

    engine: TransformersEngine

    def check_languages(self, codes: Iterable[str]) -> None:
        """Raise InputError for a language that has no name here."""
        for code in codes:
            language(code)

    def translate(self, texts: Sequence[str], code: str) -> list[str]:
        """Return the greedy translations into a language, "" where none came to an end.

        Nothing tells a good translation from a bad one: show it as machine-made.
        """
        name = language(code).name
        prompts = [
            self.engine.encode(ask(translation_prompt(text, name), code)).ids
            for text in texts
        ]
        made = self.engine.generate(prompts, Sampling(MAX_NEW_TOKENS))
        return [one.text.strip() if one.finish == "stop" else "" for one in made]

    def mean_log_probabilities(
        self,
        translations: Sequence[Translation],
        *,
        language_token: bool = True,
        batch_size: int = BATCH,
        on_progress: Progress | None = None,
    ) -> list[float]:
        """Return the mean log-probability of each target's tokens, its end included.

        The prompt names the language, so there is no ``language_token`` to count. Equal
        translations are computed once; a target without text has the mean of its end.
        """
        distinct = list(dict.fromkeys(translations))
        pairs = []
        for each in distinct:
            name = language(each.target_language).name
            prompt = translation_prompt(each.source, name)
            encoded = self.engine.encode(
                answered(prompt, each.target, each.target_language)
            )
            pairs.append((encoded.prompt_ids, encoded.answer_ids))
        scores = self.engine.score(pairs, batch_size, on_progress=on_progress)
        means = {
            each: score.log_probability / len(score.tokens)
            for each, score in zip(distinct, scores, strict=True)
        }
        return [means[each] for each in translations]
