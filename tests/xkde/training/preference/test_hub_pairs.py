"""Datasets of the Hub: ids that are none, no network, rows as the reader gives them."""

from typing import Any

import datasets
import pytest

from xkde.errors import DataError, InputError
from xkde.training.preference import hub_pairs
from xkde.training.preference.hub_pairs import open_hub_pairs

ROWS = [
    {"prompt": "a", "chosen": "b", "rejected": "c"},
    {"prompt": "a", "chosen": "b", "rejected": ""},
    {"prompt": "d", "chosen": "e", "rejected": "f"},
]


@pytest.mark.parametrize(
    "name",
    ["", "one", "../up", "a/b/c", "/etc", "assets/results", "assets/results:train"],
)
def test_only_ids_are_taken(name: str) -> None:
    with pytest.raises(InputError, match="owner/name"):
        open_hub_pairs(name)


def test_without_a_network_it_is_said() -> None:
    with pytest.raises(DataError, match="cannot be reached"):
        open_hub_pairs("nobody/nothing")


def test_rows_are_streamed_and_bad_ones_counted(monkeypatch: Any) -> None:
    asked: dict[str, Any] = {}

    def given(name: str, **options: Any) -> datasets.IterableDataset:
        asked.update(options, name=name)
        return datasets.Dataset.from_list(ROWS).to_iterable_dataset()

    monkeypatch.setattr(hub_pairs.datasets, "load_dataset", given)
    opened, whole = open_hub_pairs("some/body")
    assert asked == {"name": "some/body", "split": "train", "streaming": True}
    assert (opened.pairs.num_rows, whole) == (2, True)
    assert opened.left_out == {"empty_answer": 1}
    first, whole = open_hub_pairs("some/body", most=1)
    assert (first.pairs.num_rows, whole) == (1, False)
    first, whole = open_hub_pairs("some/body", patience=-1)  # one row at least
    assert (first.pairs.num_rows, whole) == (1, False)
    assert open_hub_pairs("some/body", most=3).whole


def test_a_split_is_named_after_a_colon(monkeypatch: Any) -> None:
    def given(name: str, **options: Any) -> datasets.IterableDataset:
        assert (name, options["split"]) == ("some/body", "test_prefs")
        return datasets.Dataset.from_list(ROWS).to_iterable_dataset()

    monkeypatch.setattr(hub_pairs.datasets, "load_dataset", given)
    assert open_hub_pairs("some/body:test_prefs").whole


def test_what_cannot_be_read_is_said(monkeypatch: Any) -> None:
    def given(name: str, **_: Any) -> None:
        raise ValueError("Bad split: train. Available splits: ['test']")

    monkeypatch.setattr(hub_pairs.datasets, "load_dataset", given)
    with pytest.raises(DataError, match=r"Available splits.*some/body:split"):
        open_hub_pairs("some/body")


def test_a_dataset_with_a_script_is_said(monkeypatch: Any) -> None:
    def given(name: str, **_: Any) -> None:
        raise RuntimeError("Dataset scripts are no longer supported, but found body.py")

    monkeypatch.setattr(hub_pairs.datasets, "load_dataset", given)
    with pytest.raises(DataError, match=r"no longer supported.*upload a file"):
        open_hub_pairs("some/body")
