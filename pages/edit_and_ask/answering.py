"""From a filled form to answers, verdicts and explanations, through the pool of models.

The way of an edit: the ``Form`` becomes an ``AskState`` with its queries, recognised
once; every pane's prompts are ``Sent``; an engine encodes them to token ids
(``Encoded``) and answers with ``Generation``s. What is yielded goes to whoever asked.

An edit stands in a prompt, or in a copy of the weights. Then a thread has the model to
itself until the edit is out again, also where the visitor has left or pressed Stop
meanwhile, so no other session ever meets an edit in the weights.
"""

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from pages.edit_and_ask.form import read_wordings
from pages.shell import pool
from pages.shell.links import EDITOR, FOLLOWS, Form
from pages.shell.pool import (
    LOOK,
    POOL,
    SCHEDULER,
    gpu_call,
    loading,
    on_zero_gpu,
    server,
)
from xkde.asking.all_editors import with_subject
from xkde.asking.expected_answers import (
    expected,
    expected_from_memory,
    in_languages,
    recognise,
    restate,
)
from xkde.asking.probabilities import Explanation, explain
from xkde.asking.scheduling import BusyError, Turn
from xkde.asking.session import (
    PANES,
    AskState,
    Pane,
    PaneAnswers,
    Sent,
    StoppedError,
    check,
    check_sampling,
    sent_to,
    stream_together,
)
from xkde.asking.translation import can_translate, translate
from xkde.data.atlas.questions import Known
from xkde.data.atlas.world import atlas
from xkde.editors.registry import entry_of, model_of
from xkde.errors import InputError
from xkde.evaluation.scoring.verdict import Verdict, judge
from xkde.languages import ATLAS_LANGUAGES
from xkde.memory.retrieval import Recalled
from xkde.text import fits_script, same
from xkde.types import Edit, Generation, Query

if TYPE_CHECKING:  # torch comes with it
    from xkde.asking.temporary_edits import EditedCopy

# Asks that wait for a model to load, and edits of weights that are made or wait: each
# holds a thread, and nobody else must wait for them.
LOADING = threading.BoundedSemaphore(32)
EDITING = threading.BoundedSemaphore(4)
Retrieve = Callable[[Sequence[Query]], tuple[Recalled, ...]]


def plan(form: Form, known: Known | None) -> AskState:
    """Return what a form asks: its queries, and the answers to expect of each.

    ``known`` is what Atlas recognises the edit as. What it does not recognise is asked
    as typed, in every language.
    """
    world, text = atlas(), form.query.strip()
    edit = restate(world, form.edit)[0] if known else form.edit
    likely = (*form.languages, form.language, *ATLAS_LANGUAGES)
    about = recognise(world, edit, text, likely, known)
    own = read_wordings(form.wordings)
    queries = tuple(
        replace(query, text=own.get(query.language, query.text))
        for query in in_languages(world, about.question, text, form.languages)
    )
    return AskState(
        edit,
        queries,
        models=panes_of(form),
        about=about,
        expected=tuple(expected(world, edit, about, q.language) for q in queries),
        editor=form.editor,
        follows=FOLLOWS[form.follows],
    )


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


def models_of(form: Form, is_translating: bool = False) -> tuple[str, ...]:
    """Return the models of all panes, and the one that translates the question."""
    translator = (form.edited,) if is_translating else ()
    return tuple(dict.fromkeys((*panes_of(form).values(), *translator)))


def waiting_for(form: Form, is_translating: bool = False) -> list[str]:
    """Return the form's models that have to be waited for."""
    return pool.waiting_for(models_of(form, is_translating))


def ask(
    state: AskState,
    form: Form,
    cancelled: threading.Event | None = None,
    retrieve: Retrieve | None = None,
    remembered: Sequence[Edit] = (),
    *,
    visitor: str = "",
    is_watched: bool = True,
) -> Iterator[AskState]:
    """Yield the answers as they grow; first, before a token, the bare question.

    ``state`` is what ``plan`` makes of the form, or other queries about its edit. With
    ``retrieve`` the edits of a memory, ``remembered``, take the place of the form's,
    for editors in the prompt. Where the answers are not watched, only their end is
    yielded. Waits for models that are being unpacked or loaded, for a download
    PATIENCE. Raises XkdeError in words if something cannot be asked, a model is not
    ready, or too many ask at this moment.
    """
    check(state.edit, state.queries)
    check_sampling(form.sampling)
    yield state
    event = cancelled or threading.Event()
    translates = is_translated(form, state)
    models = models_of(form, translates)
    for _ in _loading(models, event):
        yield replace(state, is_translating=translates)
    if event.is_set():
        yield state.stopped()
        return
    # A model that was unpacked meanwhile may turn out to translate.
    if form.edited in models and is_translated(form, state):
        yield replace(state, is_translating=True)
        state = _translate(state, form, event)
        yield state
    if retrieve is not None and entry_of(form.editor).kind == "prompt":
        state = _recall(state, retrieve, remembered)
    routed: tuple[Sent, ...] = ()
    if form.editor != EDITOR and on_zero_gpu():
        raise InputError(
            "On this Space a model is on the GPU for single answers only, so its "
            "weights cannot be edited. Choose X-KDE, or run the app on a machine of "
            "your own."
        )
    if form.editor != EDITOR:
        copy = yield from _edit_in_thread(state, event)
        if copy is None:
            yield state.stopped()
            return
        state = replace(state, seconds=copy.seconds, notes=copy.notes)
        routed = tuple(
            Sent(each.engine, each.messages[-1].content, query.language)
            for each, query in zip(copy.routed, state.queries, strict=True)
        )
    if on_zero_gpu():
        yield from _answer_alone(state, form)
    else:
        yield from _answer(state, form, routed, event, visitor, is_watched)


