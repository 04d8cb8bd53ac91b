"""The container has what the app needs, and its files name what exists."""

import json
import re
from pathlib import Path

import yaml

from pages.shell.guard import HEALTH
from pages.shell.pool import SERVER_VARIABLE
from pages.shell.visitors import LIMIT_VARIABLE
from xkde.checkpoints import CATALOGUE
from xkde.checkpoints.catalogue import PAIR_VARIABLE
from xkde.paths import EMBEDDED_CHECKPOINTS

ROOT = Path(__file__).resolve().parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    sources = [
        name
        for line in re.findall(r"^COPY (.*)$", DOCKERFILE, re.MULTILINE)
        for name in line.split()[:-1]
    ]
    assert {"app.py", "assets", "pages", "xkde", "requirements.txt"} <= set(sources)
    kept = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    for name in sources:
        assert (ROOT / name).exists()
        assert f"!{name}" in kept


def test_health_and_the_end_are_the_app_s() -> None:
    assert f":7860{HEALTH}" in DOCKERFILE
    assert 'CMD ["python", "app.py"]' in DOCKERFILE  # no shell before it takes SIGTERM
    assert "USER 1000" in DOCKERFILE


def test_vllm_serves_the_pair_under_its_names() -> None:
    app, vllm = COMPOSE["services"]["app"], COMPOSE["services"]["vllm"]
    assert {SERVER_VARIABLE, PAIR_VARIABLE, LIMIT_VARIABLE} == set(app["environment"])
    words = vllm["command"].split()
    served = words[words.index("--served-model-name") + 1]
    adapter = words[words.index("--lora-modules") + 1].partition("=")[0]
    assert CATALOGUE[adapter].base == CATALOGUE[served].reference
    config = EMBEDDED_CHECKPOINTS / adapter / "adapter_config.json"
    rank = json.loads(config.read_text(encoding="utf-8"))["r"]
    assert int(words[words.index("--max-lora-rank") + 1]) >= rank
