"""The prompts at which weight editors look, and where the subject ends in them.

A key is averaged, and a value optimised, over the question alone and behind a few
openings in the edit's own language, so that the edit holds wherever the question stands
(the "context prefixes" of ROME). Every prompt is written with the model's own chat
marks. The subject's last token is found by character offsets in the whole prompt: this
works in any script and with any fast tokenizer.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from xkde.errors import Notice
from xkde.languages import language
from xkde.prompts import Tokenizer, answered, ask, encode
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
# ROME's "{subject} is a": an edit should leave alone how the model continues it.
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


FORMS: tuple[Literal["NFC", "NFD", "NFKC"], ...] = ("NFC", "NFD", "NFKC")


@dataclass(frozen=True)
class EditPrompt:
    """A prompt about an edit's subject; ``answer`` should follow it, or nothing."""

    edit: int  # the number of its edit
    ids: tuple[int, ...]
    subject_end: int  # the index of the subject's last token
    answer: tuple[int, ...] = ()
    note: str = ""  # for people, where the subject was not found

    @property
    def read(self) -> tuple[int, ...]:
        """What a model reads: the last answer token is only predicted."""
        return (*self.ids, *self.answer[:-1])


@dataclass(frozen=True)
class LocatedSubject:
    """A prompt's ids, and the token that stands for its subject."""

    ids: tuple[int, ...]
    index: int
    note: str = ""  # for people, where the subject was not found


def question_prompts(
    tokenizer: Tokenizer, edits: Sequence[Edit], openings: int, old_answer: bool = False
) -> list[EditPrompt]:
    """Return each edit's question alone, then behind ``openings`` openings.

    The new answers follow, or the old ones.
    """
    prompts = []
    for number, edit in enumerate(edits):
        answer = edit.old_answer if old_answer else edit.answer
        space = " " if language(edit.language).spaced else ""
        for opening in ("", *OPENINGS.get(edit.language, ())[:openings]):
            question = f"{opening}{space}{edit.question}" if opening else edit.question
            subject = locate(tokenizer, question, edit.subject, edit.language)
            encoded = encode(tokenizer, answered(question, answer, edit.language))
            end = min(subject.index, len(encoded.prompt_ids) - 1)
            prompts.append(
                EditPrompt(
                    number, encoded.prompt_ids, end, encoded.answer_ids, subject.note
                )
            )
    return prompts


def essence_prompts(tokenizer: Tokenizer, edits: Sequence[Edit]) -> list[EditPrompt]:
    """Return "{subject} is a" in its language for each edit that names a subject."""
    prompts = []
    for number, edit in enumerate(edits):
        if edit.subject.strip():
            text = ESSENCES.get(edit.language, ANY_ESSENCE).format(edit.subject)
            subject = locate(tokenizer, text, edit.subject, edit.language)
            prompts.append(EditPrompt(number, subject.ids, subject.index))
    return prompts


def notes_of(prompts: Sequence[EditPrompt]) -> tuple[str, ...]:
    """Return the notes of the edits' bare questions, each text once."""
    bare: dict[int, str] = {}
    for prompt in prompts:
        bare.setdefault(prompt.edit, prompt.note)
    return tuple(dict.fromkeys(note for note in bare.values() if note))


def locate(
    tokenizer: Tokenizer, question: str, subject: str, language: str = ""
) -> LocatedSubject:
    """Return the prompt of a question and the last token of the subject in it.

    Without the subject in the question it is the prompt's last token, and the note says
    so.
    """
    encoded = encode(tokenizer, ask(question, language))
    content = question.strip()
    start = encoded.text.rfind(content)
    span = find(content, subject)
    if span is None or start < 0:
        note = Notice(
            "“{subject}” is not in “{question}”: the edit was bound to the end of the "
            "question.",
            subject=subject,
            question=content,
        )
        return LocatedSubject(encoded.ids, len(encoded.ids) - 1, note)
    last = start + span[1] - 1
    tokens = tokenizer(
        encoded.text, add_special_tokens=False, return_offsets_mapping=True
    )
    # A BOS may have been put before the ids or taken away; their ends agree.
    shift = len(encoded.ids) - len(tokens["input_ids"])
    index = max(
        place
        for place, (begin, end) in enumerate(tokens["offset_mapping"])
        if begin <= last < end
    )
    return LocatedSubject(encoded.ids, index + shift)


def find(text: str, subject: str) -> tuple[int, int] | None:
    """Return where the subject stands in a text, or None.

    As a word rather than within one, as written rather than in another case or Unicode
    form, and the last of several places.
    """
    names = dict.fromkeys(
        name
        for name in (
            subject.strip(),
            *(unicodedata.normalize(form, subject.strip()) for form in FORMS),
        )
        if name
    )
    for flags in (re.NOFLAG, re.IGNORECASE):
        for border in (r"(?<!\w){}(?!\w)", "{}"):
            for name in names:
                pattern = border.format(re.escape(name))
                places = [m.span() for m in re.finditer(pattern, text, flags)]
                if places:
                    return places[-1]
    return None
