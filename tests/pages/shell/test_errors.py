"""Errors and notes as they are really said come in Chinese where the interface is."""

import ast
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from string import Formatter
from tempfile import TemporaryDirectory
from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from pages.benchmarks.cases.render import found_of
from pages.edit_and_ask.memory import MOST, MemorySession, stored, undone, with_edits
from pages.preferences.sources import path_of
from pages.shell.strings import chinese, in_words, shown_error
from tests.helpers.preference_samples import pair
from xkde.asking import temporary_edits
from xkde.asking.all_editors import EditorRow
from xkde.asking.session import (
    MAX_CHARACTERS,
    PaneAnswers,
    _advance,
    check,
    check_sampling,
    checked,
)
from xkde.checkpoints import resolve
from xkde.data.preferences.files import pairs_table
from xkde.data.preferences.table import PairFilter, matching, pair_frame
from xkde.editors.editor import check_edits
from xkde.editors.weights import alphaedit, contexts, deltas, kn, modules
from xkde.editors.weights.fine_tuning import (
    FineTuningSettings,
    notes_of_loss,
    pairs_of,
)
from xkde.editors.weights.solving import Eigenvectors
from xkde.engines.pool import Status, _not_ready, _words
from xkde.engines.transformers import TransformersEngine
from xkde.errors import (
    CheckpointError,
    InputError,
    Notice,
    SettingsError,
    XkdeError,
)
from xkde.evaluation.run import background
from xkde.locks import held
from xkde.prompts import QUESTION
from xkde.training.preference import hub_pairs
from xkde.types import Edit, Query, Sampling
from xkde.writing import writing

CAPITAL = "What is the capital of Japan?"
OSAKA, KYOTO = Edit(CAPITAL, "Osaka", "en"), Edit(CAPITAL, "Kyoto", "en")
QUERY = Query(CAPITAL, "en")


class Letters:
    """A tokenizer of letters."""

    all_special_tokens: tuple[str, ...] = ()

    def get_added_vocab(self) -> dict[str, int]:
        return {}

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": list(range(len(text)))}


def fails(phase: Any, words: str = "") -> None:
    raise CheckpointError(_not_ready(Status("atlas-base", phase, words)))


def too_long(engine: Any) -> None:
    TransformersEngine._check_length(engine, 30, 1)


def broken(*_: object) -> Any:
    raise RuntimeError("Out of memory.")


def broken_stream() -> Iterator[Any]:
    yield broken()


class Broken:
    """An engine whose model has gone."""

    model = property(broken)


def said(words: str) -> None:
    raise SettingsError(words)


def long_edit() -> None:
    told = SimpleNamespace(prompt_ids=[1] * 9, answer_ids=[1], ids=[1] * 10)
    engine: Any = SimpleNamespace(encode=lambda _: told, stop_ids=(), max_length=5)
    pairs_of(engine, [OSAKA])


def no_projection() -> None:
    own = SimpleNamespace(hidden_size=4, intermediate_size=8)
    model: Any = SimpleNamespace(config=SimpleNamespace(get_text_config=lambda: own))
    modules._down_projection(model, "layers.3", nn.Module(), 3)


def not_reverted() -> None:
    at_work = SimpleNamespace(delta={}, seconds=0.0, notes=())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(temporary_edits.deltas, "alone", nullcontext)
        patch.setattr(temporary_edits, "applied", lambda *_: nullcontext(at_work))
        patch.setattr(temporary_edits, "is_reverted", lambda *_: False)
        temporary_edits.edit_on_a_copy("ft-m", SimpleNamespace(model=None), [OSAKA], [])


def row_stopped() -> None:
    row, engine = EditorRow("ft-l", "atlas-base"), SimpleNamespace(model=nn.Module())
    said(temporary_edits._run_editor(row, Any, engine, broken, Event(), {}).words)


def hub_away() -> None:
    def away(*_: object) -> None:
        raise OSError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub_pairs, "_rows", away)
        hub_pairs.open_hub_pairs("owner/pairs")


def start(now: Any, order: Any = None) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "started", lambda: now)
        background.start(order)


def measured() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "JOINED", Path(__file__).name)
        start(None, SimpleNamespace(folder=Path(__file__).parent))


def written(error: Exception) -> None:
    with writing(Path(__file__)):
        raise error


def in_use() -> None:
    with (
        TemporaryDirectory() as folder,
        held(Path(folder) / "run"),
        held(Path(folder) / "run"),
    ):
        pass


