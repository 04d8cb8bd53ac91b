"""General tasks: lm-eval on a task of our own, into the store; and what needs none."""

import importlib.util
import json
from pathlib import Path

import pytest

from tests.helpers.result_samples import roomy_copy
from xkde.__main__ import main
from xkde.errors import DataError
from xkde.evaluation.results.rows import load_results
from xkde.evaluation.run.general import (
    Number,
    read_numbers,
    scores_of,
    texts_of,
    write_numbers,
)

HAS_LM_EVAL = importlib.util.find_spec("lm_eval") is not None
QUESTIONS = [
    {"question": "Capital of Japan?", "choices": ["Osaka", "Tokyo"], "label": 1},
    {"question": "Capital of France?", "choices": ["Paris", "Lyon"], "label": 0},
    {"question": "Capital of Italy?", "choices": ["Milan", "Rome"], "label": 1},
]
TASK = """
task: our_{kind}
dataset_path: json
dataset_kwargs:
  data_files:
    test: {file}
output_type: {kind}
test_split: test
doc_to_text: "{{{{question}}}}"
metadata:
  version: 1.0
"""
CHOICES = """doc_to_choice: "{{choices}}"
doc_to_target: "{{label}}"
metric_list:
  - metric: acc
    aggregation: mean
    higher_is_better: true
"""
GENERATED = """doc_to_target: "{{choices[label]}}"
generation_kwargs:
  until: ["."]
  do_sample: false
  max_gen_toks: 4
filter_list:
  - name: bare
    filter:
      - function: remove_whitespace
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
"""


def test_without_lm_eval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["general", "--tasks", "piqa"]) == 1
    assert "pip install “x-kde[general]”" in capsys.readouterr().err


def test_samples_become_texts_and_scores() -> None:
    chosen = {
        "target": 1,
        "arguments": [("Capital?", " Osaka"), ("Capital?", " Tokyo")],
        "filtered_resps": [(-3.5, False), (-1.25, False)],
        "metrics": ["acc", "acc_norm"],
        "acc": 1.0,
        "acc_norm": 0.0,
    }
    assert texts_of(chosen) == ("Tokyo", "Tokyo")
    assert scores_of(chosen) == {"exact": True}
    said = {
        "target": "Rome",
        "arguments": [("Capital?", {"until": ["."]})],
        "filtered_resps": ["Milan"],
        "metrics": ["exact_match", "f1"],
        "exact_match": 0,
        "f1": 0.25,
    }
    assert texts_of(said) == ("Rome", "Milan")
    assert scores_of(said) == {"exact": False, "f1": 0.25}
    rolling = {
        "target": "…",
        "arguments": [("…",)],
        "filtered_resps": [(-9.0,)],
        "metrics": ["word_perplexity"],
        "word_perplexity": (-9.0, 4),
    }
    assert texts_of(rolling) == ("…", None)
    assert scores_of(rolling) == {}


def test_numbers_are_kept(tmp_path: Path) -> None:
    told = {
        "results": {
            "mine": {
                "alias": "mine",
                "acc,none": 0.5,
                "acc_stderr,none": 0.1,
                "exact_match,strict": 0.25,
                "exact_match_stderr,strict": "N/A",
            }
        },
        "n-samples": {"mine": {"original": 9, "effective": 4}},
        "samples": {},
    }
    write_numbers(tmp_path, "mine", told)
    assert read_numbers(tmp_path) == [
        Number("mine", "acc", 0.5, 0.1, 4),
        Number("mine", "exact_match (strict)", 0.25, None, 4),
    ]
    (tmp_path / "general" / "mine.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        read_numbers(tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not HAS_LM_EVAL, reason="lm-eval is the extra “general”")
@pytest.mark.filterwarnings("ignore")  # of lm-eval and datasets
def test_a_task_of_our_own(
    atlas_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    folder = roomy_copy(atlas_folder, tmp_path / "roomy")
    tasks = tmp_path / "tasks"
    tasks.mkdir()
    lines = "\n".join(json.dumps(question) for question in QUESTIONS)
    (tasks / "questions.jsonl").write_text(lines, "utf-8")
    for kind, rest in (("multiple_choice", CHOICES), ("generate_until", GENERATED)):
        text = TASK.format(kind=kind, file=tasks / "questions.jsonl") + rest
        (tasks / f"{kind}.yaml").write_text(text, "utf-8")
    words = [
        "general", "--checkpoint", str(folder), "--include", str(tasks),
        "--tasks", "our_multiple_choice,our_generate_until", "--limit", "2",
        "--out", str(tmp_path / "run"), "--json",
    ]  # fmt: skip
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    numbers = {each["task"]: each for each in told["results"]}
    rows = load_results([tmp_path / "run"]).to_pylist()
    assert len(rows) == 4
    for task in ("our_multiple_choice", "our_generate_until"):
        mine = [row for row in rows if row["relation"] == task]
        assert [row["gold"] for row in mine] == ["Tokyo", "Paris"]
        assert numbers[task]["value"] == sum(row["exact"] for row in mine) / 2
        assert numbers[task]["n"] == 2
        assert all("Capital of" in row["prompt"] for row in mine)
        assert all(row["prompt"].startswith("<|bos|><|user|>") for row in mine)
    assert {row["notes"] for row in rows} == {"", "filter bare"}
    assert main(words) == 0  # all is there: no task is asked again
    assert json.loads(capsys.readouterr().out) == told
    assert main([*words, "--shots", "1"]) == 1
    assert "shots was None and is 1" in capsys.readouterr().err
    assert main([*words, "--tasks", "no_such_task"]) == 1
    assert "knows no task “no_such_task”" in capsys.readouterr().err
