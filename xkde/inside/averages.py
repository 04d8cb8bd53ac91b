"""Lens, attribution and trace over many edits; the edit is the unit of every interval.

lens_rows         where the old answer decides in the base, where the new one does
                  under the edit, and in which language it appears first
attribution_rows  how much of the edited model's look goes to each part of the
                  prompt, in scope (reliability, generality) and out of it (locality)
trace_rows        the indirect effect of each layer and role, by language, over the
                  facts that the model knows
"""

from collections import defaultdict
from collections.abc import Callable, Sequence

from xkde.engines.transformers import TransformersEngine
from xkde.errors import InputError
from xkde.inside.attribution import attribute, shares_by_part
from xkde.inside.files import Cell, mean_row
from xkde.inside.lens import Lens, lens_words, read_lens
from xkde.inside.parts import ReadPrompt, read_prompt
from xkde.inside.trace import corrupt, grouped, restore, roles
from xkde.types import Case, Edit, Probe, Query

IN_SCOPE: tuple[Probe, ...] = ("reliability", "generality")
ASKED: tuple[Probe, ...] = (*IN_SCOPE, "locality")
DRAWS = 2  # of a trace's noise
Progress = Callable[[int, int], None]
Rows = list[dict[str, Cell]]
Values = dict[tuple[Cell, ...], list[float]]


def lens_rows(
    base: TransformersEngine,
    edited: TransformersEngine,
    cases: Sequence[Case],
    source: str,
    languages: Sequence[str],
    on_progress: Progress,
) -> Rows:
    """Return layers as shares of the depth, and shares of edits, by query language.

    ``decides`` is where the first choice becomes the answer and stays; an answer counts
    if its first token is that of the answer wanted. ``source_first``: of those, the
    share in which the word of the edit's language appears before the query's own, where
    the two begin differently.
    """
    values: Values = defaultdict(list)
    for done, case in enumerate(cases, 1):
        edit = case.edits[source]
        for code in languages:
            own = case.edits[code]
            query = Query(own.question, code)
            for name, engine, which in (
                ("base", base, "old"),
                ("edited", edited, "new"),
            ):
                stated = edit if name == "edited" else None
                prompt = read_prompt(engine, query, stated)
                wanted = (own.old_answer, edit.old_answer)
                if which == "new":
                    wanted = (own.answer, edit.answer)
                lens = _lens(engine, prompt, wanted, code, source)
                _add_lens(values, lens, name, code)
        on_progress(done, len(cases))
    return _rows(values, ("model", "asked", "measure"))


def attribution_rows(
    engine: TransformersEngine,
    cases: Sequence[Case],
    source: str,
    languages: Sequence[str],
    on_progress: Progress,
) -> Rows:
    """Return each part's share of attention and of input × gradient, by probe."""
    values: Values = defaultdict(list)
    for done, case in enumerate(cases, 1):
        for probe in ASKED:
            for code in languages:
                item = case.probes.get(probe, {}).get(code)
                if item is None:
                    continue
                query = Query(item.question, code)
                prompt = read_prompt(engine, query, case.edits[source])
                found = attribute(engine, prompt)
                measured = {"gradient": found.gradient_shares}
                if found.attention:
                    measured["attention"] = found.attention
                for measure, weights in measured.items():
                    for part, share in shares_by_part(found.tokens, weights).items():
                        values[probe, code, measure, part].append(share)
                length = shares_by_part(
                    found.tokens, [1 / len(found.tokens)] * len(found.tokens)
                )
                for part, share in length.items():
                    values[probe, code, "tokens", part].append(share)
        on_progress(done, len(cases))
    return _rows(values, ("probe", "asked", "measure", "part"))


def trace_rows(
    engine: TransformersEngine,
    cases: Sequence[Case],
    languages: Sequence[str],
    on_progress: Progress,
    draws: int = DRAWS,
) -> Rows:
    """Return mean indirect effects, and the clean and corrupted probabilities.

    Only facts whose old answer the model would give are traced.
    """
    values: Values = defaultdict(list)
    for done, case in enumerate(cases, 1):
        for code in languages:
            edit = case.edits[code]
            prompt = read_prompt(
                engine, Query(edit.question, code), None, (edit.subject,)
            )
            if prompt.subject:
                _add_trace(values, engine, prompt, edit, draws)
        on_progress(done, len(cases))
    if not values:
        raise InputError(
            "The model knows none of these facts, so there is nothing to trace. Take "
            "others, or another checkpoint."
        )
    return _rows(values, ("language", "role", "layer"))


def _lens(
    engine: TransformersEngine,
    prompt: ReadPrompt,
    answers: tuple[str, str],
    code: str,
    source: str,
) -> Lens:
    own, other = answers
    words = lens_words(engine, prompt, [("new", code, own), ("new", source, other)])
    return read_lens(engine, prompt, words)


def _add_lens(values: Values, lens: Lens, model: str, code: str) -> None:
    if not lens.words:
        return
    depth = len(lens.layers) - 1
    is_given = lens.layers[-1].best_id == lens.words[0].token_id
    values[model, code, "given"].append(float(is_given))
    if not is_given:
        return
    values[model, code, "decides"].append(lens.decides / depth)
    appears = lens.appears(0)
    values[model, code, "appears"].append(
        (depth if appears is None else appears) / depth
    )
    if len(lens.words) == 2 and not lens.words[1].is_shared:
        own, other = (lens.appears(n) for n in range(2))
        is_first = other is not None and (own is None or other < own)
        values[model, code, "source_first"].append(float(is_first))


def _add_trace(
    values: Values,
    engine: TransformersEngine,
    prompt: ReadPrompt,
    edit: Edit,
    draws: int,
) -> None:
    known = lens_words(engine, prompt, [("old", edit.language, edit.old_answer)])
    run = corrupt(engine.model, prompt, draws, seed=0)
    if not known or known[0].token_id != run.token_id:
        return
    code = edit.language
    clean = float(run.clean.logits.softmax(dim=-1)[run.token_id])
    values[code, "clean", 0].append(clean)
    values[code, "corrupted", 0].append(run.probability)
    groups = grouped(prompt, len(prompt.ids))  # every place by itself
    role_of = {
        place: role for role, places in roles(prompt).items() for place in places
    }
    for layer in range(len(run.layers)):
        effects: dict[str, list[float]] = defaultdict(list)
        for (place,), value in zip(groups, restore(run, layer, groups), strict=True):
            effects[role_of[place]].append(value - run.probability)
        for role, found in effects.items():
            values[code, role, layer + 1].append(sum(found) / len(found))


def _rows(values: Values, names: Sequence[str]) -> Rows:
    return [
        {**dict(zip(names, key, strict=True)), **mean_row(each)}
        for key, each in values.items()
    ]