ERRORS: dict[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "empty": (lambda: check(Edit(" ", "a", "en"), [QUERY], ()), ("编辑的问题",)),
    "mark": (
        lambda: check(Edit(CAPITAL, "[Query]:", "en"), [QUERY], ()),
        ("新答案", "[Query]:"),
    ),
    "long": (
        lambda: checked("a" * (MAX_CHARACTERS + 1), QUESTION),
        ("问题", f"{MAX_CHARACTERS:,}", f"{MAX_CHARACTERS + 1:,}"),
    ),
    "seed": (lambda: check_sampling(Sampling(seed=2**64)), ("2147483647",)),
    "no_language": (lambda: check(OSAKA, [], ()), ()),
    "not_loaded": (lambda: fails("unknown"), ("atlas-base",)),
    "absent": (lambda: fails("absent"), ("atlas-base",)),
    "downloading": (lambda: fails("downloading"), ("atlas-base",)),
    "loading": (lambda: fails("loading"), ("atlas-base",)),
    "failed": (lambda: fails("failed", "Its disk is full."), ("Its disk is full.",)),
    "made_room": (lambda: fails("ready"), ("atlas-base",)),
    "no_place": (lambda: resolve("no such place"), ("no such place", "atlas-base")),
    "prompt_long": (
        lambda: too_long(SimpleNamespace(max_length=20)),
        ("30", "19"),
    ),
    "subject": (
        lambda: check_edits([OSAKA], Letters(), needs_subject=True),
        (CAPITAL,),
    ),
    "answer_long": (
        lambda: check_edits([OSAKA], Letters(), longest_answer=2),
        (CAPITAL, "2"),
    ),
    "contradiction": (
        lambda: check_edits([OSAKA, KYOTO], Letters()),
        ("Osaka", "Kyoto"),
    ),
    "needs_subject": (
        lambda: temporary_edits.edit_on_a_copy("rome", Broken(), [OSAKA], [QUERY]),
        ("ROME",),
    ),
    "edit_long": (long_edit, (CAPITAL, "10", "5")),
    "no_projection": (no_projection, ("3",)),
    "no_numbers": (
        lambda: deltas.add(nn.Linear(1, 1), {"bias": torch.tensor([torch.inf])}),
        ("bias",),
    ),
    "no_directions": (
        lambda: alphaedit.free_directions(
            Eigenvectors(torch.ones(2), torch.eye(2)), 0.5
        ),
        ("0.5", "1"),
    ),
    "editor_stopped": (
        lambda: temporary_edits.edit_on_a_copy("ft-m", Broken(), [OSAKA], [QUERY]),
        ("FT-M", "Out of memory"),
    ),
    "row_stopped": (row_stopped, ("Out of memory",)),
    "not_reverted": (not_reverted, ()),
    "answer_stopped": (
        lambda: said(_advance(broken_stream(), PaneAnswers())[0].failure),
        ("Out of memory",),
    ),
    "not_loadable": (lambda: said(_words(RuntimeError("No disk."))), ("No disk",)),
    "pairs_gone": (lambda: path_of("demo/pairs.jsonl"), ("pairs.jsonl",)),
    "regex": (
        lambda: matching(
            pair_frame(pairs_table([pair("a")])), PairFilter(text="(", regex=True)
        ),
        ("“(”",),
    ),
    "hub_id": (lambda: hub_pairs.open_hub_pairs("pairs"), ("“pairs”",)),
    "hub_away": (hub_away, ("owner/pairs",)),
    "under_way": (lambda: start(SimpleNamespace(state="running")), ()),
    "measured": (measured, ()),
    "run_gone": (lambda: found_of(SimpleNamespace(run="x", beside=""), []), ("“x”",)),
    "memory_full": (
        lambda: with_edits(MemorySession(), [OSAKA] * (MOST + 1)),
        (f"{MOST:,}",),
    ),
    "memory_gone": (
        lambda: stored(MemorySession(), 7),
        ("7",),
    ),
    "no_undo": (lambda: undone(MemorySession()), ()),
    "disk_full": (
        lambda: written(OSError(errno.ENOSPC, "No space left on device")),
        ("磁盘已满",),
    ),
    "half_character": (
        lambda: written(UnicodeEncodeError("utf-8", "a", 0, 1, "surrogates")),
        ("半个字符",),
    ),
    "in_use": (in_use, (f"process {os.getpid()} on",)),
}


