"""What the tests of pages share: a pool of their own, a visit in a browser."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.visits import Visit
from xkde.bench import browser
from xkde.bench.app import Served
from xkde.engines.pool import Pool


@pytest.fixture
def pool(atlas_checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> Pool:
    """A pool of tiny models, in every page that has imported the one they share."""
    fresh = Pool()
    for name, module in list(sys.modules.items()):
        if name.startswith("pages.") and hasattr(module, "POOL"):
            monkeypatch.setattr(module, "POOL", fresh)
    return fresh


@pytest.fixture
def visit(served: Served, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """One page of the running app, as the test's parameter has it."""
    with browser.page(served.url, **getattr(request, "param", {})) as tab:
        yield Visit(tab, served.url)
