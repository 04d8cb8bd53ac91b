"""The prompts at which editors of weights look: a question behind a few openings.

A key is averaged, and a value optimised, over the question alone and behind openings in
the edit's own language, so that it holds wherever the question stands. Every row is
written with the model's own chat marks and knows where its subject ends. Knows no model
and no method.

Run its tests: ``python -m pytest tests/xkde/editors/weights/test_contexts.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from xkde.editors.weights.subjects import locate
from xkde.languages import language
from xkde.prompts import answered, encode
from xkde.types import Edit

# What can stand before any question; languages without an entry have the bare question.
OPENINGS: dict[str, tuple[str, ...]] = {
    "cs": ("Mám otázku.", "Prosím, odpověz stručně.", "Zajímá mě to.", "Dobrý den."),
    "de": ("Ich habe eine Frage.", "Bitte kurz.", "Das möchte ich wissen.", "Hallo."),
    "en": ("I have a question.", "Please be brief.", "I would like to know.", "Hello."),
    "es": ("Tengo una pregunta.", "Sé breve, por favor.", "Quiero saberlo.", "Hola."),
    "fr": ("J'ai une question.", "Réponds en bref.", "Je veux le savoir.", "Bonjour."),
    "nl": ("Ik heb een vraag.", "Graag kort.", "Dat wil ik weten.", "Hallo."),
    "pt": ("Tenho uma pergunta.", "Seja breve.", "Quero saber.", "Olá."),
    "ru": ("У меня вопрос.", "Ответь кратко.", "Хочу знать.", "Здравствуйте."),
    "th": ("ฉันมีคำถาม ", "ขอตอบสั้นๆ ", "ฉันอยากรู้ ", "สวัสดี "),
    "tr": ("Bir sorum var.", "Lütfen kısaca yanıtla.", "Merak ediyorum.", "Merhaba."),
    "vi": ("Tôi có một câu hỏi.", "Hãy trả lời ngắn.", "Tôi muốn biết.", "Xin chào."),
    "zh": ("我有一个问题。", "请简短回答。", "我想知道。", "你好。"),
}
# What the subject is: how the model goes on from this, an edit should leave alone.
ESSENCES: dict[str, str] = {
    "cs": "{} je",
    "de": "{} ist",
    "en": "{} is a",
    "es": "{} es",
    "fr": "{} est",
    "nl": "{} is een",
    "pt": "{} é",
    "ru": "{} — это",
    "th": "{}คือ",
    "tr": "{} bir",
    "vi": "{} là",
    "zh": "{}是",
}
ANY_ESSENCE = "{}"


@dataclass(frozen=True)
class Row:
    """A prompt as token ids; ``answer`` is what should follow, or nothing."""

    edit: int  # which of the edits it belongs to
    ids: tuple[int, ...]
    place: int  # the subject's last token
    answer: tuple[int, ...] = ()
    note: str = ""  # what to say where the subject was not found

    @property
    def read(self) -> tuple[int, ...]:
        """What a model reads: the last answer token is predicted only."""
        return (*self.ids, *self.answer[:-1])


def rows_of(
    tokenizer: Any, edits: Sequence[Edit], openings: int, new: bool = True
) -> list[Row]:
    """Return each edit's question alone, then behind ``openings`` openings.

    The answers are the edits' new ones, or their old ones.
    """
    rows = []
    for index, edit in enumerate(edits):
        before = OPENINGS.get(edit.language, ())[:openings]
        space = " " if language(edit.language).spaced else ""
        for opening in ("", *before):
            question = f"{opening}{space}{edit.question}" if opening else edit.question
            answer = edit.answer if new else edit.old_answer
            rows.append(_row(tokenizer, index, question, edit.subject, answer))
    return rows


def essence_rows(tokenizer: Any, edits: Sequence[Edit]) -> list[Row]:
    """Return one row for each edit with a subject: what the subject is."""
    rows = []
    for index, edit in enumerate(edits):
        if edit.subject.strip():
            words = ESSENCES.get(edit.language, ANY_ESSENCE).format(edit.subject)
            found = locate(tokenizer, words, edit.subject)
            rows.append(Row(index, found.ids, found.index))
    return rows


def notes_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return what to say of the rows, each thing once; of openings nothing."""
    first: dict[int, str] = {}
    for row in rows:
        first.setdefault(row.edit, row.note)
    return tuple(dict.fromkeys(note for note in first.values() if note))


def _row(tokenizer: Any, index: int, question: str, subject: str, answer: str) -> Row:
    found = locate(tokenizer, question, subject)
    told = encode(tokenizer, answered(question, answer))
    place = min(found.index, len(told.prompt_ids) - 1)
    return Row(index, told.prompt_ids, place, told.answer_ids, found.note)
