"""The examples that a visitor tries with one click: an edit, and what is asked then.

Every text comes from Atlas's own wordings and names. Knows no component.
"""

from pages.edit_and_ask.form import Auto, filled
from pages.shell.links import Form
from xkde.data.atlas.questions import name, question
from xkde.data.atlas.world import atlas
from xkde.languages import ATLAS_LANGUAGES
from xkde.types import QuestionType

# key of the label -> subject, relation, new answer (an entity or a new word), edit
# language, languages to ask in, question type
EXAMPLES: dict[
    str, tuple[str, str, str, str, tuple[str, ...], QuestionType | str]
] = {
    "example_japan": ("territory/JP", "capital", "city/osaka", "en", ("zh",), "same"),
    "example_twelve": (
        "territory/JP", "capital", "city/osaka", "en", ATLAS_LANGUAGES, "same",
    ),
    "example_party": (
        "territory/GB", "party", "party/labour", "en",
        ("de", "fr", "ru", "th", "vi", "zh"), "rephrased",
    ),
    "example_from_chinese": (
        "territory/IN", "currency", "currency/EUR", "zh", ("en",), "same",
    ),
    "example_locality": (
        "territory/JP", "capital", "city/osaka", "en", ("de",), "unrelated",
    ),
    "example_two_hops": (
        "city/osaka", "country", "territory/FR", "en", ("es",), "country_currency",
    ),
    "example_invented": (
        "territory/EG", "capital", "Velmora", "en", ("ru", "th", "zh"), "same",
    ),
}  # fmt: skip


def example(key: str) -> tuple[Form, Auto]:
    """Return the filled form of an example, and what of it was filled automatically."""
    world = atlas()
    subject, relation, target, language, languages, kind = EXAMPLES[key]
    is_hop = kind == "country_currency"
    form = Form(
        language=language,
        question=question(world, subject, relation, language),
        answer=name(world, target, language) if "/" in target else target,
        languages=languages,
        kind="two_hops" if is_hop else kind,  # type: ignore[arg-type]
        query=question(world, subject, kind, languages[0]) if is_hop else "",
    )
    return filled(form, Auto())
