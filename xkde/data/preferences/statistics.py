"""Statistics of samples and pairs, before anything is trained on them.

Of samples: how many answers are distinct and right, and how often the score prefers a
wrong answer to a right one. Of pairs: how often the chosen answer is wrong, whether the
longer answer is preferred, and the flags by language. A share comes with the number of
what it is a share of; what cannot be known from a file is None.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from xkde.data.preferences.answers import is_empty
from xkde.data.preferences.files import Sample, Scores
from xkde.data.preferences.table import FLAGS, choices
from xkde.text import Json, is_one, normalise

Numbers = Json  # what JSON can hold: numbers by name, also nested


def sample_statistics(
    samples: Sequence[Sample], scores: Iterable[Scores] = (), score: str = "symmetric"
) -> Numbers:
    """Describe sampled answers; with scores, how well they order right and wrong."""
    scored = {(s.sample, s.answer): s.named(score) for s in scores}
    answers = [answer for sample in samples for answer in sample.answers]
    distinct = [len({normalise(a.text) for a in s.answers}) for s in samples]
    several = [(n, len(s.answers)) for n, s in zip(distinct, samples, strict=True)]
    right = sum(is_one(a.text, s.golds) for s in samples for a in s.answers)
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
        judged = (is_one(answer.text, sample.golds), scored.get((sample.id, index)))
        if not is_empty(answer.text):
            texts.setdefault(normalise(answer.text), judged)
    for right, high in texts.values():
        for other_right, low in texts.values():
            if right and not other_right and high is not None and low is not None:
                yield True, low > high


def pair_statistics(frame: pd.DataFrame) -> Numbers:
    """Describe a frame of pairs (``table.pair_frame``)."""
    chosen, rejected = frame["chosen_is_right"], frame["rejected_is_right"]
    one_right = (chosen != rejected).fillna(False)
    judged = one_right & frame["margin"].notna()
    against = frame["reward_against_correctness"]
    return {
        "pairs": len(frame),
        "prompts": frame["prompt"].nunique(),
        "wrong_chosen": _share(int((~chosen).sum()), int(chosen.notna().sum())),
        "reward_against_correctness": _by_direction(
            zip(frame["direction"], judged, against, strict=True)
        ),
        "margin": _spread(frame["margin"]),
        "length": _length(frame),
        "flags": {name: int(frame[name].sum()) for name in FLAGS},
        "flags_by_language": _flags_by_language(frame),
        "pairs_by_direction": choices(frame, "direction"),
    }


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


def _spread(values: pd.Series) -> Numbers:
    known = values.dropna()
    if known.empty:
        return {"n": 0, "median": None, "low": None, "high": None}
    low, median, high = (float(known.quantile(share)) for share in (0.1, 0.5, 0.9))
    return {"n": len(known), "median": median, "low": low, "high": high}


def _length(frame: pd.DataFrame) -> Numbers:
    """Describe whether longer answers are preferred, in characters.

    The correlation is Pearson's, of length and score over all answers with a score.
    """
    gap, chosen = frame["length_gap"], frame["chosen_length"]
    lengths = pd.concat([chosen, chosen - gap])
    scores = pd.concat([frame["chosen_score"], frame["rejected_score"]])
    lengths, scores = lengths[scores.notna()], scores.dropna()
    varied = lengths.nunique() > 1 and scores.nunique() > 1
    return {
        "mean_gap": float(gap.mean()) if len(gap) else None,
        "chosen_longer": _share(int((gap > 0).sum()), len(gap)),
        "rejected_longer": _share(int((gap < 0).sum()), len(gap)),
        "score_correlation": float(lengths.corr(scores)) if varied else None,
    }


def _flags_by_language(frame: pd.DataFrame) -> dict[str, Numbers]:
    """Count flags by the query's language; an unknown one is "?"."""
    by_target = frame.groupby("target", observed=True)
    counts = by_target[list(FLAGS)].sum().astype(int)
    counts.insert(0, "pairs", by_target.size())
    return {code or "?": row for code, row in counts.to_dict("index").items()}


def lines(numbers: Numbers, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield statistics as (name, value) texts, for people."""
    for name, value in numbers.items():
        words = f"{prefix}{name.replace('_', ' ')}"
        if isinstance(value, dict) and "share" in value:
            yield words, _share_text(value)
            for nested, share in value.get("by_direction", {}).items():
                yield f"{words}, {nested}", _share_text(share)
        elif isinstance(value, dict):
            yield from lines(value, f"{words}, ")
        else:
            yield words, _text(value)


def _share_text(share: Numbers) -> str:
    if share["share"] is None:
        return "not known"
    return f"{share['share']:.3f} ({share['hits']} of {share['n']})"


def _text(value: object) -> str:
    if value is None:
        return "not known"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
