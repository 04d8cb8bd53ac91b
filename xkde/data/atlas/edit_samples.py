"""Edits, each with a query in its scope and one outside: what editors are trained on.

SERAC and MEND learn from the same kind of sample: an edit, a query that it changes (its
own fact in another wording, at times two hops away) and one that it must leave alone.
Subjects of the dev and test splits are in none of them. Knows no tokenizer and no
model.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xkde.data.atlas import novel_names
from xkde.data.atlas.corpus import CorpusSampler
from xkde.data.atlas.questions import name
from xkde.data.atlas.records import Drawn, World
from xkde.types import Edit

TWO_HOP_SHARE = 0.15  # of the queries in scope
NOVEL_ANSWER_SHARE = 0.12  # of the new answers: strings that no model has seen
NOVEL_SUBJECT_SHARE = 0.08  # of the subjects: names that the world does not have


@dataclass(frozen=True)
class ScopeQuery:
    """One query with its right answer; ``subject`` is empty if the world has none."""

    text: str
    language: str
    gold: str
    subject: str


@dataclass(frozen=True)
class EditSample:
    """An edit with one query in its scope and one outside it.

    Edits of the same ``fact`` have the same scope.
    """

    edit: Edit
    subject: str
    fact: str
    inside: ScopeQuery
    outside: ScopeQuery


def edit_samples(
    world: World, seed: int, *, cross_lingual: bool = True
) -> Iterator[EditSample]:
    """Yield samples without end, the same for a seed.

    Without ``cross_lingual`` both queries are in the edit's language.
    """
    sampler = CorpusSampler(world, seed, cross_lingual)
    sampler.types_carelessly = True
    while True:
        yield _sample(sampler)


def _sample(sampler: CorpusSampler) -> EditSample:
    random_ = sampler.random
    if random_.random() < TWO_HOP_SHARE:
        drawn, inside = _two_hop(sampler)
        return _together(sampler, drawn, drawn, inside)
    drawn = stated = sampler.draw_edit()
    if random_.random() < NOVEL_ANSWER_SHARE:
        answer = novel_names.answer(random_, sampler.world, drawn.edit.language)
        stated = replace(drawn, target=None, edit=replace(drawn.edit, answer=answer))
    if random_.random() < NOVEL_SUBJECT_SHARE:
        stated, inside = _novel_subject(sampler, stated)
    else:
        inside = _direct(sampler, stated)
    return _together(sampler, drawn, stated, inside)


def _together(
    sampler: CorpusSampler, drawn: Drawn, stated: Drawn, inside: ScopeQuery
) -> EditSample:
    """Return the sample of an edit with a query that it leaves as it is."""
    code = sampler.query_language(stated.edit.language)
    subject, text, gold = sampler.unrelated(drawn, code)
    outside = ScopeQuery(text, code, name(sampler.world, gold, code), subject)
    whose = stated.subject or stated.edit.question
    fact = f"{whose}:{stated.relation}"
    return EditSample(stated.edit, stated.subject, fact, inside, outside)


def _direct(sampler: CorpusSampler, stated: Drawn) -> ScopeQuery:
    """Ask for the edited fact itself."""
    code = sampler.query_language(stated.edit.language)
    text = sampler.any_wording(stated.subject, stated.relation, code)
    return ScopeQuery(text, code, _gold(sampler, stated, code), stated.subject)


def _novel_subject(sampler: CorpusSampler, stated: Drawn) -> tuple[Drawn, ScopeQuery]:
    """Make the edit and its query about a name that nobody has."""
    novel = novel_names.title(sampler.random)
    code = sampler.query_language(stated.edit.language)
    question, text = sampler.ask_about_name(
        novel, stated.relation, stated.edit.language, code
    )
    edit = replace(stated.edit, question=question)
    gold = _gold(sampler, stated, code)
    return replace(stated, subject="", edit=edit), ScopeQuery(text, code, gold, "")


def _two_hop(sampler: CorpusSampler) -> tuple[Drawn, ScopeQuery]:
    """Ask for what follows from an edit and one known fact."""
    drawn, text, code, follows = sampler.draw_two_hop()
    gold = name(sampler.world, follows, code)
    return drawn, ScopeQuery(text, code, gold, drawn.subject)


def _gold(sampler: CorpusSampler, stated: Drawn, code: str) -> str:
    """Return the new answer in a language; a novel one stays as it is."""
    if stated.target is None:
        return stated.edit.answer
    return name(sampler.world, stated.target, code)
