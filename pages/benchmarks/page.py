"""Benchmarks: what the paper prints, what was measured here, and the cases behind it.

Four views beside each other, each in a folder of its own; ``?view=`` names the one that
is open. Knows only how to open a view, not what is in it.
"""

from collections.abc import Callable

import gradio as gr

from pages.benchmarks.cases import page as cases
from pages.benchmarks.editors import page as editors
from pages.benchmarks.measured import page as measured
from pages.benchmarks.published import page as published
from pages.shell.look import Header
from pages.shell.strings import label

TITLE = "tab_benchmarks"

# slug for links -> (key of the title, builder)
VIEWS: dict[str, tuple[str, Callable[[gr.Blocks], None]]] = {
    "published": ("view_published", published.build),
    "measured": ("view_measured", measured.build),
    "editors": ("view_editors", editors.build),
    "cases": ("view_cases", cases.build),
}

# Writes into the address which view is open. The first one says so once by itself, when
# the tab is first opened: then the address may name another one.
VIEW_SCRIPT = """
() => {
  const made = window.xkdeViews;
  window.xkdeViews = true;
  const query = new URLSearchParams(location.search);
  if (query.get("tab") !== "benchmarks" || (!made && query.has("view"))) return;
  query.set("view", "SLUG");
  xkdeAddress(query);
}
"""

# Tabs within a tab select none by themselves when they are first seen.
FIRST_SCRIPT = """
() => {
  const selectFirst = (tries) => {
    const tabs = [...document.querySelectorAll("#views > .tab-wrapper [role=tab]")];
    if (tabs.some((tab) => tab.getAttribute("aria-selected") === "true")) return;
    if (tabs.length) tabs[0].click();
    else if (tries) setTimeout(selectFirst, 50, tries - 1);
  };
  setTimeout(selectFirst, 50, 100);
}
"""


def build(root: gr.Blocks, header: Header) -> None:
    """Make the four views."""
    with gr.Tabs(elem_id="views") as views:
        for slug, (title, build_view) in VIEWS.items():
            with gr.Tab(label(title), id=slug, elem_id=f"view-{slug}") as view:
                build_view(root)
            view.select(
                None,
                js=VIEW_SCRIPT.replace("SLUG", slug),
                api_visibility="private",
            )
    tab = views.parent
    assert isinstance(tab, gr.Tab)
    tab.select(None, js=FIRST_SCRIPT, api_visibility="private")
    wanted = gr.State("")
    root.load(wanted_view, None, wanted, api_visibility="private")
    wanted.change(opened_view, wanted, views, api_visibility="private")


def wanted_view(request: gr.Request) -> str:
    """Return the view that the address names; nothing if it names another tab.

    A tab that is opened by the address, not by a click, selects none by itself.
    """
    query = request.query_params if request.request else {}
    if query.get("tab") != "benchmarks":
        return ""
    slug = query.get("view", "")
    return slug if slug in VIEWS else next(iter(VIEWS))


def opened_view(slug: str) -> gr.Tabs:
    """Open a view."""
    return gr.Tabs(selected=slug)
