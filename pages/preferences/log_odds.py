"""Log-odds of both answers to a pair's prompt, by the models of three stages, live.

Base, XE-IT and TL-PO, as far as they are on this machine.
"""

from collections.abc import Iterator, Mapping

from pages.shell.errors import in_words
from pages.shell.pool import PATIENCE, POOL
from pages.shell.strings import Interface, tr
from pages.shell.templates import render
from xkde import paths
from xkde.asking.probabilities import PairOdds, pair_odds
from xkde.engines.pool import UNDER_WAY
from xkde.errors import InputError

# Stage, as the paper calls it, -> its embedded checkpoint
# The pairs are Atlas's own.
STAGES: dict[str, str] = {
    "base": "atlas-base",
    "xe_it": "atlas-xe-it",
    "tl_po": "atlas-tl-po",
}
MOST = 20_000  # characters of a pair that a model is asked about
StageAnswers = dict[str, PairOdds | str]  # by stage; or why there is none


def measured(
    prompt: str, chosen: str, rejected: str, interface: Interface
) -> Iterator[StageAnswers]:
    """Yield what is known so far, after each model; raises InputError in words."""
    if len(prompt) + len(chosen) + len(rejected) > MOST:
        raise InputError(tr("odds_too_long", interface, n=f"{MOST:,}"))
    known: StageAnswers = {}
    for stage, name in STAGES.items():
        if not (paths.checkpoints() / name).is_dir():
            known[stage] = tr("odds_absent", interface, name=name)
            continue
        if POOL.status(name).phase == "unknown":
            POOL.start(name)
        if POOL.status(name).phase in UNDER_WAY:
            yield {**known, stage: tr("odds_loading", interface, name=name)}
        status = POOL.wait(name, PATIENCE)
        if status.phase == "failed":
            known[stage] = in_words(status.words, interface)
            continue
        with POOL.use([name]) as (engine,):
            known[stage] = pair_odds(engine, prompt, chosen, rejected)
        yield dict(known)
    yield known


def log_odds_html(known: Mapping[str, PairOdds | str], interface: Interface) -> str:
    """Return the log-odds as a table, absent models in words."""
    rows = [
        (stage, STAGES[stage], None, answer)
        if isinstance(answer, str)
        else (stage, STAGES[stage], answer, "")
        for stage, answer in known.items()
    ]
    return render("preferences/log_odds.html", interface, rows=rows)
