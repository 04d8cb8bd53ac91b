"""A Space's files are listed, then go to the Hub in one commit, large ones apart."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi, constants

from tests.helpers import hub_server
from tests.helpers.hub_server import Hub
from xkde.__main__ import main
from xkde.errors import DownloadError, InputError, SettingsError
from xkde.hub import space
from xkde.hub.space import check_front_matter, space_files, upload

FRONT = "---\n" + "".join(f"{key}: x\n" for key in space.WANTED) + "---\n# App\n"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub_server.serving({}) as served:
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        api = HfApi(endpoint=served.endpoint, token=served.token)
        monkeypatch.setattr(space, "HfApi", lambda: api)
        yield served


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    files = {
        "README.md": FRONT,
        "app.py": "print()",
        "requirements.txt": "torch==1\n",
        "requirements-gemma.txt": "gemma==1\n",
        "tests/test_app.py": "",
        "Dockerfile": "FROM x",
        "untracked.txt": "private",
        "assets/weights.bin": "w" * (hub_server.LFS_FROM + 1),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    tracked = [name for name in files if name != "untracked.txt"]
    subprocess.run([*git, "add", *tracked], check=True)
    return tmp_path


def test_what_a_space_needs_and_no_more(checkout: Path) -> None:
    files = space_files(checkout, with_gemma=True, index="https://example.org/cpu")
    names = [file.name for file in files]
    assert names == [
        "README.md", "app.py", "assets/weights.bin", "requirements-gemma.txt",
        "requirements.txt",
    ]  # fmt: skip
    assert files[-1].content == (
        b"--extra-index-url https://example.org/cpu\ntorch==1\ngemma==1\n"
    )


def test_all_goes_up_in_one_commit(checkout: Path, hub: Hub) -> None:
    files = space_files(checkout)
    assert upload("someone/x-kde", files) == f"{hub.endpoint}/spaces/someone/x-kde"
    assert hub.created == [{"name": "x-kde", "type": "space", "sdk": "gradio"}]
    assert len(hub.commits) == 1
    assert set(hub.commits[0]) == {file.name for file in files}
    large = (checkout / "assets/weights.bin").read_bytes()
    assert list(hub.stored.values()) == [large]
    assert hub.commits[0]["app.py"] == b"print()"


def test_refusals_come_in_words(checkout: Path, hub: Hub) -> None:
    with pytest.raises(InputError, match="OWNER/NAME"):
        upload("nobody", space_files(checkout))
    hub.fault = "401"
    with pytest.raises(DownloadError, match=r"token|log"):
        upload("someone/x-kde", space_files(checkout))
    assert hub.commits == []
    (checkout / "README.md").write_text("# No front matter")
    with pytest.raises(SettingsError, match="lacks title"):
        space_files(checkout)


def test_this_checkout_is_a_space(capsys: pytest.CaptureFixture[str]) -> None:
    stated = check_front_matter(space.paths.ROOT / "README.md")
    assert (stated["sdk"], stated["app_file"]) == ("gradio", "app.py")
    command = ["deploy", "space", "someone/x-kde", "--dry-run", "--json"]
    assert main(command) == 0
    listed = json.loads(capsys.readouterr().out)
    uploads = {each["name"]: each for each in listed["uploads"]}
    assert uploads["assets/checkpoints/atlas-base/model.safetensors"]["large"]
    assert {"app.py", "README.md", "LICENSE"} <= set(uploads)
    assert not any(name.startswith("tests/") for name in uploads)
