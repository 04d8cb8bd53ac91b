"""The interface's words in English and Chinese: one file for each, equal keys.

``label`` returns what Gradio translates in the browser, ``tr`` a text for a handler,
and ``both`` static HTML that the style sheet switches. The language of a visit is
``?lang=``, which the head script keeps in the address, or else the browser's own.

The package says errors and notes in English, as a template with its values
(``xkde.errors``); ``notices_zh.json`` has the Chinese template of each that the pages
show. One that is not there stays English.
"""

import json
from functools import lru_cache
from typing import Literal

import gradio as gr
from gradio.i18n import I18nData
from markupsafe import Markup

from xkde import paths
from xkde.errors import Notice, XkdeError

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


def tr(key: str, interface: Interface, /, **values: object) -> str:
    """Return a text in the interface's language, its places filled."""
    return strings()[interface][key].format(**values)


def words_for(kind: str, value: str, interface: Interface) -> str:
    """Return the words for what a file says ("defect_", "…"), or the value as it is."""
    key = kind + value
    return tr(key, interface) if key in strings()[interface] else value


def both(key: str) -> Markup:
    """Return HTML that holds a text in both languages; the style sheet shows one."""
    span = Markup('<span class="say-{}" lang="{}">{}</span>')
    return Markup("").join(
        span.format(code, LOCALES[code], texts[key])
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


def in_words(error: XkdeError | str, interface: Interface) -> str:
    """Return an error's or a note's words, in the interface's language if known."""
    words = error.notice if isinstance(error, XkdeError) else error
    if interface == "en" or not isinstance(words, Notice):
        return str(words)
    template = chinese().get(words.template)
    if template is None:
        return str(words)
    values = {name: _value(each, interface) for name, each in words.values.items()}
    return template.format(**values)


def shown_error(error: XkdeError, interface: Interface) -> gr.Error:
    """Return it as Gradio shows it."""
    words = in_words(error, interface)
    return gr.Error(words, title=tr("toast_title", interface), print_exception=False)


@lru_cache(maxsize=1)
def chinese() -> dict[str, str]:
    """Return the Chinese template of each English one."""
    path = paths.STRINGS / "notices_zh.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _value(value: object, interface: Interface) -> object:
    """Return a value of a notice: notices within it are translated as well."""
    if isinstance(value, tuple):
        words = [str(_value(each, interface)) for each in value]
        return tr("list_gap", interface).join(words)
    return in_words(value, interface) if isinstance(value, Notice) else value
