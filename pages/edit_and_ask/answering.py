"""From a filled form to answers, verdicts and explanations, through the pool of models.

Knows no component and no session: what it yields goes to whoever asked. The pool is
shared: an edit stands in a prompt, or in a copy of the weights (``editing``).

Run its tests: ``python -m pytest tests/pages/edit_and_ask/test_page.py``
"""

import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache

from pages.edit_and_ask import editing
from pages.edit_and_ask.memory.retrieval import Use, recalled
from pages.shell.links import EDITOR, Form
from pages.shell.pool import PATIENCE, POOL
from xkde.asking.expected_answers import Expected, expected, in_languages, place_of
from xkde.asking.explanation import Explanation, explain
from xkde.asking.session import PANES, Asked, Pane, Sent, check, prompt, stream_together
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of, model_of
from xkde.engines.pool import UNDER_WAY
from xkde.errors import InputError
from xkde.evaluation.scoring.verdict import Verdict, fits_script, judge
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import Edit, Query


@dataclass(frozen=True)
class Planned:
    """What a form asks. ``is_known``: Atlas has the question in every language."""

    edit: Edit
    queries: tuple[Query, ...]
    is_known: bool


def plan(form: Form) -> Planned:
    """Return the queries of a form, in every language where Atlas knows them."""
    edit, text = form.edit, form.query.strip()
    place = place_of(atlas(), edit, text, _likely_languages(form))
    queries = in_languages(atlas(), place, text, form.languages)
    if place is None and len(form.languages) == 1:
        return Planned(edit, (Query(text, form.languages[0]),), False)
    return Planned(edit, tuple(queries), place is not None)


def _likely_languages(form: Form) -> tuple[str, ...]:
    """Return all languages, in the order in which a typed query may be in them."""
    first = (*form.languages, form.language)
    return tuple(dict.fromkeys((*first, *ATLAS_LANGUAGES)))


def misfits(form: Form) -> list[tuple[str, str]]:
    """Return (field, language) of each text that is not in its language's script."""
    texts = [("question", form.question, form.language)]
    if len(form.languages) == 1:
        texts.append(("query", form.query, form.languages[0]))
    return [
        (field, code) for field, text, code in texts if fits_script(text, code) is False
    ]


def panes_of(form: Form) -> dict[Pane, str]:
    """Return which model answers in which pane."""
    edited = model_of(form.editor, form.base, form.edited)
    models: dict[Pane, str] = {"base": form.base, "edited": edited}
    return {**models, "prompted": form.base} if form.prompted else models


def waiting_for(form: Form) -> list[str]:
    """Return the models that have to be waited for; start those nobody has started."""
    names = dict.fromkeys(panes_of(form).values())
    for name in names:
        if POOL.status(name).phase == "unknown":
            POOL.start(name)
    return [name for name in names if POOL.status(name).phase in UNDER_WAY]


def ask(
    form: Form, cancelled: threading.Event | None = None, use: Use | None = None
) -> Iterator[Asked]:
    """Yield the answers as they grow; first, before a token, the bare question.

    With a memory's ``use`` its edits take the place of the form's, for editors in the
    prompt. Raises XkdeError in words if something cannot be asked, or a model is not
    ready.
    """
    planned = plan(form)
    check(planned.edit, planned.queries, ())
    if not form.languages:
        raise InputError("No language is chosen. Choose at least one to ask in.")
    models = panes_of(form)
    asked = Asked(planned.edit, planned.queries, {}, models, editor=form.editor)
    yield asked
    for name in waiting_for(form):
        POOL.wait(name, PATIENCE)
    event = cancelled or threading.Event()
    if use is not None and use.edits and entry_of(form.editor).kind == "prompt":
        asked = replace(asked, recalled=recalled(use, asked.queries))
    routed: list[Sent] = []
    if form.editor != EDITOR:
        made = yield from editing.made(POOL, asked, event)
        if made is None:
            yield asked.stopped()
            return
        asked = replace(asked, seconds=made.seconds, notes=made.notes)
        routed = [
            Sent(each.engine, each.messages[-1].content, query.language)
            for each, query in zip(made.routed, asked.queries, strict=True)
        ]
    yield from _answered(asked, form, routed, event)


def _answered(
    asked: Asked, form: Form, routed: list[Sent], event: threading.Event
) -> Iterator[Asked]:
    """Yield the answers as they grow; ``routed`` are the edited pane's, if not ours."""
    models = asked.models
    with POOL.use(list(models.values())) as engines:
        check(asked.edit, asked.queries, [engine.tokenizer for engine in engines])
        panes: dict[Pane, list[Sent]] = {
            pane: [
                Sent(engine, text, query.language)
                for text, query in zip(
                    _prompts(pane, asked), asked.queries, strict=True
                )
            ]
            for pane, engine in zip(models, engines, strict=True)
        }
        if routed:
            panes["edited"] = routed
        sent = {pane: tuple(each.text for each in row) for pane, row in panes.items()}
        asked = replace(asked, sent=sent)
        steps = stream_together(panes, form.sampling, event)
        with closing(steps) as going:  # type: ignore[type-var]
            for answers in going:
                yield replace(asked, answers=answers)


def _prompts(pane: Pane, asked: Asked) -> list[str]:
    found = asked.recalled or [None] * len(asked.queries)
    return [
        prompt(pane, asked.edit, query, each)
        for query, each in zip(asked.queries, found, strict=True)
    ]


@lru_cache(maxsize=512)
def expectation(edit: Edit, query: Query) -> Expected:
    """Return what to expect of a query, whichever language it was typed in."""
    languages = tuple(dict.fromkeys((query.language, edit.language, *ATLAS_LANGUAGES)))
    place = place_of(atlas(), edit, query.text, languages)
    return expected(atlas(), edit, place, query.language)


def verdict(asked: Asked, pane: Pane, index: int) -> Verdict | None:
    """Judge a finished answer; None while it grows or if it broke off."""
    answers = asked.answers.get(pane)
    if answers is None or index >= len(answers.generations):
        return None
    generation = answers.generations[index]
    if generation.finish in (None, "cancelled"):
        return None
    query = asked.queries[index]
    golds = expectation(asked.edit_of(index), query)
    return judge(
        generation.text,
        golds.new,
        golds.old,
        query.language,
        golds.new_names,
        golds.old_names,
    )


def why(asked: Asked, index: int) -> dict[Pane, Explanation]:
    """Explain every pane's answer to one query, on the prompt that it was sent.

    What was edited otherwise than by a prompt is no more: it has no explanation.
    """
    query = asked.queries[index]
    golds = expectation(asked.edit_of(index), query)
    is_kept = entry_of(asked.editor).kind == "prompt"
    panes: list[Pane] = [
        pane
        for pane in PANES
        if pane in asked.answers and (pane != "edited" or is_kept)
    ]
    with POOL.use([asked.models[pane] for pane in panes]) as engines:
        return {
            pane: explain(
                engine,
                asked.sent[pane][index],
                _ids(asked, pane, index),
                golds.new,
                golds.old,
                query.language,
            )
            for pane, engine in zip(panes, engines, strict=True)
        }


def _ids(asked: Asked, pane: Pane, index: int) -> tuple[int, ...]:
    generations = asked.answers[pane].generations
    return generations[index].token_ids if index < len(generations) else ()
