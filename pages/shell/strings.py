"""The interface's words in English and Chinese: one file for each, equal keys.

``label`` gives what Gradio translates in the browser, ``tr`` what handlers say, and
``both`` static HTML that the style sheet switches. The language of a visit is
``?lang=``, which the head script keeps in the address, or else the browser's own.

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``
"""

import html
import json
from functools import lru_cache
from typing import Literal

import gradio as gr
from gradio.i18n import I18nData

from xkde import paths

Interface = Literal["en", "zh"]
INTERFACES: tuple[Interface, ...] = ("en", "zh")
LOCALES: dict[Interface, str] = {"en": "en", "zh": "zh-CN"}


@lru_cache(maxsize=1)
def strings() -> dict[Interface, dict[str, str]]:
    """Return every text by language and key."""
    return {
        code: json.loads((paths.STRINGS / f"{code}.json").read_text(encoding="utf-8"))
        for code in INTERFACES
    }


@lru_cache(maxsize=1)
def i18n() -> gr.I18n:
    """Return what ``launch(i18n=…)`` takes; "zh" serves zh-CN and zh-TW."""
    return gr.I18n(**strings())


def label(key: str) -> I18nData:
    """Return a text that the browser translates: for labels, values and choices."""
    if key not in strings()["en"]:
        raise KeyError(key)
    return i18n()(key)


def tr(key: str, say: Interface, /, **values: object) -> str:
    """Return a text in the interface's language, its places filled."""
    return strings()[say][key].format(**values)


def both(key: str) -> str:
    """Return escaped HTML that holds a text in both languages; CSS shows one."""
    return "".join(
        f'<span class="say-{code}" lang="{LOCALES[code]}">{html.escape(texts[key])}'
        "</span>"
        for code, texts in strings().items()
    )


def interface_language(request: gr.Request | None) -> Interface:
    """Return the language to answer a visitor in."""
    if request is None or request.request is None:
        return "en"
    asked = request.query_params.get("lang") or request.headers.get(
        "accept-language", ""
    )
    return "zh" if str(asked).lower().startswith("zh") else "en"
