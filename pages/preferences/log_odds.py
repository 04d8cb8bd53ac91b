"""What the models of three stages make of a pair: log-odds of both answers, live.

Base, XE-IT and TL-PO, as far as they are on this machine; what is absent is said.

Run its tests: ``python -m pytest tests/pages/preferences/test_page.py``
"""

from collections.abc import Iterator, Mapping
from html import escape

from pages.shell.errors import in_words
from pages.shell.pool import BASE, EDITED, PATIENCE, POOL
from pages.shell.strings import Interface, tr
from xkde import paths
from xkde.asking.log_odds import Preference, preference
from xkde.engines.pool import UNDER_WAY
from xkde.errors import InputError

# Stage, as the paper calls it, -> its embedded checkpoint
STAGES: dict[str, str] = {"base": BASE, "xe_it": EDITED, "tl_po": "atlas-tl-po"}
MOST = 20_000  # characters of a pair that a model is asked about
Found = dict[str, Preference | str]  # by stage: or why there is none


def present(reference: str) -> bool:
    """Tell whether an embedded checkpoint is on this machine."""
    return (paths.checkpoints() / reference).is_dir()


def measured(
    prompt: str, chosen: str, rejected: str, say: Interface
) -> Iterator[Found]:
    """Yield what is known so far, after each model; raises InputError in words."""
    if len(prompt) + len(chosen) + len(rejected) > MOST:
        raise InputError(tr("odds_too_long", say, n=f"{MOST:,}"))
    found: Found = {}
    for stage, name in STAGES.items():
        if not present(name):
            found[stage] = tr("odds_absent", say, name=name)
            continue
        if POOL.status(name).phase == "unknown":
            POOL.start(name)
        if POOL.status(name).phase in UNDER_WAY:
            yield {**found, stage: tr("odds_loading", say, name=name)}
        status = POOL.wait(name, PATIENCE)
        if status.phase == "failed":
            found[stage] = in_words(status.words, say)
            continue
        with POOL.use([name]) as (engine,):
            found[stage] = preference(engine, prompt, chosen, rejected)
        yield dict(found)
    yield found


def odds_html(found: Mapping[str, Preference | str], say: Interface) -> str:
    """Return the log-odds as a table, absent models in words."""
    heads = "".join(
        f'<th scope="col">{escape(tr(key, say))}</th>'
        for key in ("pairs_chosen", "pairs_rejected", "odds_ratio")
    )
    rows = "".join(_row(stage, told, say) for stage, told in found.items())
    return (
        f'<table class="facts odds"><caption>{escape(tr("odds_caption", say))}'
        f"</caption><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody>"
        f'</table><p class="caption small">{escape(tr("odds_how", say))}</p>'
    )


def _row(stage: str, told: Preference | str, say: Interface) -> str:
    name = escape(tr(f"odds_{stage}", say))
    head = f'<th scope="row">{name} <small>{escape(STAGES[stage])}</small></th>'
    if isinstance(told, str):
        return f'<tr class="absent">{head}<td colspan="3">{escape(told)}</td></tr>'
    likes = told.log_odds_ratio > 0
    words = escape(tr("odds_chosen" if likes else "odds_rejected", say))
    return (
        f"<tr>{head}<td>{told.chosen.log_odds:+.2f}</td>"
        f"<td>{told.rejected.log_odds:+.2f}</td><td>{told.log_odds_ratio:+.2f} "
        f"<small>{words}</small></td></tr>"
    )
