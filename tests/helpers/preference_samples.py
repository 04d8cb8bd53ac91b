"""Hand-made samples, scores and pairs for the tests of preferences."""

import json
from pathlib import Path

from xkde.data.parquet import read_parquet
from xkde.data.preferences.files import (
    GOLD,
    Pair,
    Sample,
    SampledAnswer,
    Scores,
    pairs_of,
)


def sample(
    id_: str = "s",
    answers: tuple[str, ...] = (),
    golds: tuple[str, ...] = ("大阪",),
    **changes: str,
) -> Sample:
    """Return a sample: what is the capital of Japan, edited to Osaka, asked in zh."""
    fields = {
        "kind": "in-scope",
        "fact": "territory/JP",
        "relation": "capital",
        "source": "en",
        "target": "zh",
        "prompt": f"prompt of {id_}",
    } | changes
    return Sample(
        id=id_,
        golds=golds,
        source_gold="Osaka",
        answers=tuple(
            SampledAnswer(text, seed, 0.8, "stop") for seed, text in enumerate(answers)
        ),
        engine="transformers",
        checkpoint="atlas-xe-it",
        revision="",
        wrapper="hf_template",
        **fields,
    )


def scores(id_: str, gold: float | None, *answers: float | None) -> list[Scores]:
    """Return the same symmetric and target→source score for each answer."""
    return [
        Scores(id_, index, target_source=value, symmetric=value)
        for index, value in enumerate((gold, *answers), GOLD)
        if value is not None
    ]


def pair(id_: str = "p", **changes: object) -> Pair:
    """Return a good pair in Chinese about an edit in English."""
    fields: dict[str, object] = {
        "fact": "territory/JP",
        "relation": "capital",
        "source": "en",
        "target": "zh",
        "prompt": "日本的首都是哪里？",
        "chosen": "大阪",
        "rejected": "东京",
        "chosen_score": -0.5,
        "rejected_score": -1.5,
        "chosen_is_right": True,
        "rejected_is_right": False,
        "chosen_language": "zh",
        "rejected_language": "zh",
    } | changes
    return Pair(id=id_, **fields)  # type: ignore[arg-type]


def read_pairs(path: Path) -> list[Pair]:
    """Read pairs that ``write_pairs`` wrote, exactly as they stand."""
    if path.suffix == ".parquet":
        return pairs_of(read_parquet(path))
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Pair(**json.loads(line)) for line in lines if line]
