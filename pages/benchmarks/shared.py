"""What the views of Benchmarks share: events by component name, scripts, and words.

A view is built in four phases: ``layout`` makes its components, in a dictionary by
name; ``connect`` ties handlers to them; ``prefill`` gives the fields their choices and
values; ``render`` returns what is seen of a choice. Handlers take and return values by
the components' names, never by position.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

import gradio as gr

from pages.shell.components import QUIET, Components, EventOptions
from pages.shell.strings import Interface, strings, tr
from pages.shell.templates import render
from xkde.checkpoints import CATALOGUE
from xkde.editors.registry import EDITORS
from xkde.evaluation.results.rows import SCORE, SCORES
from xkde.languages import ATLAS_LANGUAGES, LANGUAGES
from xkde.types import PROBES

Named = dict[str, Any]  # values of components by name, or updates of them

# Runs are large: they are read one visitor after the other, and stay open.
READING: EventOptions = {
    **QUIET,
    "concurrency_id": "evaluations",
    "concurrency_limit": 1,
}
LONGEST = 50  # parameters of an address that are looked at
PLAIN_EDITORS = ("none", "prompt")  # their names are words, not proper names
X_KDE = "x-kde"
TRAINED = ("xe-it", "tl-po")  # stages that train a checkpoint for X-KDE's prompt


def by_name(
    handler: Callable[..., Any], inputs: Components, outputs: Components
) -> dict[str, Any]:
    """Return ``fn``, ``inputs`` and ``outputs`` of an event whose handler uses names.

    The handler is called with the inputs' values by name, then with the event's data
    where it has a parameter ``event``, then with the request. It returns, or yields,
    updates of outputs by name; what it leaves out stays.
    """

    def named(values: Mapping[object, object]) -> Named:
        return {name: values[component] for name, component in inputs.items()}

    def updates(named_updates: Named) -> dict[object, object]:
        return {outputs[name]: value for name, value in named_updates.items()}

    # Gradio reads from the parameters' types what to pass.
    def run(values: dict[object, object], request: gr.Request) -> object:
        return updates(handler(named(values), request))

    def run_of_event(
        values: dict[object, object], event: gr.EventData, request: gr.Request
    ) -> object:
        return updates(handler(named(values), event, request))

    def run_in_steps(
        values: dict[object, object], event: gr.EventData, request: gr.Request
    ) -> Iterator[object]:
        for step in handler(named(values), event, request):
            yield updates(step)

    fn: Callable[..., object] = run
    if inspect.isgeneratorfunction(handler):
        fn = run_in_steps
    elif "event" in inspect.signature(handler).parameters:
        fn = run_of_event
    return {"fn": fn, "inputs": set(inputs.values()), "outputs": [*outputs.values()]}


def picked(components: Components, *names: str) -> Components:
    """Return some of the components."""
    return {name: components[name] for name in names}


def address_of(event: gr.EventData, view: str) -> dict[str, str]:
    """Return the parameters of the address that a script reports, if of this view."""
    query = str(event.search).removeprefix("?")
    parameters = dict(parse_qsl(query, keep_blank_values=True)[:LONGEST])
    return parameters if parameters.get("view", view) == view else {}


def note(words: str, kind: str = "hint") -> str:
    """Return words of ours where numbers would be."""
    return render("benchmarks/note.html", words=words, kind=kind)


def lead(key: str) -> gr.HTML:
    """Make the first sentence of a view."""
    return gr.HTML(render("benchmarks/static.html", key=key, kind="lead", title=""))


def heading(title: str, key: str = "") -> gr.HTML:
    """Make a heading, with a caption beneath where ``key`` is given."""
    return gr.HTML(
        render("benchmarks/static.html", key=key, kind="caption", title=title)
    )


def language_name(code: str, interface: Interface) -> str:
    """Return a language's name in the interface's language."""
    name = LANGUAGES[code].name if code in LANGUAGES else code
    return strings()[interface].get(f"language_{code}", name)


def language_order(code: str) -> tuple[int, str]:
    """Return what languages are sorted by: Atlas's own order, then others."""
    known = code in ATLAS_LANGUAGES
    return (ATLAS_LANGUAGES.index(code) if known else len(ATLAS_LANGUAGES), code)


def probe_name(probe: str, interface: Interface) -> str:
    """Return a probe's name."""
    return tr(f"probe_{probe}", interface) if probe in PROBES else probe


def protocol_key(protocol: str) -> str:
    """Return the key of a protocol's name."""
    return f"measured_protocol_{protocol.replace('-', '_')}"


def protocol_name(protocol: str, interface: Interface) -> str:
    """Return a protocol's name."""
    return tr(protocol_key(protocol), interface)


def measure_name(measure: str, protocol: str, interface: Interface) -> str:
    """Return what a number of a protocol is."""
    name = SCORES[protocol] if measure == SCORE else measure
    return tr(f"measure_{name}", interface)


def editor_name(name: str, interface: Interface) -> str:
    """Return what an editor is called."""
    if name in PLAIN_EDITORS:
        return tr(f"measured_editor_{name}", interface)
    return EDITORS[name].label if name in EDITORS else name


def method_name(about: Mapping[str, object], interface: Interface) -> str:
    """Return what a run's edits are made with: an editor, and what differs from usual.

    X-KDE is a prompt and a checkpoint that was trained for it; on another checkpoint
    only the prompt is X-KDE's. Many edits may stand in a memory that is searched.
    """
    entry = CATALOGUE.get(str(about["checkpoint"]))
    is_untrained = entry is not None and entry.stage not in TRAINED
    if about["editor"] == X_KDE and is_untrained:
        return tr("measured_editor_in_prompt", interface)
    name = editor_name(str(about["editor"]), interface)
    return (
        tr("all_editors_memory", interface, name=name) if about.get("memory") else name
    )


def signed(value: float) -> str:
    """Return a difference with its sign; one that rounds to nothing has a plus."""
    return f"{round(value, 3) + 0.0:+.3f}"
