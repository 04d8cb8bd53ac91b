"""A visitor's request as a handler of Gradio gets it, without a server."""

from types import SimpleNamespace
from typing import Any

from pages.shell.strings import LOCALES, Interface

# Who calls a handler from a program: no page, no language.
NOBODY: Any = SimpleNamespace(
    request=None, query_params={}, headers={}, session_hash="nobody"
)


def request_of(interface: Interface = "en", session: str = "somebody") -> Any:
    """Return the request of somebody who reads a language."""
    return SimpleNamespace(
        request=True,
        query_params={"lang": LOCALES[interface]},
        headers={},
        session_hash=session,
        client=None,
    )
