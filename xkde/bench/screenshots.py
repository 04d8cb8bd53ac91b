"""The README's pictures: the app after a real ask, light, dark, on a phone, in Chinese.

Starts the app as a process of its own and presses its buttons in a browser. Pictures
are palette PNGs, small enough for a repository.

Run it: ``python -m xkde screenshots``
"""

import asyncio
import io
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any, Literal

from PIL import Image

from xkde import paths
from xkde.bench import browser
from xkde.bench import serving as serving_bench
from xkde.bench.app import serving

COLOURS = 192
DONE = ".status.done, .status.noted"
CROWD, ENDLESS = 200, 100  # visitors, asks of each
TRIES = 6
FILLING = 8.0  # seconds until their queue is full
SECONDS = 120_000  # milliseconds that an answer may take, its model not yet loaded


@dataclass(frozen=True)
class Picture:
    """One picture: which example is clicked, and how the page is looked at.

    ``explained`` opens the explanation; ``whole`` takes the page at full length;
    ``crowd``: so many others ask meanwhile, and the question is refused in words.
    """

    name: str
    chip: int = 1
    width: int = 1280
    height: int = 900
    scheme: Literal["light", "dark"] = "light"
    locale: Literal["en-US", "zh-CN"] = "en-US"
    explained: bool = False
    whole: bool = True
    crowd: int = 0


PICTURES = (
    Picture("ask-light"),
    Picture("ask-dark", scheme="dark"),
    Picture("twelve-light", chip=0),
    Picture("twelve-dark-chinese", chip=0, scheme="dark", locale="zh-CN"),
    Picture("ask-chinese", locale="zh-CN"),
    Picture("why-light", explained=True),
    Picture("queue-light", crowd=CROWD),
    Picture("queue-dark-chinese", scheme="dark", locale="zh-CN", crowd=CROWD),
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
        with asking(url, picture.crowd):
            for _ in range(TRIES if picture.crowd else 1):
                tab.locator("#chips button").nth(picture.chip).click()
                tab.wait_for_selector(f"{DONE}, .status.failed", timeout=SECONDS)
                if tab.locator(".status.failed").count():
                    break  # else there was room after all
        if picture.explained:
            tab.locator("#why button").first.click()
            tab.locator("#explain").click()
            tab.wait_for_selector(".chances", timeout=SECONDS)
        tab.mouse.move(0, 0)
        tab.evaluate("scrollTo(0, 0)")
        tab.wait_for_timeout(400)  # fonts and the last transition
        return _small(tab.screenshot(full_page=picture.whole))


@contextmanager
def asking(url: str, visitors: int) -> Iterator[None]:
    """Let so many others ask without end inside the block, until the queue is full."""
    if not visitors:
        yield
        return

    def ask() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(crowd)

    loop = asyncio.new_event_loop()
    crowd = loop.create_task(serving_bench.crowd(url, visitors, ENDLESS))
    thread = Thread(target=ask)
    thread.start()
    try:
        time.sleep(FILLING)
        yield
    finally:
        loop.call_soon_threadsafe(crowd.cancel)
        thread.join()
        loop.close()


def _small(image: bytes) -> bytes:
    """Return a PNG with a palette: a third of the size, no difference to see."""
    whole: Any = Image.open(io.BytesIO(image)).convert("RGB")
    small = io.BytesIO()
    whole.quantize(COLOURS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def take(
    folder: Path | None = None, pictures: Sequence[Picture] = PICTURES
) -> list[Path]:
    """Take pictures; each is written aside and renamed."""
    target = folder or paths.SCREENSHOTS
    target.mkdir(parents=True, exist_ok=True)
    taken = []
    with serving({"XKDE_BEHIND_PROXY": "1"}) as served:  # each of a crowd is somebody
        for picture in pictures:
            path = target / f"{picture.name}.png"
            aside = path.with_suffix(".part")
            aside.write_bytes(photograph(picture, served.url))
            os.replace(aside, path)
            taken.append(path)
    return taken
