"""From a file of samples to a file of scores: right values, resumed, never mixed."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers import tiny_aligner
from tests.helpers.preference_samples import sample
from xkde.__main__ import main
from xkde.data.preferences.files import (
    GOLD,
    Sample,
    Scores,
    append,
    read_scores,
    write_records,
)
from xkde.data.preferences.pairing import PairingOptions, make_pairs
from xkde.engines.aligner import Aligner, released
from xkde.errors import InputError, SettingsError
from xkde.training.preference.alignment import (
    AT_ONCE,
    AlignmentSetting,
    Measures,
    align,
    chrf,
)

SETTING = AlignmentSetting("tiny", "abc")
SAMPLES = [
    sample("one", ("东京", "Osaka", "大阪")),
    sample("two", ("在大阪府", ""), relation="capital"),
    sample("three", ("京都",), source=""),
]


@pytest.fixture(scope="module")
def aligner() -> Aligner:
    return tiny_aligner.aligner()


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A file of samples, and where scores are to be."""
    write_records(tmp_path / "samples.jsonl", SAMPLES)
    return tmp_path / "samples.jsonl", tmp_path / "scores.jsonl"


def by_key(scores: list[Scores]) -> dict[tuple[str, int], Scores]:
    found = {(score.sample, score.answer): score for score in scores}
    assert len(found) == len(scores)  # none is there twice
    return found


def close(one: float | None, other: float) -> bool:
    return one == pytest.approx(other, abs=1e-5)


# What is measured


def test_every_answer_and_the_gold(aligner: Aligner, files: tuple[Path, Path]) -> None:
    counts = align(*files, Measures(aligner), SETTING)
    assert counts == {"samples": 3, "before": 0, "scored": 9}
    found = by_key(read_scores(files[1]))
    assert [*found][:4] == [("one", GOLD), ("one", 0), ("one", 1), ("one", 2)]
    texts = ["大阪", "东京", "Osaka", "大阪"]
    # The gold in the edit's language, English, against answers in Chinese.
    rewards = tiny_aligner.rewards(
        aligner, [("Osaka", text) for text in texts], "en", "zh"
    )
    for index, reward in enumerate(rewards, GOLD):
        score = found["one", index]
        assert close(score.source_target, reward.source_target)
        assert close(score.target_source, reward.target_source)
        assert close(score.symmetric, reward.symmetric)
    assert found["one", GOLD].symmetric == found["one", 2].symmetric


def test_without_an_edit_the_gold_itself_is_the_source(
    aligner: Aligner, files: tuple[Path, Path]
) -> None:
    align(*files, Measures(aligner), SETTING)
    (reward,) = tiny_aligner.rewards(aligner, [("大阪", "京都")], "zh", "zh")
    assert close(by_key(read_scores(files[1]))["three", 0].symmetric, reward.symmetric)


def test_whether_it_is_right_and_in_which_language(
    aligner: Aligner, files: tuple[Path, Path]
) -> None:
    align(*files, Measures(aligner), SETTING)
    found = by_key(read_scores(files[1]))
    told = {
        key: (score.exact, score.contains, score.language)
        for key, score in found.items()
    }
    assert told["one", GOLD] == (True, True, "zh")
    assert told["one", 1] == (False, False, "en")
    assert told["two", 0] == (False, True, "zh")
    assert told["two", 1] == (False, False, "")


def test_without_the_language_token(aligner: Aligner, files: tuple[Path, Path]) -> None:
    align(*files, Measures(aligner), replace(SETTING, language_token=False))
    (reward,) = tiny_aligner.rewards(
        aligner, [("Osaka", "东京")], "en", "zh", language_token=False
    )
    assert close(by_key(read_scores(files[1]))["one", 0].symmetric, reward.symmetric)


def test_parity_with_the_released_script(
    aligner: Aligner, files: tuple[Path, Path]
) -> None:
    align(*files, Measures(aligner), replace(SETTING, parity=True))
    scores = read_scores(files[1])
    found = by_key(scores)
    unscored = {key for key, score in found.items() if score.target_source is None}
    assert unscored == {("one", GOLD), ("one", 2), ("two", GOLD), ("three", GOLD)}
    assert {score.symmetric for score in scores} == {None}
    means = released(aligner, [("东京", "大阪"), ("Osaka", "大阪")])
    expected = [-1 / mean for mean in means]
    for index, reward in enumerate(expected):
        score = found["one", index].target_source
        assert score is not None
        assert -1 / score == pytest.approx(reward, rel=1e-5)
    # What the released strategy states as the gold's margin is the highest reward.
    pairing = make_pairs(SAMPLES[:1], scores, "released", PairingOptions())
    margins = [p.margin for p in pairing.pairs if p.chosen_origin == "gold"]
    assert margins == [pytest.approx(max(expected), rel=1e-5)]


def test_chrf_is_measured(aligner: Aligner, files: tuple[Path, Path]) -> None:
    align(*files, Measures(aligner, chrf()), SETTING)
    found = by_key(read_scores(files[1]))
    assert found["one", GOLD].chrf == found["one", 2].chrf == 100
    assert found["one", 1].chrf == 0


def test_cosines_with_an_encoder(aligner: Aligner, files: tuple[Path, Path]) -> None:
    known = {"大阪": (1.0, 0.0), "东京": (0.6, 0.8)}

    def encode(texts: list[str]) -> Any:
        return np.array([known.get(text, (0.0, 1.0)) for text in texts])

    align(*files, Measures(aligner, encode=encode), replace(SETTING, encoder="mine"))
    found = by_key(read_scores(files[1]))
    cosines = [found["one", index].cosine for index in range(GOLD, 3)]
    assert cosines == pytest.approx([1.0, 0.6, 0.0, 1.0])


