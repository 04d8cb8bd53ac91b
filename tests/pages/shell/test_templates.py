"""Templates: found beside their page, always escaped, none with an error in it."""

import re

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from markupsafe import Markup

from pages.shell.plots import layout
from pages.shell.templates import PAGES, environment, render


def names() -> list[str]:
    """Return the name of every template of the app."""
    files = sorted(PAGES.glob("**/templates/*.html"))
    folders = [path.parent.parent.relative_to(PAGES) for path in files]
    return [
        (folder / path.name).as_posix()
        for folder, path in zip(folders, files, strict=True)
    ]


# What is rendered by a template already, and put into another one as it is.
RENDERED = {
    "benchmarks/cases/frame.html": ["case"],
    "benchmarks/status.html": ["words"],
    "benchmarks/measured/languages.html": ["legend"],
    "benchmarks/measured/probes.html": ["legend"],
}


def test_nothing_else_goes_round_the_escaping() -> None:
    found = {}
    for name in names():
        folder, _, file = name.rpartition("/")
        text = (PAGES / folder / "templates" / file).read_text("utf-8")
        assert "autoescape" not in text
        if marked := re.findall(r"(\w+)\s*\|\s*safe\b", text):
            found[name] = marked
    assert found == RENDERED


@pytest.mark.parametrize("name", names())
def test_every_template_compiles(name: str) -> None:
    assert environment().get_template(name)


def test_what_is_put_into_a_template_is_escaped() -> None:
    source = '{% from "shell/text.html" import text_in %}{{ text_in(text, "fr") }}'
    html = environment().from_string(source).render(text="<b>&</b>")
    assert html == '<span class="" lang="fr" dir="ltr">&lt;b&gt;&amp;&lt;/b&gt;</span>'
    assert environment().from_string("{{ a }}").render(a=Markup("<i>")) == "<i>"


def test_a_template_speaks_the_interfaces_language() -> None:
    environment.cache_clear()
    template = environment().from_string('{{ tr("ask") }}')
    assert template.render(tr=lambda key: key) == "ask"
    both = render("shell/paragraph.html", kind="hint", key="ask", mark="")
    assert 'class="say-en"' in both and 'class="say-zh"' in both


def test_unknown_names_are_errors() -> None:
    with pytest.raises(TemplateNotFound):
        render("edit_and_ask/nowhere.html")
    with pytest.raises(UndefinedError):
        render("shell/paragraph.html", kind="hint", mark="")


def test_a_layout_keeps_what_is_asked_beside_the_common_look() -> None:
    made = layout(height=300, y={"range": [0, 1]}, legend=1.02, barmode="stack")
    assert made["height"] == 300 and made["barmode"] == "stack"
    assert made["yaxis"]["range"] == [0, 1] and made["yaxis"]["fixedrange"]
    assert made["legend"]["yanchor"] == "bottom" and made["showlegend"]
    assert not layout(height=300)["showlegend"]
