"""A question to look into, with all that Atlas knows about it. Imports no torch.

``looks`` takes the looks themselves.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xkde.asking.all_editors import with_subject
from xkde.asking.expected_answers import expected, in_languages, recognise
from xkde.asking.session import check
from xkde.data.atlas.questions import name
from xkde.data.atlas.records import World
from xkde.types import Edit, Query

if TYPE_CHECKING:  # torch comes with it
    from xkde.inside.lens import Which

Look = Literal["lens", "map", "attribution", "trace", "languages"]
LOOKS: tuple[Look, ...] = ("lens", "map", "attribution", "trace", "languages")


@dataclass(frozen=True)
class InsideQuestion:
    """What is looked into. ``answers`` are (new or old, language, text)."""

    edit: Edit
    query: Query
    subjects: tuple[str, ...]  # its names in the edit's and the query's language
    answers: "tuple[tuple[Which, str, str], ...]"
    queries: tuple[Query, ...]  # the same question in many languages, or this one alone


def inside_question(world: World, edit: Edit, query: Query) -> InsideQuestion:
    """Return a typed question with all that Atlas knows about it.

    Raises InputError for a text that cannot be asked.
    """
    check(edit, [query])
    about = recognise(world, edit, query.text, (query.language, edit.language))
    own = expected(world, edit, about, query.language)
    of_edit = expected(world, edit, about, edit.language)
    named = with_subject(world, edit, about.fact)
    fact = about.fact
    translated = name(world, fact.subject, query.language) if fact else ""
    answers: tuple[tuple[Which, str, str], ...] = (
        ("new", query.language, own.new),
        ("new", edit.language, of_edit.new or edit.answer),
        ("old", query.language, own.old),
        ("old", edit.language, of_edit.old or edit.old_answer),
    )
    languages = world.languages if about.question else (query.language,)
    return InsideQuestion(
        named,
        query,
        tuple(dict.fromkeys(n for n in (named.subject, translated) if n.strip())),
        answers,
        in_languages(world, about.question, query.text, languages),
    )
