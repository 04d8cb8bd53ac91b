"""A headless Chromium on one address: for pictures of the app and its first paint.

Playwright is a development dependency and Chromium the system's own; both are looked
for only when a page is opened. Nothing outside the app's address is ever fetched.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from xkde.errors import SettingsError

if TYPE_CHECKING:
    from playwright.sync_api import Page

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--hide-scrollbars"
).split()


def chromium() -> str | None:
    """Return the system's Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def page(
    url: str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: Literal["light", "dark"] = "light",
    locale: str = "en-US",
) -> Iterator["Page"]:
    """Give a fresh Playwright page that can reach nothing but the app."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise SettingsError(
            "Playwright is not installed. Run: pip install playwright"
        ) from error
    executable = chromium()
    if executable is None:
        raise SettingsError(
            "There is no Chromium here. Install it with your system's packages."
        )
    allowed = urlsplit(url).netloc
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=executable, args=FLAGS)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            locale=locale,
            reduced_motion="reduce",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.route(
            lambda address: urlsplit(address).netloc not in (allowed, ""),
            lambda route: route.abort(),
        )
        yield context.new_page()
        browser.close()
