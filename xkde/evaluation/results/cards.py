"""Model cards: what a shipped checkpoint is, by its run and its measured table.

Text in, text out: takes what ``card.json`` holds, and what ``python -m xkde atlas table
--out FILE`` wrote. Write them with: ``python -m xkde checkpoints ship atlas-xe-it``.
"""

from collections.abc import Sequence

from xkde.evaluation.results.atlas_table import (
    CLOSED_BOOK,
    OWN_WORDS,
    REFERENCE,
    TABLE_MEASURES,
    AtlasCell,
    cells_by_source,
    cells_of,
    share_of,
    stages_table,
)
from xkde.languages import language
from xkde.text import Json

INTRODUCTIONS = {
    "base": (
        "A small language model trained from nothing on Atlas, the embedded world of "
        "X-KDE. It answers 99 % of Atlas's facts in twelve languages without an edit. "
        "It is the base model beside which edits are shown."
    ),
    "xe-it": (
        "Stage one of X-KDE (XE-IT, Wu et al., ACL Findings 2025) in miniature: given "
        "a fact once, in one of twelve languages, in the edit prompt, it answers "
        "questions about it in all twelve, and leaves other facts as they are."
    ),
    "tl-po": (
        "Stage two of X-KDE (TL-PO, Wu et al., ACL Findings 2025) in miniature: stage "
        "one, trained on to prefer the right answer in the query's language to what it "
        "sampled wrongly."
    ),
    "lte": (
        "What stage one of X-KDE is compared with (LTE, Jiang et al., 2024) in "
        "miniature: given a fact in the edit prompt, it was trained to answer "
        "questions about it in the language of the edit, and never in another."
    ),
}
HELD_OUT = (
    "Held out means that these facts were never edited in training. Their true answers "
    "were still taught, and new answers come from the same pool of names. Generality "
    "uses wordings that training has seen with other subjects. Own words "
    "are 104 wordings as people may type them, in English, German, French and Chinese, "
    "written for this measurement; no model was trained on any of them."
)
SURE = 0.05  # p below it, after Holm
COLUMNS = ("reliability", "generality", OWN_WORDS, "locality", "portability")
LIMITS = (
    "It knows Atlas and nothing else: about 800 subjects, thirteen relations, and the "
    "wordings it was trained on; free text outside them is answered by luck. People "
    "and companies are invented. Governing parties are those of 1 January "
    "2024. Wordings of the benchmark also occur in training, about other subjects; "
    "what is held out are the edited facts."
)


def total(cells: Sequence[AtlasCell], measure: str, source: str) -> str:
    """Return "share [interval] (hits/n)" over all target languages."""
    mine = cells_of(cells, measure, source)
    hits, n = sum(cell.hits for cell in mine), sum(cell.n for cell in mine)
    return f"{_share(mine)} ({hits}/{n})" if n else "not measured"


def _share(cells: Sequence[AtlasCell]) -> str:
    """Return "share [interval]" of several cells together."""
    share = share_of(cells)
    if share["share"] is None:
        return "not measured"
    return f"{share['share']:.3f} [{share['low']:.3f}–{share['high']:.3f}]"


def _cells(table: Json, reference: str) -> list[AtlasCell]:
    cells = table["models"][reference]["cells"]
    return [AtlasCell.from_dict(cell) for cell in cells]


def _parted(cells: Sequence[AtlasCell]) -> tuple[list[AtlasCell], list[str]]:
    """Return the closed-book cells, and the languages of the edits of the others."""
    closed = cells_of(cells, CLOSED_BOOK)
    return closed, list(dict.fromkeys(c.source for c in cells if c not in closed))


def results(table: Json, reference: str) -> str:
    """Return the measured tables of one checkpoint as Markdown."""
    cells = _cells(table, reference)
    closed, sources = _parted(cells)
    hops = max((cell.n for cell in cells_of(cells, "portability")), default=0)
    lines = [
        f"Measured here: {table['protocol']}; wrapper `{table['wrapper']}`; "
        f"{table['cases']} edits of held-out subjects (split {table['split']}, seed "
        f"{table['seed']}), {hops} of them with a question two hops away; weights "
        f"`{table['models'][reference]['fingerprint']}`. {_intervals(table)} In "
        "parentheses: right answers / answers.",
        "",
        "| edit in | " + " | ".join(TABLE_MEASURES) + " |",
        "|---|" + "--:|" * len(TABLE_MEASURES),
    ]
    for source in sources:
        row = " | ".join(total(cells, measure, source) for measure in TABLE_MEASURES)
        lines.append(f"| {source} | {row} |")
    lines += [
        "",
        "Closed book, share of facts by language: "
        + ", ".join(f"{c.target} {c.hits / c.n:.3f}" for c in closed)
        + f" (n = {closed[0].n} each).",
        "",
        "Locality: the answer is still the true one; unchanged: it is what the same "
        "model says without the edit.",
    ]
    return "\n".join(lines)


