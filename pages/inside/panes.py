"""What one look at one model shows: a pane of HTML, and a figure beside it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pages.inside.plots import lens_plot, map_plot, shown, states_plot, trace_plot
from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde.asking.looking_inside import InsideQuestion

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from xkde.asking.looks import Seen
    from xkde.inside.attribution import Attribution
    from xkde.inside.lens import Lens
    from xkde.inside.states import LanguageStates
    from xkde.inside.trace import CausalTrace


@dataclass(frozen=True)
class PaneShown:
    """One pane: its HTML and its figure, if it has one."""

    html: str
    figure: "go.Figure | None" = None


@dataclass(frozen=True)
class TokenShown:
    """One token of a prompt with its two shares, in percent."""

    text: str
    part: str
    attention: float | None
    gradient: float
    sign: str


def pane_of(
    seen: "Seen", pane: str, model: str, asked: InsideQuestion, interface: Interface
) -> PaneShown:
    """Return one look at one model as it is shown."""
    from xkde.inside.attribution import Attribution
    from xkde.inside.lens import Lens, LensMap
    from xkde.inside.states import LanguageStates
    from xkde.inside.trace import CausalTrace

    figure: go.Figure | None = None
    tokens: list[TokenShown] = []
    parts: list[tuple[str, float | None, float]] = []
    if isinstance(seen, Lens):
        sentences = lens_words(seen, interface)
        figure = lens_plot(seen, interface)
    elif isinstance(seen, LensMap):
        word = next((text for _, _, text in asked.answers if text), "")
        sentences = [tr("inside_map_words", interface, word=word)]
        figure = map_plot(seen, seen.texts, interface)
    elif isinstance(seen, CausalTrace):
        sentences = trace_words(seen, interface)
        figure = trace_plot(seen, interface)
    elif isinstance(seen, LanguageStates):
        sentences = states_words(seen, interface)
        names = [tr(f"language_{code}", interface) for code in seen.languages]
        figure = states_plot(seen, len(seen.states) - 1, names, interface)
    else:
        assert isinstance(seen, Attribution)
        sentences = [tr("inside_answer", interface, answer=seen.answer)]
        if not seen.attention:
            sentences.append(tr("inside_no_attention", interface))
        tokens, parts = token_rows(seen), part_rows(seen)
    html = render(
        "inside/pane.html",
        interface,
        pane=pane,
        model=model,
        sentences=sentences,
        tokens=tokens,
        parts=parts,
    )
    return PaneShown(html, figure)


def lens_words(lens: "Lens", interface: Interface) -> list[str]:
    """Return in sentences where the answer decides and which language comes first."""
    last = lens.layers[-1]
    found = [
        tr("inside_decides", interface, token=shown(last.best), layer=lens.decides,
           of=len(lens.layers) - 1, share=f"{100 * last.best_probability:.0f}")
    ]  # fmt: skip
    for number, word in enumerate(lens.words):
        layer = lens.appears(number)
        found.append(
            tr(
                "inside_never" if layer is None else "inside_appears",
                interface,
                which=tr(f"inside_{word.which}", interface),
                language=tr(f"language_{word.language}", interface),
                token=shown(word.token),
                layer=layer,
                rank=last.ranks[number] + 1,
            )
        )
    if lens.first:
        name = tr(f"language_{lens.first.language}", interface)
        found.append(tr("inside_first", interface, language=name))
    if any(word.is_shared for word in lens.words):
        found.append(tr("inside_shared", interface))
    return found


def trace_words(found: "CausalTrace", interface: Interface) -> list[str]:
    """Return in sentences what the noise took and where it comes back most."""
    cells = [
        (effect, layer, place)
        for layer, row in enumerate(found.effects, 1)
        for place, effect in enumerate(row)
    ]
    effect, layer, place = max(cells)
    return [
        tr("inside_trace_words", interface, token=shown(found.answer),
           clean=f"{found.clean:.2f}", corrupted=f"{found.corrupted:.2f}"),
        tr("inside_trace_most", interface, effect=f"{effect:+.2f}", layer=layer,
           text=shown(found.texts[place])),
    ]  # fmt: skip


def states_words(found: "LanguageStates", interface: Interface) -> list[str]:
    """Return in a sentence how near the languages are, first to last layer."""
    from xkde.inside.states import mean_cosines

    near = mean_cosines(found.states)[1:]
    middle = len(near) // 2
    return [
        tr("inside_states_words", interface, n=len(found.languages),
           first=f"{near[0]:.2f}", middle=f"{near[middle]:.2f}",
           last=f"{near[-1]:.2f}", layer=middle + 1, of=len(near))
    ]  # fmt: skip


def token_rows(found: "Attribution") -> list[TokenShown]:
    """Return every token of the prompt with its shares."""
    attention: list[float | None] = [100 * share for share in found.attention]
    return [
        TokenShown(
            shown(token.text), token.part, look, 100 * share, "+" if g > 0 else "−"
        )
        for token, look, share, g in zip(
            found.tokens,
            attention or [None] * len(found.tokens),
            found.gradient_shares,
            found.gradient,
            strict=True,
        )
    ]


def part_rows(found: "Attribution") -> list[tuple[str, float | None, float]]:
    """Return each part of the prompt with its two shares, in percent."""
    from xkde.inside.attribution import shares_by_part

    present = {token.part for token in found.tokens}
    gradient = shares_by_part(found.tokens, found.gradient_shares)
    looked = shares_by_part(found.tokens, found.attention) if found.attention else None
    return [
        (part, 100 * looked[part] if looked else None, 100 * share)
        for part, share in gradient.items()
        if part in present
    ]
