"""The README's pictures: the app after a real ask, light, dark, on a phone, in Chinese.

Starts the app as a process of its own and presses its buttons in a browser. Pictures
are palette PNGs, small enough for a repository.

Run it: ``python -m xkde screenshots``
"""

import io
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from PIL import Image

from xkde import paths
from xkde.bench import browser
from xkde.bench.app import serving

COLOURS = 192
DONE = ".status.done, .status.noted"
SECONDS = 120_000  # milliseconds that an answer may take, its model not yet loaded


@dataclass(frozen=True)
class Picture:
    """One picture: which example is clicked, and how the page is looked at.

    ``explained`` opens the explanation; ``whole`` takes the page at full length.
    """

    name: str
    chip: int = 1
    width: int = 1280
    height: int = 900
    scheme: Literal["light", "dark"] = "light"
    locale: Literal["en-US", "zh-CN"] = "en-US"
    explained: bool = False
    whole: bool = True


PICTURES = (
    Picture("ask-light"),
    Picture("ask-dark", scheme="dark"),
    Picture("twelve-light", chip=0),
    Picture("twelve-dark-chinese", chip=0, scheme="dark", locale="zh-CN"),
    Picture("ask-chinese", locale="zh-CN"),
    Picture("why-light", explained=True),
    Picture("phone-light", width=390, height=844),
    Picture("phone-dark-chinese", width=390, height=844, scheme="dark", locale="zh-CN"),
)


def photograph(picture: Picture, url: str) -> bytes:
    """Return a picture as a palette PNG."""
    with browser.page(
        url,
        width=picture.width,
        height=picture.height,
        scheme=picture.scheme,
        locale=picture.locale,
    ) as tab:
        tab.goto(url)
        tab.locator("#chips button").nth(picture.chip).click()
        tab.wait_for_selector(DONE, timeout=SECONDS)
        if picture.explained:
            tab.locator("#why button").first.click()
            tab.locator("#explain").click()
            tab.wait_for_selector(".chances", timeout=SECONDS)
        tab.mouse.move(0, 0)
        tab.evaluate("scrollTo(0, 0)")
        tab.wait_for_timeout(400)  # fonts and the last transition
        return _small(tab.screenshot(full_page=picture.whole))


def _small(image: bytes) -> bytes:
    """Return a PNG with a palette: a third of the size, no difference to see."""
    whole: Image.Image = Image.open(io.BytesIO(image)).convert("RGB")
    small = io.BytesIO()
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def take(folder: Path | None = None) -> list[Path]:
    """Take all pictures; each is written aside and renamed."""
    target = folder or paths.SCREENSHOTS
    target.mkdir(parents=True, exist_ok=True)
    taken = []
    with serving() as served:
        for picture in PICTURES:
            path = target / f"{picture.name}.png"
            aside = path.with_suffix(".part")
            aside.write_bytes(photograph(picture, served.url))
            os.replace(aside, path)
            taken.append(path)
    return taken
