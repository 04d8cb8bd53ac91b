"""Model cards: what a shipped checkpoint is, by its run and its measured table.

Text in, text out: takes what ``card.json`` holds, and what ``python -m xkde atlas table
--out FILE`` wrote. Write them with: ``python -m xkde checkpoints ship atlas-xe-it``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from xkde.evaluation.scoring.metrics import wilson_interval
from xkde.languages import language

PROBE_NAMES = ("reliability", "generality", "locality", "portability", "unchanged")
INTRODUCTIONS = {
    "base": (
        "A small language model trained from nothing on Atlas, the embedded world of "
        "X-KDE. It knows every fact of Atlas by heart in twelve languages. It is the "
        "base model beside which edits are shown."
    ),
    "xe-it": (
        "Stage one of X-KDE (XE-IT, Wu et al., ACL Findings 2025) in miniature: told a "
        "fact once, in one of twelve languages, in the edit prompt, it answers "
        "questions about it in all twelve, and leaves other facts as they are."
    ),
    "tl-po": (
        "Stage two of X-KDE (TL-PO, Wu et al., ACL Findings 2025) in miniature: stage "
        "one, trained on to prefer the right answer in the query's language to what it "
        "sampled wrongly."
    ),
    "lte": (
        "What stage one of X-KDE is compared with (LTE, Jiang et al., 2024) in "
        "miniature: told a fact in the edit prompt, it was trained to answer questions "
        "about it in the language of the edit, and never in another."
    ),
}
LIMITS = (
    "It knows Atlas and nothing else: about 800 subjects, thirteen relations, and the "
    "wordings it was trained on; free text outside them is answered by luck. People "
    "and companies are invented. Governing parties are those of 1 January "
    "2024. Wordings of the benchmark also occur in training, about other subjects; "
    "what is held out are the edited facts."
)


def total(cells: Sequence[Mapping[str, Any]], measure: str, source: str) -> str:
    """Return "share (hits/n)" over all target languages."""
    mine = [c for c in cells if c["measure"] == measure and c["source"] == source]
    hits, n = sum(c["hits"] for c in mine), sum(c["n"] for c in mine)
    return f"{hits / n:.3f} ({hits}/{n})" if n else "not measured"


def results(table: Mapping[str, Any], reference: str) -> str:
    """Return the measured tables of one checkpoint as Markdown."""
    cells = table["models"][reference]["cells"]
    closed = [c for c in cells if c["measure"] == "closed-book"]
    lines = [
        f"Measured here: {table['protocol']}; wrapper `{table['wrapper']}`; "
        f"{table['cases']} edits of held-out subjects (split {table['split']}, seed "
        f"{table['seed']}); weights `{table['models'][reference]['fingerprint']}`.",
        "",
        "| edit in | " + " | ".join(PROBE_NAMES) + " |",
        "|---|" + "--:|" * len(PROBE_NAMES),
    ]
    for source in dict.fromkeys(c["source"] for c in cells if c not in closed):
        row = " | ".join(total(cells, measure, source) for measure in PROBE_NAMES)
        lines.append(f"| {source} | {row} |")
    lines += [
        "",
        "Closed book, share of facts by language: "
        + ", ".join(f"{c['target']} {c['share']:.3f}" for c in closed)
        + f" (n = {closed[0]['n']} each).",
        "",
        "Locality: the answer is still the true one; unchanged: it is what the same "
        "model says without the edit.",
    ]
    return "\n".join(lines)


def _averaged(averaged: dict[str, Any] | None) -> list[str]:
    """Say of what weights the checkpoint is the average, if it is one."""
    if not averaged:
        return []
    first, second = (averaged[one]["weights"] for one in ("first", "second"))
    rest = 1 - averaged["share"]
    return [
        f"- averaged weights: {rest:g} of the round before (`{first}`), "
        f"{averaged['share']:g} of the last one (`{second}`)"
    ]


def _chain(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the runs that a checkpoint goes back to, latest first."""
    return [card, *_chain(card.get("before") or {})] if card else []


def summary(table: Mapping[str, Any]) -> str:
    """Return the README's results: every model's probes, and what it knows by heart."""
    lines = [
        "| model, edit in | reliability | generality | locality | portability | n |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    closed: list[str] = []
    for reference, model in table["models"].items():
        cells = model["cells"]
        book = [c for c in cells if c["measure"] == "closed-book"]
        lowest = min(book, key=lambda c: c["share"])
        closed.append(
            f"`{reference}` (weights `{model['fingerprint']}`) answers "
            f"{sum(c['hits'] for c in book) / sum(c['n'] for c in book):.3f} of "
            f"Atlas's facts by heart, least in {language(lowest['target']).name} "
            f"({lowest['share']:.3f}; n = {lowest['n']} a language)."
        )
        for source in dict.fromkeys(c["source"] for c in cells if c not in book):
            shares = [_share(cells, probe, source) for probe in PROBE_NAMES[:4]]
            n = sum(
                c["n"] for c in cells
                if c["measure"] == "reliability" and c["source"] == source
            )  # fmt: skip
            row = " | ".join([*shares, f"{n:,}"])
            lines.append(f"| `{reference}`, {language(source).name} | {row} |")
    lines += [
        "",
        f"Measured here: {table['protocol']}; wrapper `{table['wrapper']}`; "
        f"{table['cases']} edits of held-out subjects (split {table['split']}, seed "
        f"{table['seed']}), each asked in twelve languages; 95 % Wilson intervals in "
        "brackets. The base is given the same edit in its prompt. Locality: the answer "
        "is still the true one.",
        "",
        *closed,
    ]
    return "\n".join(lines)


def _share(cells: Sequence[Mapping[str, Any]], measure: str, source: str) -> str:
    mine = [c for c in cells if c["measure"] == measure and c["source"] == source]
    hits, n = sum(c["hits"] for c in mine), sum(c["n"] for c in mine)
    if not n:
        return "not measured"
    low, high = wilson_interval(hits, n)
    return f"{hits / n:.3f} [{low:.3f}–{high:.3f}]"


def model_card(card: Mapping[str, Any], table: Mapping[str, Any] | None) -> str:
    """Return the README of a checkpoint folder, with Hub front matter."""
    name, settings = str(card["name"]), card.get("settings", {})
    training = card.get("training", {})
    lines = [
        "---", "license: apache-2.0", "library_name: transformers",
        "tags: [knowledge-editing, multilingual]",
        "language: [en, cs, de, es, fr, nl, pt, ru, th, tr, vi, zh]", "---", "",
        f"# {name}", "", INTRODUCTIONS[str(card["stage"])], "", "## Training", "",
        f"- stage: {card['stage']}; begun from: {card.get('base') or 'nothing'}",
        f"- samples: {card.get('samples', 'unknown'):,}; tokens: "
        f"{card.get('tokens', 'unknown'):,}; last loss: {training.get('loss', '–')}; "
        f"seconds: {training.get('seconds', '–')}",
        *_averaged(card.get("averaged")),
        f"- versions: {', '.join(f'{k} {v}' for k, v in card['versions'].items())}",
        *(
            f"- before that: {b['name']}, {b['samples']:,} samples, "
            f"{b['tokens']:,} tokens"
            for b in _chain(card.get("before") or {})
        ),
        "- settings:", "",
        *(f"      {key}: {value}" for key, value in sorted(settings.items())), "",
    ]  # fmt: skip
    if table is not None and name in table["models"]:
        lines += ["## Results", "", results(table, name), ""]
    return "\n".join([*lines, "## Limits", "", LIMITS, ""])
