"""A page of the app in Chromium, in four looks, with what went wrong on it.

Every page may reach only the app itself, must throw nothing, scroll nowhere sideways
and satisfy axe but for two findings in Gradio's own footer and table search.
"""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from xkde.bench import browser

# The marks of a file of tests in a browser
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(browser.chromium() is None, reason="no Chromium here"),
]

GRADIO_S_OWN = {"image-redundant-alt", "label-title-only"}
DONE = ".status.done, .status.noted"
# Cancelling what has just ended, or has not begun, is answered so.
HARMLESS = ("/cancel", "/reset")
LOOKS = [
    {"scheme": scheme, "locale": locale, "width": width}
    for scheme, locale, width in (
        ("light", "en-US", 1280),
        ("dark", "zh-CN", 1280),
        ("dark", "en-US", 390),
        ("light", "zh-CN", 390),
    )
]


# Gradio pales what is being made anew, so that its text has little contrast meanwhile.
SETTLED = (
    "[...document.querySelectorAll('.pending')]"
    ".every((each) => getComputedStyle(each).opacity === '1')"
)


class Visit:
    """One page with what went wrong on it."""

    def __init__(self, tab: Any, url: str) -> None:
        self.tab, self.url = tab, url
        self.wrong: list[str] = []
        tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        tab.on("requestfailed", self._failed)
        tab.on("response", self._answered)
        tab.set_default_timeout(30_000)

    def _failed(self, request: Any) -> None:
        if not request.url.startswith(self.url):
            self.wrong.append(f"outside: {request.url}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400 and not response.url.endswith(HARMLESS):
            self.wrong.append(f"{response.status} {response.url}")

    def open(self, query: str = "") -> Any:
        self.tab.goto(self.url + query)
        # Another tab may already hide it: a link can name the tab to open.
        self.tab.locator("#ask").wait_for(state="attached")
        self.tab.wait_for_function("document.querySelector('#new-answer')")
        self.tab.wait_for_timeout(500)
        return self.tab

    def chip(self, index: int) -> None:
        self.tab.locator("#chips button").nth(index).click()
        self.tab.wait_for_selector(DONE)

    def open_tab(self, slug: str) -> None:
        """Open a tab of the app."""
        self.tab.locator(f"#tab-{slug}-button").click()

    def check(self) -> None:
        """Assert that nothing was wrong and that the page is in good order."""
        assert self.wrong == [], self.wrong
        width = self.tab.evaluate("innerWidth")
        assert self.tab.evaluate("document.documentElement.scrollWidth") <= width
        # On a busy machine something may turn pale while axe looks: a fault stays.
        found = self.faults()
        if "color-contrast" in found:
            found = self.faults()
        assert found == {}, found

    def faults(self) -> dict[str, list[str]]:
        """Return the rules of axe that the settled page breaks, and where."""
        self.tab.wait_for_function(SETTLED)
        violations = Axe().run(self.tab).response["violations"]
        found = {each["id"]: short(each) for each in violations}
        return {rule: at for rule, at in found.items() if rule not in GRADIO_S_OWN}


def short(violation: dict[str, Any]) -> list[str]:
    """Return where a rule of axe is broken."""
    return [node["html"][:200] for node in violation["nodes"][:4]]