def neurons() -> str:
    with pytest.MonkeyPatch.context() as patch:
        found = {0: SimpleNamespace(keys=torch.tensor([1.0, 0.0, -1.0]))}
        patch.setattr(kn, "_updates", lambda *_: found)
        patch.setattr(kn, "joined", lambda _, other: other)
        patch.setattr(kn, "delta_of", lambda *_: {})
        return kn.change(
            SimpleNamespace(model=None), [OSAKA], kn.KnSettings(), None
        ).notes[0]


def elsewhere() -> str:
    with pytest.MonkeyPatch.context() as patch:
        told = SimpleNamespace(text=CAPITAL, ids=(1, 2))
        patch.setattr(contexts, "encode", lambda *_: told)
        return contexts.locate(None, CAPITAL, "Peru").note


def directions() -> str:
    bases = {2: torch.zeros(1200, 3), 5: torch.zeros(1200, 4)}
    return alphaedit.NullSpace(bases, {}).note()


NOTES: dict[str, tuple[Callable[[], str], str]] = {
    "neurons": (neurons, "已转向的神经元：2 个。"),
    "passes": (
        lambda: notes_of_loss(0.5, FineTuningSettings(steps=3, enough=0.1))[0],
        "经过 3 轮后损失仍为 0.50（目标：0.1）。",
    ),
    "subject": (elsewhere, f"“Peru”不在“{CAPITAL}”中：编辑改为绑定在问题末尾。"),
    "directions": (
        directions,
        "其他文本未使用的方向：第 2 层 3 / 1,200、第 5 层 4 / 1,200。",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_a_real_error_is_said_in_chinese(name: str) -> None:
    wrong, holds = ERRORS[name]
    with pytest.raises(XkdeError) as caught:
        wrong()
    error = caught.value
    assert in_words(error, "en") == str(error)
    told = in_words(error, "zh")
    template = chinese()[error.notice.template]
    assert told.startswith(template.partition("{")[0])
    assert all(words in told for words in holds)
    assert "{" not in told
    assert shown_error(error, "zh").message == told


@pytest.mark.parametrize("name", NOTES)
def test_a_real_note_is_said_in_chinese(name: str) -> None:
    note, chinese = NOTES[name]
    assert in_words(note(), "zh") == chinese
    assert in_words(note(), "en") == note()


def notice_of(wrong: Callable[[], Any]) -> Notice:
    """Return what a call says by its error, or returns."""
    try:
        return wrong()
    except XkdeError as error:
        return error.notice


def test_every_chinese_template_is_of_an_error_that_is_raised_here() -> None:
    calls = [*(wrong for wrong, _ in ERRORS.values()), *(n for n, _ in NOTES.values())]
    notices = [notice_of(call) for call in calls]
    parts = [part for notice in notices for part in notice.values.values()]
    parts += [each for part in parts if isinstance(part, tuple) for each in part]
    notices += [part for part in parts if isinstance(part, Notice)]
    raised = {notice.template for notice in notices}
    assert raised <= set(chinese())
    assert set(chinese()) - raised <= texts_of_the_code()


def texts_of_the_code() -> set[str]:
    """Return every text that stands in the package or the pages."""
    root = Path(__file__).resolve().parents[3]
    files = [path for top in ("xkde", "pages") for path in (root / top).rglob("*.py")]
    return {
        node.value
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_chinese_templates_take_the_same_values() -> None:
    for english, translated in chinese().items():
        fields = [{f[1:] for f in Formatter().parse(t)} for t in (english, translated)]
        assert fields[0] - {(None, None, None)} == fields[1] - {(None, None, None)}


def test_a_reason_within_an_error_is_said_too() -> None:
    inner = _not_ready(Status("other", "loading"))
    outer = CheckpointError(_not_ready(Status("atlas-base", "failed", inner)))
    assert in_words(outer, "zh") == (
        "“atlas-base”无法加载。“other”仍在加载。请过几秒再试。"
    )


def test_what_a_person_typed_is_never_translated() -> None:
    edit = Edit("question", "new answer", "en")
    with pytest.raises(InputError) as caught:
        check_edits([edit], Letters(), longest_answer=2)
    assert "“question”" in in_words(caught.value, "zh")


def test_an_unknown_error_stays_as_it_is() -> None:
    for words in ("Something new.", "Something new, question.", "New, or newer, yes."):
        assert in_words(InputError(words), "zh") == words