# Going on


def many() -> list[Sample]:
    return [sample(f"{n}", ("东京", f"{n}")) for n in range(AT_ONCE + 6)]


def test_a_cut_file_goes_on_where_it_was(aligner: Aligner, tmp_path: Path) -> None:
    samples, whole, cut = (tmp_path / f"{n}.jsonl" for n in ("s", "whole", "cut"))
    write_records(samples, many())
    align(samples, whole, Measures(aligner), SETTING)
    content = whole.read_bytes()
    assert content.count(b"\n") == 3 * len(many())
    cut.write_bytes(content[: len(content) // 3])  # in the midst of a line
    beside = Path(f"{whole}.settings.json").read_text()
    Path(f"{cut}.settings.json").write_text(beside)
    told: list[tuple[int, int]] = []
    counts = align(
        samples,
        cut,
        Measures(aligner),
        SETTING,
        on_progress=lambda *done: told.append(done),
    )
    assert counts["before"] > 0
    assert counts["before"] + counts["scored"] == 3 * len(many())
    assert told[-1] == (3 * len(many()), 3 * len(many()))
    one, other = by_key(read_scores(whole)), by_key(read_scores(cut))
    assert one.keys() == other.keys()
    for key, score in one.items():
        assert score.symmetric is not None
        assert close(other[key].symmetric, score.symmetric)
    again = align(samples, cut, Measures(aligner), SETTING)
    assert again["scored"] == 0


def test_samples_may_grow(aligner: Aligner, files: tuple[Path, Path]) -> None:
    align(*files, Measures(aligner), SETTING)
    append(files[0], [sample("four", ("名古屋",))])
    assert align(*files, Measures(aligner), SETTING)["scored"] == 2
    assert ("four", 0) in by_key(read_scores(files[1]))


def test_other_samples_are_refused(aligner: Aligner, files: tuple[Path, Path]) -> None:
    align(*files, Measures(aligner), SETTING)
    write_records(files[0], [sample("one", ("名古屋",)), *SAMPLES[1:]])
    with pytest.raises(SettingsError, match="of other samples"):
        align(*files, Measures(aligner), SETTING)


@pytest.mark.parametrize(
    "change", [{"parity": True}, {"weights": "def"}, {"language_token": False}]
)
def test_other_settings_are_refused(
    aligner: Aligner, files: tuple[Path, Path], change: dict[str, Any]
) -> None:
    align(*files, Measures(aligner), SETTING)
    before = files[1].read_bytes()
    with pytest.raises(SettingsError, match=f"{next(iter(change))} was .* and is"):
        align(*files, Measures(aligner), replace(SETTING, **change))
    assert files[1].read_bytes() == before


def test_scores_of_unknown_settings_are_refused(
    aligner: Aligner, files: tuple[Path, Path]
) -> None:
    write_records(files[1], [Scores("one", 0)])
    with pytest.raises(SettingsError, match="which says how it was made"):
        align(*files, Measures(aligner), SETTING)


def test_a_language_without_a_token_is_refused_before_any_score(
    aligner: Aligner, files: tuple[Path, Path]
) -> None:
    write_records(files[0], [*SAMPLES, sample("la", ("Osaka",), target="la")])
    with pytest.raises(InputError, match="Latin"):
        align(*files, Measures(aligner), SETTING)
    assert not files[1].exists()


# The command


def test_the_command(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tiny_aligner.saved(tmp_path / "tiny"))
    words = ["align", "--samples", str(files[0]), "--out", str(files[1])]
    words += ["--aligner", folder, "--device", "cpu"]
    assert main([*words, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["samples"], report["before"], report["scored"]) == (3, 0, 9)
    assert report["setting"]["weights"]
    assert main(words) == 0
    assert "9 were there before" in capsys.readouterr().out
    assert main([*words, "--parity"]) == 1
    assert "parity was False and is True" in capsys.readouterr().err
    pairs = tmp_path / "pairs.jsonl"
    made = ["pair", "--samples", str(files[0]), "--scores", str(files[1])]
    assert main([*made, "--strategy", "paper", "--out", str(pairs)]) == 0
    assert len(pairs.read_text().splitlines()) == 4


def test_the_command_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(tiny_aligner.saved(tmp_path / "tiny"))
    out = tmp_path / "check.json"
    words = ["align", "check", "--aligner", folder, "--limit", "1", "--out", str(out)]
    assert main([*words, "--device", "cpu", "--by-direction"]) == 0
    printed = capsys.readouterr().out
    assert "gold above (all)" in printed and "en→zh" in printed
    found = json.loads(out.read_text(encoding="utf-8"))
    assert set(found["rewards"]) == {"source_target", "target_source", "symmetric"}
    assert len(found["rewards"]["symmetric"]["directions"]) > 132


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Name the files"),
        (["--parity", "--no-language-token"], "The released script counts"),
        (["--batch-size", "0"], "must be 1 or more"),
        (["--samples", "s", "--out", "o"], "train-aligner atlas-aligner-laptop"),
    ],
)
def test_mistakes(
    words: list[str],
    reason: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("XKDE_CHECKPOINTS", str(tmp_path))  # without atlas-aligner
    assert main(["align", *words]) == 1
    assert reason in capsys.readouterr().err
