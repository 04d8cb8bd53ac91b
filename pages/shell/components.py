"""Events: their options, and handlers that fill components by name, not position."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, Literal, TypedDict

import gradio as gr
from gradio.blocks import Block

Components = dict[str, Any]  # by name; Gradio adds their events at run time
Outputs = dict[str, object]  # a component's name -> what fills it


class Concurrency(TypedDict, total=False):
    """Which events wait for one another, and how many of them run at once."""

    concurrency_id: str
    concurrency_limit: int


class EventOptions(Concurrency, total=False):
    """How Gradio runs an event."""

    api_visibility: Literal["public", "private"]
    show_progress: Literal["full", "hidden"]
    queue: bool


QUIET: EventOptions = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: EventOptions = {**QUIET, "queue": False}


def by_name(
    handler: Callable[..., Any], components: Mapping[str, Block]
) -> Callable[..., object]:
    """Return a handler as Gradio takes it, of one that returns or yields ``Outputs``.

    A component that is not named stays as it is. The signature is kept: Gradio reads
    from it whether a request or an event is wanted.
    """

    def fill(outputs: Outputs) -> object:
        return {components[name]: value for name, value in outputs.items()} or gr.skip()

    if isgeneratorfunction(handler):

        @wraps(handler)
        def steps(*values: object) -> Iterator[object]:
            for outputs in handler(*values):
                yield fill(outputs)

        return steps

    @wraps(handler)
    def step(*values: object) -> object:
        return fill(handler(*values))

    return step