def _answer(
    state: AskState,
    form: Form,
    routed: tuple[Sent, ...],
    event: threading.Event,
    visitor: str,
    is_watched: bool,
) -> Iterator[AskState]:
    """Yield the answers as they grow; ``routed`` are the edited pane's, if not ours."""
    panes, turns = _find_panes(state, routed)
    sent = {pane: tuple(each.text for each in row) for pane, row in panes.items()}
    state = replace(state, sent=sent)
    if server():  # it forms the batches itself
        with closing(stream_together(panes, form.sampling, event)) as going:
            for answers in going:
                yield replace(state, answers=answers)
        return
    steps = SCHEDULER.stream(
        panes, form.sampling, event, turns, visitor, is_watched=is_watched
    )
    with closing(steps) as shared:
        for seconds, answers in shared:
            yield replace(state, answers=answers, wait=seconds)


@gpu_call
def _answer_alone(state: AskState, form: Form) -> Iterator[AskState]:
    """Yield the answers of one visitor, in the process that has the GPU."""
    panes, _ = _find_panes(state, ())
    sent = {pane: tuple(each.text for each in row) for pane, row in panes.items()}
    state = replace(state, sent=sent)
    for answers in stream_together(panes, form.sampling, threading.Event()):
        yield replace(state, answers=answers)


def _loading(models: Sequence[str], event: threading.Event) -> Iterator[None]:
    """Yield now and then until the models are loaded, or the visitor presses Stop."""
    waiting = pool.waiting_for(models)
    if not waiting:
        return
    if not LOADING.acquire(blocking=False):
        raise BusyError(
            "“{name}” is still being loaded. Try again in a few seconds.",
            name=waiting[0],
        )
    try:
        yield from loading(models, event)
    finally:
        LOADING.release()


def is_translated(form: Form, state: AskState) -> bool:
    """Tell whether the edited model puts the question into the other languages.

    It does where Atlas does not know it, and the model was taught to translate.
    """
    if on_zero_gpu():
        return False
    own, text = read_wordings(form.wordings), form.query.strip()
    missing = [code for code in form.languages if code not in (*own, form.language)]
    is_one_for_all = len(form.languages) > 1 or text == form.question.strip()
    is_unknown = state.about.question is None and is_one_for_all
    return bool(missing) and is_unknown and can_translate(form.edited)


def _translate(state: AskState, form: Form, event: threading.Event) -> AskState:
    """Return the state with its queries as the edited model translates them."""
    own, text = read_wordings(form.wordings), form.query.strip()
    missing = [code for code in form.languages if code not in own]
    if server():  # it takes many visitors' questions at a time
        engine, _ = POOL.find([form.edited])[0]
        translated = translate(engine, text, form.language, missing, event)
    else:
        with POOL.use([form.edited]) as engines:
            translated = translate(engines[0], text, form.language, missing, event)
    texts = {each.language: each.text for each in translated if not each.problem}
    queries = tuple(
        replace(query, text=texts.get(query.language, query.text))
        for query in state.queries
    )
    return replace(state, queries=queries, translated=translated)


def _recall(
    state: AskState, retrieve: Retrieve, remembered: Sequence[Edit]
) -> AskState:
    """Return the state with what a memory has for each query.

    Answers are judged by the memory's edits: by the one that a query follows from, be
    it stated or missed, and not by the form's.
    """
    recalled = retrieve(state.queries)
    return replace(
        state,
        recalled=recalled,
        expected=tuple(
            expected_from_memory(atlas(), remembered, found.stated, query)
            for found, query in zip(recalled, state.queries, strict=True)
        ),
    )


