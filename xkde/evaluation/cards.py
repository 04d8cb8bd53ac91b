"""Model cards: what a shipped checkpoint is, by its run and its measured table.

Text in, text out: takes what ``card.json`` holds, and what ``python -m xkde atlas table
--out FILE`` wrote. Write them with: ``python -m xkde checkpoints ship atlas-xe-it``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

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
        f"- versions: {', '.join(f'{k} {v}' for k, v in card['versions'].items())}",
        "- settings:", "",
        *(f"      {key}: {value}" for key, value in sorted(settings.items())), "",
    ]  # fmt: skip
    if table is not None and name in table["models"]:
        lines += ["## Results", "", results(table, name), ""]
    return "\n".join([*lines, "## Limits", "", LIMITS, ""])
