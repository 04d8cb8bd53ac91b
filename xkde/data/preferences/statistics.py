"""What samples and pairs are like, in numbers, before anything is trained on them.

Of samples: how many answers are distinct and right, and how often the score prefers a
wrong answer to a right one. Of pairs: how often the chosen answer is wrong, whether the
longer answer is preferred, and the flags by language. A share comes with the number of
what it is a share of; what cannot be known from a file is None.

Run its tests: ``python -m pytest tests/xkde/data/preferences/test_statistics.py``
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from xkde.data.preferences.answers import is_empty, is_right, normalised
from xkde.data.preferences.flags import FLAGS
from xkde.data.preferences.records import Sample, Scores
from xkde.data.preferences.view import Table

Numbers = dict[str, Any]  # what JSON can hold: numbers by name, also nested


def sample_statistics(
    samples: Sequence[Sample], scores: Iterable[Scores] = (), score: str = "symmetric"
) -> Numbers:
    """Describe sampled answers; with scores, how well they order right and wrong."""
    scored = {(s.sample, s.answer): s.named(score) for s in scores}
    answers = [answer for sample in samples for answer in sample.answers]
    distinct = [len({normalised(a.text) for a in s.answers}) for s in samples]
    several = [(n, len(s.answers)) for n, s in zip(distinct, samples, strict=True)]
    right = sum(is_right(a.text, s.golds) for s in samples for a in s.answers)
    known = [
        (sample.direction, *ordered)
        for sample in samples
        for ordered in _right_against_wrong(sample, scored)
    ]
    return {
        "prompts": len(samples),
        "answers": len(answers),
        "distinct": _share(sum(distinct), len(answers)),
        "one_answer_only": _share(
            sum(n == 1 and of > 1 for n, of in several), len(samples)
        ),
        "right": _share(right, len(answers)),
        "empty": _share(sum(is_empty(a.text) for a in answers), len(answers)),
        "cut": _share(sum(a.finish == "length" for a in answers), len(answers)),
        "score": score,
        "wrong_scores_higher": _by_direction(known),
    }


def _right_against_wrong(
    sample: Sample, scored: dict[tuple[str, int], float | None]
) -> Iterator[tuple[bool, bool]]:
    """Yield, for each right and each wrong answer, (known, the wrong one is higher).

    Every text once; a tie is no preference for the wrong one.
    """
    texts: dict[str, tuple[bool, float | None]] = {}
    for index, answer in enumerate(sample.answers):
        told = (is_right(answer.text, sample.golds), scored.get((sample.id, index)))
        if not is_empty(answer.text):
            texts.setdefault(normalised(answer.text), told)
    for right, high in texts.values():
        for other_right, low in texts.values():
            if right and not other_right and high is not None and low is not None:
                yield True, low > high


def pair_statistics(table: Table) -> Numbers:
    """Describe a table of pairs."""
    pairs = table.pairs
    chosen, rejected = (
        _known(pairs[f"{which}_is_right"]) for which in ("chosen", "rejected")
    )
    margin = table.numbers["margin"]
    one_right = (chosen >= 0) & (rejected >= 0) & (chosen != rejected)
    against = table.flags["reward_against_correctness"]
    names = table.values["direction"].to_pylist()
    directions = [names[code] for code in table.codes["direction"].tolist()]
    judged = one_right & ~np.isnan(margin)
    return {
        "pairs": pairs.num_rows,
        "prompts": len(table.values["prompt"]),
        "wrong_chosen": _share(int((chosen == 0).sum()), int((chosen >= 0).sum())),
        "reward_against_correctness": _by_direction(
            zip(directions, judged.tolist(), against.tolist(), strict=True)
        ),
        "margin": _spread(margin),
        "length": _length(table),
        "flags": {name: int(table.flags[name].sum()) for name in FLAGS},
        "flags_by_language": _flags_by_language(table),
        "pairs_by_direction": table.choices("direction"),
    }


def _known(column: pa.ChunkedArray) -> Any:
    """Return truth values as 1 and 0, and -1 where they are unknown."""
    return column.cast(pa.int8()).fill_null(-1).to_numpy()


def _share(hits: int, of: int) -> Numbers:
    return {"share": hits / of if of else None, "hits": hits, "n": of}


def _by_direction(rows: Iterable[tuple[str, bool, bool]]) -> Numbers:
    """Return the share of hits among what is known, over all and by direction."""
    known: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for name, is_known, is_hit in rows:
        known[name] += is_known
        hits[name] += is_known and is_hit
    return {
        **_share(hits.total(), known.total()),
        "by_direction": {n: _share(hits[n], known[n]) for n in sorted(+known)},
    }


def _spread(values: Any) -> Numbers:
    known = values[~np.isnan(values)]
    if not len(known):
        return {"n": 0, "median": None, "low": None, "high": None}
    low, median, high = np.quantile(known, [0.1, 0.5, 0.9]).tolist()
    return {"n": len(known), "median": median, "low": low, "high": high}


def _length(table: Table) -> Numbers:
    """Describe whether longer answers are preferred, in characters.

    The correlation is Pearson's, of length and score over all answers with a score.
    """
    gap, chosen = table.numbers["length_gap"], table.numbers["chosen_length"]
    lengths = np.concatenate([chosen, chosen - gap])
    scores = np.concatenate(
        [table.numbers["chosen_score"], table.numbers["rejected_score"]]
    )
    scored = ~np.isnan(scores)
    lengths, scores = lengths[scored], scores[scored]
    varied = len(scores) > 1 and np.ptp(lengths) > 0 and np.ptp(scores) > 0
    return {
        "mean_gap": float(gap.mean()) if len(gap) else None,
        "chosen_longer": _share(int((gap > 0).sum()), len(gap)),
        "rejected_longer": _share(int((gap < 0).sum()), len(gap)),
        "score_correlation": float(np.corrcoef(lengths, scores)[0, 1])
        if varied
        else None,
    }


def _flags_by_language(table: Table) -> dict[str, Numbers]:
    """Count flags by the query's language; an unknown one is "?"."""
    targets = np.array([code or "?" for code in table.pairs["target"].to_pylist()])
    return {
        str(code): {
            "pairs": int((targets == code).sum()),
            **{name: int(table.flags[name][targets == code].sum()) for name in FLAGS},
        }
        for code in np.unique(targets)
    }


def lines(numbers: Numbers, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield statistics as (name, value) texts, for people."""
    for name, value in numbers.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict) and "share" in value:
            yield words, _in_words(value)
            for nested, share in value.get("by_direction", {}).items():
                yield f"{words}, {nested}", _in_words(share)
        elif isinstance(value, dict):
            yield from lines(value, f"{words}, ")
        else:
            yield words, _short(value)


def _in_words(share: Numbers) -> str:
    if share["share"] is None:
        return "not known"
    return f"{share['share']:.3f} ({share['hits']} of {share['n']})"


def _short(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
