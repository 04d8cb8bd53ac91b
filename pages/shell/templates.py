"""All HTML of the app: Jinja2 templates that lie beside the page that shows them.

A template is named by its page's folder: ``edit_and_ask/answers.html`` is the file
``pages/edit_and_ask/templates/answers.html``; ``about.html`` lies in
``pages/templates``. Everything that goes into one is escaped, whoever wrote it; what is
HTML already is ``Markup``. An unknown name in a template is an error.

The pattern for a page: a function gathers what is to be seen in a frozen record or a
few plain values, in no language where it can be, and ends with one ``render``::

    def verdict_html(verdict: Verdict, interface: Interface) -> str:
        return render("edit_and_ask/verdict.html", interface, verdict=verdict)

Every template may use

- ``tr("tally", n=3)``: a text of ``assets/strings`` in the interface's language,
- ``both("promise")``: a text in both languages, for HTML that is made only once,
- ``interface``: "en" or "zh",
- ``language("zh")``: a language's entry, with its own name and direction,
- ``{% from "shell/text.html" import text_in, badge, hint %}``: shared macros.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pages.shell.strings import INTERFACES, Interface, both, tr, words_for
from xkde.languages import language

PAGES = Path(__file__).resolve().parent.parent


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Return the one environment; it compiles a template when it is first used."""
    made = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(both=both, language=language)
    return made


def render(template: str, interface: Interface = "en", /, **values: object) -> str:
    """Return a template filled in; its texts are in the interface's language."""
    return (
        environment()
        .get_template(template)
        .render(
            tr=partial(_tr, interface),
            words_for=partial(words_for, interface=interface),
            interface=interface,
            **values,
        )
    )


def markup(template: str, interface: Interface = "en", /, **values: object) -> Markup:
    """Return the same for use within another template."""
    return Markup(render(template, interface, **values))


def in_both(make: Callable[..., str], *values: object) -> str:
    """Return what ``make(*values, interface)`` gives in both languages, one shown.

    For what stands on the page before anybody has asked for it.
    """
    made = {code: Markup(make(*values, code)) for code in INTERFACES}
    return render("shell/in_both.html", **made)


def _tr(interface: Interface, key: str, **values: object) -> str:
    return tr(key, interface, **values)


def _source(name: str) -> tuple[str, str, None] | None:
    """Return what Jinja2 asks of a loader: the text and the file of a template."""
    *folders, file = name.split("/")
    path = PAGES.joinpath(*folders, "templates", file)
    if not path.is_file():
        return None
    return path.read_text(encoding="utf-8"), str(path), None