def _find_panes(
    state: AskState, routed: tuple[Sent, ...]
) -> tuple[dict[Pane, tuple[Sent, ...]], dict[Pane, Turn]]:
    """Return what every pane is sent, and whose turn it takes.

    ``routed`` is the edited pane's, if not ours. Nobody waits here for an engine.
    """
    found = dict(zip(state.models, POOL.find(list(state.models.values())), strict=True))
    engines = {pane: engine for pane, (engine, _) in found.items()}
    panes = sent_to(engines, state.edit, state.queries, state.recalled)
    if routed:
        panes["edited"] = routed
    return panes, {pane: turn for pane, (_, turn) in found.items()}


def _edit_in_thread(
    state: AskState, cancelled: threading.Event
) -> "Generator[AskState, None, EditedCopy | None]":
    """Yield how far the edit is; return who answers then, or None once cancelled."""
    read = [0, 0]
    left = threading.Event()

    def on_progress(done: int, total: int) -> None:
        read[:] = [done, total]
        if cancelled.is_set() or left.is_set():
            raise StoppedError

    if not EDITING.acquire(blocking=False):
        raise BusyError(
            "Other visitors are editing the weights at this moment. Ask again in a few "
            "seconds, or choose an editor that writes into the prompt, such as X-KDE."
        )
    thread = ThreadPoolExecutor(1, "editor")
    done = thread.submit(_edit, state, on_progress)
    done.add_done_callback(lambda _: EDITING.release())
    try:
        while not done.done():
            if cancelled.is_set():
                return None
            yield replace(state, reading=(read[0], read[1]))
            wait([done], LOOK)
        try:
            return done.result()
        except StoppedError:
            return None
    finally:
        left.set()  # also where nobody listens any longer
        thread.shutdown(wait=False)


def _edit(state: AskState, on_progress: Callable[[int, int], None]) -> "EditedCopy":
    from xkde.asking.temporary_edits import edit_on_a_copy

    edit = with_subject(atlas(), state.edit, state.about.fact)
    settings: dict[str, object] = {}
    if state.recalled:
        pairs = zip(state.queries, state.recalled, strict=True)
        stated = {query: each.stated for query, each in pairs}
        settings = {"retrieve": stated.__getitem__}
    with POOL.use([state.models["edited"]]) as engines:
        return edit_on_a_copy(
            state.editor, engines[0], [edit], state.queries, on_progress, settings
        )


def verdict(state: AskState, pane: Pane, index: int) -> Verdict | None:
    """Judge a finished answer; None while it grows or if it broke off.

    Where a visitor says that a question should not follow the edit, it is compared with
    the base's answer, and None until there is one.
    """
    generation = _finished(state, pane, index)
    if generation is None:
        return None
    base = _finished(state, "base", index)
    golds = state.expected[index].decided(state.follows, base.text if base else "")
    if golds.is_base and (pane == "base" or base is None):
        return Verdict("unaided", None, "no_match") if base else None
    if pane == "base":  # it never has an edit that a memory could miss
        golds = replace(golds, is_missed=False)
    language = state.queries[index].language
    found = judge(generation.text, golds, language, generation.finish or "stop")
    return replace(found, language_ok=None) if is_one_text(state) else found


def _finished(state: AskState, pane: Pane, index: int) -> Generation | None:
    generations = state.answers.get(pane, PaneAnswers()).generations
    if index >= len(generations) or generations[index].finish in (None, "cancelled"):
        return None
    return generations[index]


def is_one_text(state: AskState) -> bool:
    """Tell whether several languages were asked the same text, word for word."""
    first, *others = [query.text for query in state.queries] or [""]
    return bool(others) and all(same(first, other) for other in others)


def is_undecided(state: AskState) -> bool:
    """Tell whether only a person can say if some question should follow the edit."""
    return any(each.is_affected is None and each.golds() for each in state.expected)


@gpu_call
def why(state: AskState, index: int) -> dict[Pane, Explanation]:
    """Explain every pane's answer to one query, on the prompt that it was sent.

    What was edited otherwise than by a prompt is no more: it has no explanation.
    """
    golds = state.expected[index]
    is_kept = entry_of(state.editor).kind == "prompt"
    panes: list[Pane] = [
        pane
        for pane in PANES
        if pane in state.answers and (pane != "edited" or is_kept)
    ]
    with POOL.use([state.models[pane] for pane in panes]) as engines:
        return {
            pane: explain(
                engine,
                state.sent[pane][index],
                _token_ids(state, pane, index),
                golds.new,
                golds.old,
                state.queries[index].language,
            )
            for pane, engine in zip(panes, engines, strict=True)
        }


def _token_ids(state: AskState, pane: Pane, index: int) -> tuple[int, ...]:
    generations = state.answers[pane].generations
    return generations[index].token_ids if index < len(generations) else ()
