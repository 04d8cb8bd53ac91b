"""Locality by hand: equal tokens, equal texts."""

import pytest

from xkde.evaluation.scoring.answers import is_unchanged, unchanged_tokens


def test_share_of_equal_tokens() -> None:
    assert unchanged_tokens((1, 2, 3, 4), (1, 5, 3, 6)) == 0.5
    assert unchanged_tokens((7,), (7,)) == 1.0
    with pytest.raises(ValueError, match="argument 2"):
        unchanged_tokens((1,), (1, 2))


def test_texts_are_compared_after_normalisation() -> None:
    assert is_unchanged("Osaka.", "osaka")
    assert not is_unchanged("Osaka", "大阪")