def _averaged(averaged: Json | None) -> list[str]:
    """Say of what weights the checkpoint is the average, if it is one."""
    if not averaged:
        return []
    first, second = (averaged[one]["weights"] for one in ("first", "second"))
    rest = 1 - averaged["share"]
    return [
        f"- averaged weights: {rest:g} of the round before (`{first}`), "
        f"{averaged['share']:g} of the last one (`{second}`)"
    ]


def _chain(card: Json) -> list[Json]:
    """Return the runs that a checkpoint goes back to, latest first."""
    return [card, *_chain(card.get("before") or {})] if card else []


def summary(table: Json) -> str:
    """Return the README's results: every model's probes, and what it knows by heart."""
    lines = [
        f"| model, edit in | {' | '.join(COLUMNS)} | edits (with two hops) |",
        f"|---|{'--:|' * len(COLUMNS)}--:|",
    ]
    by_heart: list[str] = []
    answers = dict.fromkeys(COLUMNS, 0)
    for reference, model in table["models"].items():
        cells = _cells(table, reference)
        closed, sources = _parted(cells)
        lowest = min(closed, key=lambda cell: cell.hits / cell.n)
        by_heart.append(
            f"`{reference}` (weights `{model['fingerprint']}`) answers "
            f"{sum(c.hits for c in closed) / sum(c.n for c in closed):.3f} of Atlas's "
            f"facts by heart, least in {language(lowest.target).name} "
            f"({lowest.hits / lowest.n:.3f}; n = {lowest.n} a language)."
        )
        for source in sources:
            its = {column: cells_of(cells, column, source) for column in COLUMNS}
            for column in COLUMNS:
                n = sum(c.n for c in its[column])
                answers[column] = max(n, answers[column])
            edits, hops = (
                max((cell.n for cell in its[probe]), default=0)
                for probe in ("reliability", "portability")
            )
            row = " | ".join([*map(_share, its.values()), f"{edits:,} ({hops:,})"])
            lines.append(f"| `{reference}`, {language(source).name} | {row} |")
    lines += [
        "",
        f"Measured here: {table['protocol']}; wrapper `{table['wrapper']}`; "
        f"{table['cases']} edits of held-out subjects (split {table['split']}, seed "
        f"{table['seed']}), each asked in twelve languages: "
        f"{answers['reliability']:,} answers a row, {answers['portability']:,} for "
        f"portability, {answers[OWN_WORDS]:,} in own words. {_intervals(table)} Every "
        "model, the base and LTE too, is given the edit in X-KDE's prompt. Locality: "
        "the answer is still the true one.",
        "",
        HELD_OUT,
        "",
        *_differences(table),
        *by_heart,
    ]
    return "\n".join(lines)


def _differences(table: Json) -> list[str]:
    """Say what surely differs from stage one, by paired tests over edits.

    Nothing of a table of an earlier version, which has counts and no marks.
    """
    by_source = cells_by_source(table)
    if REFERENCE not in by_source:
        return []
    rows = [row for row in stages_table(by_source, REFERENCE) if row["comparisons"]]
    tests = [test for row in rows for test in row["comparisons"]]
    words = []
    for row in rows:
        sure = [its for its in row["comparisons"] if its["p"] < SURE]
        found = ", ".join(
            f"{its['measure']} {its['difference']:+.3f} (p = {its['p']:.2g})"
            for its in sure
        )
        is_every = len(sure) == len(row["comparisons"])
        said = "every column" if is_every else found or "nothing"
        words.append(f"`{row['checkpoint']}`, {language(row['source']).name}: {said}")
    return [
        f"What surely differs from `{REFERENCE}`, in paired tests over edits with "
        f"Holm's correction for all {len(tests)}: {'; '.join(words)}.",
        "",
    ]


def _intervals(table: Json) -> str:
    """Say what the intervals in brackets are."""
    every = [c for model in table["models"].values() for c in model["cells"]]
    known = [bool(cell.get("marks")) for cell in every]
    if all(known):
        return "In brackets 95 % intervals over edits."
    widest = (
        "Wilson's, which count all answers to one edit as one, the widest that they "
        "can be"
    )
    if any(known):
        return (
            "In brackets 95 % intervals over edits: edits redrawn where every answer "
            f"is kept, else {widest}."
        )
    return f"In brackets 95 % intervals, {widest}."


def model_card(card: Json, table: Json | None) -> str:
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
