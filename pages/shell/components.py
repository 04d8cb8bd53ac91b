"""Handlers that fill components by name, never by position."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any

import gradio as gr
from gradio.blocks import Block

Outputs = dict[str, Any]  # a component's name -> what fills it


def by_name(
    handler: Callable[..., Any], components: Mapping[str, Block]
) -> Callable[..., Any]:
    """Return a handler as Gradio takes it, of one that returns or yields ``Outputs``.

    A component that is not named stays as it is. The signature is kept: Gradio reads
    from it whether a request or an event is wanted.
    """

    def fill(outputs: Outputs) -> object:
        return {components[name]: value for name, value in outputs.items()} or gr.skip()

    if isgeneratorfunction(handler):

        @wraps(handler)
        def steps(*values: object) -> Iterator[Any]:
            for outputs in handler(*values):
                yield fill(outputs)

        return steps

    @wraps(handler)
    def step(*values: Any) -> Any:
        return fill(handler(*values))

    return step
