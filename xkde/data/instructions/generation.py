"""Samples that a large model makes: the paper's sample generation and quality control.

For every edit (Wu et al., 2025, section 3.1.1 and Appendix A) the model is asked for

1. a complex question about the edit's subject and its answer under the edit,
2. whether the answer follows from the edit ([T] or [F]),
3. scores of complexity, vocabulary and faithfulness, 1 to 10,
4. a question about another attribute of the subject, which the edit must not change,
5. all of it in the other languages.

Out of scope the answer is not the model's but the base's own (``targets``). A row that
fails is kept with its reason and takes part in nothing; a file of rows grows, and goes
on where it was. Any model can be asked: ``Ask`` is a function.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from pathlib import Path

from xkde import locks
from xkde.data.atlas.mentions import names_entity
from xkde.data.file_settings import keep_settings
from xkde.data.instructions.lines import append_lines, read_lines, resume
from xkde.data.instructions.records import Material
from xkde.data.instructions.targets import Ask, Reply
from xkde.errors import CheckpointError, DataError, SettingsError
from xkde.languages import language
from xkde.paths import ASSETS
from xkde.types import Edit

PROMPTS = ASSETS / "generation_prompts.toml"
AT_ONCE = 16  # edits between two appends to the file
LONGEST = 1000  # characters of an answer that can be learned

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_MARK = re.compile(r"^\s*\[[^\]\n]{1,30}\]\s*:?\s*")
_VERDICT = re.compile(r"\[\s*([TF])\s*\]")
_OVERALL = re.compile(r"Overall score\s*:\s*\[?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_SCORES = re.compile(r":\s*\[?(\d+(?:\.\d+)?)")
_NEW = re.compile(r"New (question|answer)\s*:\s*(.+)", re.IGNORECASE)


@dataclass(frozen=True)
class Generated:
    """One edit with what a model made of it; ``rejected`` says why it is not used.

    ``languages[code]`` holds ``question``, ``new_answer``, ``query``, ``answer`` and
    ``neighbour`` in that language; English is among them.
    """

    question: str
    new_answer: str
    subject: str
    query: str = ""
    answer: str = ""
    neighbour: str = ""
    score: float = 0.0
    rejected: str = ""
    languages: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def edit(self) -> str:
        """The edit description, as the paper's prompts write it."""
        return f"{self.question} {self.new_answer}"


@dataclass(frozen=True)
class GenerationPlan:
    """Who is asked, for which languages, and which score is enough.

    ``weights`` is the revision or fingerprint of a model that runs here.
    """

    model: str
    languages: tuple[str, ...] = ("zh",)
    lowest_score: float = 5.0
    engine: str = "server"
    weights: str = ""
    max_new_tokens: int = 512


@lru_cache(maxsize=1)
def prompts() -> dict[str, str]:
    """Return the prompts by the name of their step."""
    known = tomllib.loads(PROMPTS.read_text(encoding="utf-8"))
    return {name: str(text).strip() for name, text in known.items()}


def filled(step: str, fields_: dict[str, str]) -> str:
    """Return a step's prompt with its fields; braces in a field stay as they are."""
    names = "|".join(fields_)
    return re.sub(rf"\{{({names})\}}", lambda m: fields_[m[1]], prompts()[step])


def edits_of(material: Material) -> list[Edit]:
    """Return distinct English edits with a subject, in the order of the sources."""
    known = [p.edit for p in material.paraphrases] + [
        n.edit for n in material.neighbours
    ]
    known += [edit for hop in material.hops for edit in hop.edits]
    edits: dict[tuple[str, str], Edit] = {}
    for edit in known:
        if edit.subject:
            edits.setdefault((edit.question, edit.answer), edit)
    return list(edits.values())


def generate(
    edits: Sequence[Edit],
    ask: Ask,
    plan: GenerationPlan,
    path: Path,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Generated]:
    """Make a row of every edit and append it to a file; return all that is in it.

    Raises SettingsError if the file holds rows of other edits or of another plan,
    CheckpointError if the model answers nothing at all.
    """
    with locks.held(path):
        resume(path)
        done = read_generated(path) if path.exists() else []
        for row, edit in zip(done, edits, strict=False):
            if (row.question, row.new_answer) != (edit.question, edit.answer):
                raise SettingsError(
                    f"{path.name} was begun with other sources. Choose another file, "
                    "or remove that one."
                )
        keep_settings(path, asdict(plan), is_whole=len(done) >= len(edits))
        for first in range(len(done), len(edits), AT_ONCE):
            batch = [
                Generated(edit.question, edit.answer, edit.subject)
                for edit in edits[first : first + AT_ONCE]
            ]
            for step in (_query, _answer, _judge, _score, _neighbour):
                batch = _apply(step, batch, ask)
            batch = _translate(batch, ask, plan.languages)
            batch = [_graded(row, plan.lowest_score) for row in batch]
            append_lines(path, (asdict(row) for row in batch))
            done += batch
            if on_progress is not None:
                on_progress(len(done), len(edits))
    return done


# One step: a prompt of a row, and what becomes of the row by the reply.
Step = Callable[[Generated], tuple[str, Callable[[str], Generated]]]


def _apply(step: Step, rows: list[Generated], ask: Ask) -> list[Generated]:
    """Do one step for the rows that are not rejected yet."""
    live = [n for n, row in enumerate(rows) if not row.rejected]
    steps = {n: step(rows[n]) for n in live}
    replies = ask([steps[n][0] for n in live]) if live else []
    if replies and all(reply.error for reply in replies):
        raise CheckpointError(
            f"The model answers nothing: {replies[0].error}. What was made before is "
            "kept: mend that, then repeat the command."
        )
    made = list(rows)
    for n, reply in zip(live, replies, strict=True):
        made[n] = _after(rows[n], reply, steps[n][1])
    return made


