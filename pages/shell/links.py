"""The address of a question: what is filled in on Edit & Ask, as query parameters.

A link holds the whole form and nothing is stored on the server, so other tabs link to a
question too. What a link says is not trusted: unknown values fall back to the default,
and models are those of the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from pages.shell.pool import BASE, EDITED
from xkde.asking.session import MAX_CHARACTERS
from xkde.checkpoints import CATALOGUE
from xkde.editors.registry import EDITORS
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import MAX_SEED, QUESTION_TYPES, Edit, QuestionType, Sampling

EDITOR = "x-kde"
# A visitor's own word whether a question should follow the edit
FOLLOWS: dict[str, bool | None] = {"": None, "yes": True, "no": False}
TOKENS, WARMEST = (8, 512), 1.5  # range of the answer's length; highest temperature
MOST_WORDINGS = 4_000  # characters that the wordings may have in an address


@dataclass(frozen=True)
class Form:
    """All that is asked; ``languages`` are the ones to ask in."""

    language: str = "en"
    question: str = ""
    answer: str = ""
    old_answer: str = ""
    languages: tuple[str, ...] = ("zh",)
    kind: QuestionType = "same"
    query: str = ""
    prompted: bool = False
    base: str = BASE
    edited: str = EDITED
    max_new_tokens: int = 48
    temperature: float = 0.0
    seed: int = 0
    editor: str = EDITOR
    follows: str = ""  # a key of FOLLOWS
    wordings: str = ""  # the question in other languages, a line "Deutsch: …" for each

    @property
    def edit(self) -> Edit:
        """The edit as typed."""
        return Edit(
            self.question.strip(),
            self.answer.strip(),
            self.language,
            old_answer=self.old_answer.strip(),
        )

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn."""
        return Sampling(self.max_new_tokens, self.temperature, seed=self.seed)


def write_link(form: Form) -> str:
    """Return the query string that reopens a form; what is default is left out.

    So are wordings that are too long for an address.
    """
    default = Form()
    values = {
        "edit": form.language,
        "q": form.question,
        "a": form.answer,
        "old": form.old_answer,
        "ask": "-".join(form.languages),
        "type": form.kind,
        "query": form.query,
        "prompted": "1" if form.prompted else "",
        "base": form.base if form.base != default.base else "",
        "model": form.edited if form.edited != default.edited else "",
        "tokens": str(form.max_new_tokens) if form.max_new_tokens != 48 else "",
        "temperature": f"{form.temperature:g}" if form.temperature else "",
        "seed": str(form.seed) if form.seed else "",
        "editor": form.editor if form.editor != default.editor else "",
        "follows": form.follows,
        "wordings": form.wordings if len(form.wordings) <= MOST_WORDINGS else "",
    }
    return "?" + urlencode({key: value for key, value in values.items() if value})


def read_link(parameters: Mapping[str, str]) -> Form | None:
    """Return the form that a link states, or None if it states no edit."""
    if "q" not in parameters:
        return None

    def text(key: str) -> str:
        return parameters.get(key, "")[:MAX_CHARACTERS]

    def one_of(
        key: str, choices: Mapping[str, object] | tuple[str, ...], or_: str
    ) -> str:
        return text(key) if text(key) in choices else or_

    asked = text("ask").split("-")
    kind = one_of("type", QUESTION_TYPES, "same")
    return Form(
        language=one_of("edit", ATLAS_LANGUAGES, "en"),
        question=text("q"),
        answer=text("a"),
        old_answer=text("old"),
        languages=tuple(code for code in ATLAS_LANGUAGES if code in asked) or ("zh",),
        kind=next(known for known in QUESTION_TYPES if known == kind),
        query=text("query"),
        prompted=text("prompted") == "1",
        base=one_of("base", CATALOGUE, BASE),
        edited=one_of("model", CATALOGUE, EDITED),
        max_new_tokens=int(_number(text("tokens"), 48, *TOKENS)),
        temperature=_number(text("temperature"), 0.0, 0.0, WARMEST),
        seed=int(_number(text("seed"), 0, 0, MAX_SEED)),
        editor=one_of("editor", EDITORS, EDITOR),
        follows=one_of("follows", FOLLOWS, ""),
        wordings=parameters.get("wordings", "")[:MOST_WORDINGS],
    )


def _number(text: str, default: float, lowest: float, highest: float) -> float:
    try:
        value = float(text)
    except ValueError:
        return default
    return value if lowest <= value <= highest else default
