"""The X-KDE app: composes the tabs and launches them. Run: ``python app.py``.

``GRADIO_SERVER_PORT`` chooses the port, ``GRADIO_SERVER_NAME`` the address, which is
127.0.0.1 unless this is a Space. The embedded models are loaded in the background once
the server is up, so that the page comes first; importing this module loads no model
library. SIGTERM takes no more asks and ends once those that run are answered.
"""

import argparse
import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress
from typing import Any

# Before Gradio is imported: no telemetry, no look-up of versions.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


import gradio as gr
from starlette.middleware import Middleware

from pages import PAGES
from pages.edit_and_ask import api as asking_api
from pages.edit_and_ask import models
from pages.preferences import api as pairs_api
from pages.shell import caching, guard, look, pool, strings
from pages.shell import look as page_header

SESSIONS = 256  # whose values Gradio keeps; an API call is a session, too, of 0.65 MB
DRAINING = 20.0  # seconds in which asks may still be answered after SIGTERM
M_ARENA_MAX, HEAPS = -8, 2  # an option of glibc's mallopt, from its malloc.h


def build() -> gr.Blocks:
    """Return the app, not yet launched."""
    demo = gr.Blocks(title="X-KDE", delete_cache=(3600, 3600))
    with demo:
        header = page_header.layout()
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            for slug, (title, build_page) in PAGES.items():
                with gr.Tab(
                    strings.label(title), id=slug, elem_id=f"tab-{slug}"
                ) as tab:
                    build_page(demo, header)
                tab.select(
                    None,
                    js=look.TAB_SCRIPT.replace("SLUG", slug),
                    api_visibility="private",
                )
        # Not straight into the tabs: even an update of nothing would go back to the
        # first one, and a visitor may have opened another by then.
        wanted = gr.State("")
        demo.load(wanted_tab, None, wanted, api_visibility="private")
        wanted.change(opened_tab, wanted, tabs, api_visibility="private")
        asking_api.connect()
        pairs_api.connect()
    demo.queue(default_concurrency_limit=1)
    caching.keep_configurations(demo)
    return demo


def wanted_tab(request: gr.Request) -> str:
    """Return the tab that the address names, or nothing."""
    slug = request.query_params.get("tab", "") if request.request else ""
    return slug if slug in PAGES else ""


def opened_tab(slug: str) -> gr.Tabs:
    """Open a tab."""
    return gr.Tabs(selected=slug)


def options() -> dict[str, Any]:
    """Return how the app is launched."""
    space = pool.on_space()
    return {
        "server_name": os.environ.get(
            "GRADIO_SERVER_NAME", "0.0.0.0" if space else "127.0.0.1"
        ),
        "theme": look.theme(),
        "css_paths": [look.STYLE_SHEET],
        "i18n": strings.i18n(),
        "app_kwargs": {
            "middleware": [
                Middleware(guard.Guard),
                Middleware(caching.PageCache),
                Middleware(look.HeadScript),
            ]
        },
        "ssr_mode": False,
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api", "settings"],
        "max_file_size": "5mb" if space else "500mb",
        "show_error": False,
        "max_threads": pool.MOST_THREADS,
        "state_session_capacity": SESSIONS,
    }


def share_heaps() -> None:
    """Let all threads share two heaps, where glibc's malloc is in use.

    Each thread would have one of its own, and what is free in one serves no other: the
    app took a third more memory after an hour of visitors. ``MALLOC_ARENA_MAX`` says
    another number.
    """
    if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError):  # another malloc, such as musl's
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, HEAPS)


def main() -> None:
    """Launch, load the embedded models, and stay until interrupted."""
    parser = argparse.ArgumentParser(description="The X-KDE app.")
    parser.add_argument(
        "--mcp",
        action="store_true",
        default=bool(os.environ.get("XKDE_MCP")),
        help="offer the endpoints to agents as MCP tools",
    )
    parser.add_argument(
        "--server",
        default=pool.server(),
        metavar="URL",
        help="let “vllm serve” answer, for instance http://127.0.0.1:8000/v1",
    )
    arguments = parser.parse_args()
    share_heaps()
    os.environ[pool.SERVER_VARIABLE] = arguments.server
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    demo = build()
    if pool.on_zero_gpu():  # its processes are copies of this one, models included
        models.start_defaults()
        for name in (pool.BASE, pool.EDITED):
            pool.POOL.wait(name, pool.PATIENCE)
    demo.launch(**options(), prevent_thread_lock=True, mcp_server=arguments.mcp)
    models.start_defaults()
    with suppress(KeyboardInterrupt):
        ended.wait()
        pool.SCHEDULER.close(DRAINING)
    demo.close(verbose=False)


if __name__ == "__main__":
    main()