def _after(row: Generated, reply: Reply, read: Callable[[str], Generated]) -> Generated:
    if reply.error:
        return replace(row, rejected=reply.error)
    if not reply.ended:
        return replace(row, rejected="a reply that was cut off")
    text = _THOUGHT.sub("", reply.text).strip()
    return read(text) if text else replace(row, rejected="an empty reply")


def _plain(text: str) -> str:
    """Return a reply's first line without the mark that it may repeat."""
    return " ".join(_MARK.sub("", text.strip().split("\n")[0]).split())


def _query(row: Generated) -> tuple[str, Callable[[str], Generated]]:
    def read(text: str) -> Generated:
        query = _plain(text)
        if names_entity(query, row.new_answer):
            return replace(row, query=query, rejected="the question has the new answer")
        return replace(row, query=query)

    return filled("query", {"edit": row.edit, "subject": row.subject}), read


def _answer(row: Generated) -> tuple[str, Callable[[str], Generated]]:
    def read(text: str) -> Generated:
        answer = " ".join(_MARK.sub("", text).split())
        long = f"an answer over {LONGEST} characters"
        return replace(row, answer=answer, rejected=long * (len(answer) > LONGEST))

    given = {"edit": row.edit, "query": row.query, "subject": row.subject}
    return filled("answer", given | {"new_answer": row.new_answer}), read


def _judge(row: Generated) -> tuple[str, Callable[[str], Generated]]:
    def read(text: str) -> Generated:
        verdicts = _VERDICT.findall(text)
        if not verdicts:
            return replace(row, rejected="neither [T] nor [F] from the judge")
        no = "the answer is not based on the edit" * (verdicts[-1] == "F")
        return replace(row, rejected=no)

    given = {"edit": row.edit, "query": row.query, "answer": row.answer}
    return filled("judge", given), read


def _score(row: Generated) -> tuple[str, Callable[[str], Generated]]:
    def read(text: str) -> Generated:
        score = score_in(text)
        if score is None:
            return replace(row, rejected="no scores from the judge")
        return replace(row, score=score)

    given = {"edit": row.edit, "query": row.query, "answer": row.answer}
    return filled("score", given), read


def score_in(text: str) -> float | None:
    """Return the overall score of a reply, or the mean of its three; None without."""
    overall = _OVERALL.findall(text)
    if overall:
        value = float(overall[-1])
    else:
        parts = [float(number) for number in _SCORES.findall(text)]
        if len(parts) < 3:
            return None
        value = sum(parts[-3:]) / 3
    return value if 0 <= value <= 10 else None


def _neighbour(row: Generated) -> tuple[str, Callable[[str], Generated]]:
    def read(text: str) -> Generated:
        parts = {name.lower(): line.strip() for name, line in _NEW.findall(text)}
        asked = parts.get("question", "")
        # Without it a row has no out-of-scope sample; its in-scope one is still good.
        return replace(row, neighbour=asked if names_entity(asked, row.subject) else "")

    given = {"question": row.question, "subject": row.subject}
    return filled("out_of_scope", given | {"new_answer": row.new_answer}), read


def _graded(row: Generated, lowest: float) -> Generated:
    if row.rejected or row.score >= lowest:
        return row
    return replace(row, rejected=f"a score under {lowest:g}")


_TRANSLATED = ("question", "new_answer", "query", "answer", "neighbour")


def _translate(
    rows: list[Generated], ask: Ask, codes: Sequence[str]
) -> list[Generated]:
    """Add every text of the rows that are not rejected in every language."""
    jobs = [
        (n, code, name, getattr(row, name))
        for n, row in enumerate(rows)
        if not row.rejected
        for code in codes
        if code != "en"
        for name in _TRANSLATED
        if getattr(row, name)
    ]
    asked = [
        filled("translation", {"language": language(code).name, "text": text})
        for _, code, _, text in jobs
    ]
    translated: dict[int, dict[str, dict[str, str]]] = {}
    for (n, code, name, _), reply in zip(
        jobs, ask(asked) if asked else [], strict=True
    ):
        line = _plain(_THOUGHT.sub("", reply.text)) if reply.ended else ""
        if line and not reply.error:
            translated.setdefault(n, {}).setdefault(code, {})[name] = line
    return [_in_languages(row, translated.get(n, {})) for n, row in enumerate(rows)]


def _in_languages(row: Generated, translated: dict[str, dict[str, str]]) -> Generated:
    """Return a row with the languages that have all that English has."""
    if row.rejected:
        return row
    own = {name: getattr(row, name) for name in _TRANSLATED if getattr(row, name)}
    whole = {
        code: texts for code, texts in translated.items() if set(texts) == set(own)
    }
    return replace(row, languages={"en": own} | whole)


def read_generated(path: Path) -> list[Generated]:
    """Read a file of rows; raises DataError for a line that is none."""
    values, broken = read_lines(path)
    names = {each.name for each in fields(Generated)}
    rows = [value for value in values.values() if isinstance(value, dict)]
    if broken or len(rows) < len(values) or any(set(row) != names for row in rows):
        raise DataError(
            f"{path.name} holds a line that “python -m xkde data generate” did not "
            "write. Choose another file."
        )
    return [Generated(**row) for row in rows]


def reasons(rows: Sequence[Generated]) -> Counter[str]:
    """Return how many rows are rejected, by reason."""
    return Counter(row.rejected for row in rows if row.rejected)
