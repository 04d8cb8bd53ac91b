"""The kinds of all rows of a run, from what its own rows say of each other.

A run's rows know a fact's name in every language that it was asked in, and which other
answers its relation has. What was true before an edit stands in the row, or is looked
up in Atlas; rows of earlier versions lack it elsewhere.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa

from xkde.data.atlas.questions import entity, second_hop
from xkde.data.atlas.records import RELATIONS, TWO_HOPS
from xkde.data.atlas.world import atlas
from xkde.evaluation.analysis.kinds import (
    EVIDENCE,
    AnswerToSort,
    Kind,
    KindFound,
    kind_of,
)
from xkde.evaluation.analysis.likeness import words_of
from xkde.evaluation.results.rows import (
    SCORE,
    TEACHER_FORCED,
    Mask,
    Values,
    frame_of,
    values_of,
)
from xkde.prompts import EDIT_HEADER
from xkde.text import normalise

Golds = dict[str, dict[str, set[str]]]  # target → relation → golds, normalised
ATLAS = "atlas"
SEPARATOR = "\t"  # between the rule and the text of an evidence, as it is stored
_TEXTS = (
    "case", "probe", "source", "target", "protocol", "benchmark", "relation", "subject",
    "edit", "query", "prompt", "gold", "answer", "before", "base_answer", "finish",
    "defects", "stated", "old",
)  # fmt: skip
# Where the edit's question ends and its answer begins
_END_OF_QUESTION = re.compile(r"[?？؟] ")


def kinds_of(rows: pd.DataFrame) -> tuple[list[str | None], list[str | None]]:
    """Return each row's kind and evidence ("rule", or "rule<TAB>text"), as stored.

    ``rows`` is a run's frame (``results.rows``). None where nothing was answered.
    """
    right: Mask = values_of(rows, SCORE) == 1
    forced = (rows["protocol"] == TEACHER_FORCED).to_numpy()
    kinds = np.full(len(rows), None, dtype=object)
    kinds[right] = Kind.RIGHT.value
    evidence = np.where(forced, "all_tokens", "exact").astype(object)
    evidence[~right] = None
    wrong = np.flatnonzero(~right & rows["answer"].notna().to_numpy())
    for place, row in zip(wrong, answers_to_sort(rows, wrong), strict=True):
        found = kind_of(row)
        kinds[place] = found.kind.value
        evidence[place] = SEPARATOR.join(filter(None, (found.rule, found.text)))
    return kinds.tolist(), evidence.tolist()


def with_kinds(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a run's frame with its kinds: as stored, or found where none are.

    Those that nobody here knows, of another version or made up, are found anew.
    """
    kinds, evidence = (
        rows[name].dropna().unique().tolist() for name in ("kind", "evidence")
    )
    if kinds and all(map(_is_our_kind, kinds)) and all(map(_has_sentence, evidence)):
        return rows
    kinds, evidence = kinds_of(rows)
    return rows.assign(
        kind=pd.Categorical(kinds, categories=[kind.value for kind in Kind]),
        evidence=pd.Series(evidence, index=rows.index, dtype="category"),
    )


def with_stored_kinds(table: pa.Table) -> pa.Table:
    """Return a run's rows with the columns ``kind`` and ``evidence`` filled in."""
    for name, values in zip(
        ("kind", "evidence"), kinds_of(frame_of(table)), strict=True
    ):
        at = table.schema.get_field_index(name)
        filled = pa.array(values, pa.string())
        table = table.set_column(at, table.schema.field(name), filled)
    return table


def _is_our_kind(kind: str) -> bool:
    """Tell whether a stored kind is one of ours."""
    return kind in set(Kind)


def _has_sentence(evidence: str) -> bool:
    """Tell whether a stored evidence has a sentence."""
    return evidence.partition(SEPARATOR)[0] in EVIDENCE


def found_of(kind: str, evidence: str) -> KindFound:
    """Return a kind and its evidence as they were before they were stored."""
    rule, _, text = evidence.partition(SEPARATOR)
    return KindFound(Kind(kind), rule, text)


def answers_to_sort(
    rows: pd.DataFrame, places: Iterable[int]
) -> Iterator[AnswerToSort]:
    """Yield the rows at some places, each with what the run knows of it."""
    texts = {name: _texts(rows, name) for name in _TEXTS}
    question = rows["question"].to_numpy().tolist()
    share, lenient = values_of(rows, "token_accuracy"), values_of(rows, "lenient") == 1
    was_right = _was_right(rows)
    names, golds = _names(texts, question), _golds(texts)
    asked = {target: set().union(*its.values()) for target, its in golds.items()}
    common = _common_words(golds)
    keys, columns = tuple(texts), tuple(texts.values())
    for at in places:
        its = dict(zip(keys, [column[at] for column in columns], strict=True))
        case, target = its["case"], its["target"]
        forced = its["protocol"] == TEACHER_FORCED
        edit = names[case, "reliability", 0]
        yield AnswerToSort(
            answer=its["answer"],
            gold=its["gold"],
            probe=its["probe"],
            source=its["source"],
            target=target,
            is_right=False,
            query=its["query"],
            stated=its["stated"] or edit.get(its["source"]) or _stated(its["edit"]),
            new=edit.get(target, ""),
            old=_old(its),
            before=its["before"] or None,
            base_answer=its["base_answer"] or None,
            was_right=None if np.isnan(was_right[at]) else bool(was_right[at]),
            is_other_form=bool(lenient[at]),
            gold_names=tuple(names[case, its["probe"], question[at]].items()),
            is_of_kind=_is_of_kind(its, golds),
            is_known=_is_known(its, asked[target]),
            common=common[target],
            defects=tuple(its["defects"].split(",")),
            is_stated=_is_stated(its["prompt"], its["edit"]),
            finish=its["finish"],
            token_accuracy=float(share[at]) if forced else None,
        )


def _texts(rows: pd.DataFrame, name: str) -> list[str]:
    """Return a column as plain texts; "" for nulls and for a column that lacks."""
    if name not in rows.columns:
        return [""] * len(rows)
    texts = np.append(rows[name].cat.categories.to_numpy(dtype=object), "")
    found: list[str] = texts[rows[name].cat.codes.to_numpy()].tolist()
    return found


def _was_right(rows: pd.DataFrame) -> Values:
    """Return whether the answer without the edit was right; NaN if it is not known.

    That of the same model counts before that of the base.
    """
    known = np.full(len(rows), np.nan)
    for after in ("before", "base"):
        for measure, full in (("exact", 1.0), ("token_accuracy", 1.0)):
            value = values_of(rows, f"{measure}_{after}")
            known = np.where(np.isnan(known) & ~np.isnan(value), value == full, known)
    return known


def _names(
    texts: dict[str, list[str]], question: list[int]
) -> dict[tuple[str, str, int], dict[str, str]]:
    """Return what each question's gold is called, by language."""
    names: dict[tuple[str, str, int], dict[str, str]] = defaultdict(dict)
    keys = zip(texts["case"], texts["probe"], question, strict=True)
    for key, target, gold in zip(keys, texts["target"], texts["gold"], strict=True):
        names[key][target] = gold
    return names


def _golds(texts: dict[str, list[str]]) -> Golds:
    """Return what each relation asks for in each language: target, relation, golds."""
    found: Golds = defaultdict(lambda: defaultdict(set))
    columns = [texts[name] for name in ("target", "relation", "gold")]
    for target, relation, gold in set(zip(*columns, strict=True)):
        found[target][relation].add(normalise(gold))
    return found


def _common_words(golds: Golds) -> dict[str, frozenset[str]]:
    """Return the words that several golds of a language have."""
    common = {}
    for target, relations in golds.items():
        every = set().union(*relations.values())
        counts = Counter(word for gold in every for word in words_of(gold))
        common[target] = frozenset(word for word, n in counts.items() if n > 1)
    return common


def _is_of_kind(row: dict[str, str], golds: Golds) -> bool | None:
    """Tell whether an answer is of the kind that is asked for, by Atlas or the golds.

    None where nothing here knows the answer.
    """
    answer, relation = normalise(row["answer"]), row["relation"]
    if row["benchmark"] == ATLAS:
        return _is_of_kind_in_atlas(answer, relation, row["target"])
    if not relation:
        return None
    relations = golds[row["target"]]
    if answer in relations[relation]:
        return True
    known = any(answer in others for others in relations.values())
    return False if known else None


@lru_cache(maxsize=50_000)
def _is_of_kind_in_atlas(answer: str, relation: str, language: str) -> bool | None:
    kinds = _kinds_of_name(answer, language)
    _, second = TWO_HOPS.get(relation, (relation, relation))
    asked = RELATIONS.get(second)
    return asked[1] in kinds if kinds and asked else None


def _is_known(row: dict[str, str], golds: set[str]) -> bool:
    """Tell whether an answer is the name of something else in the question's language.

    Such names are Atlas's, and ``golds``: what the run's questions in it ask for.
    """
    answer = normalise(row["answer"])
    if answer == normalise(row["gold"]):
        return False
    in_atlas = row["benchmark"] == ATLAS and answer in _kinds_in_atlas(row["target"])
    return in_atlas or answer in golds


def _kinds_of_name(name: str, language: str) -> set[str]:
    """Return the kinds of a name in Atlas, or of the names that hold all its words."""
    exact = _kinds_in_atlas(language).get(name)
    if exact or not any(len(word) > 3 for word in words_of(name)):
        return exact or set()
    words = _kinds_by_word(language)
    if not words_of(name) <= words.keys():
        return set()
    first, *others = (words[word] for word in words_of(name))
    return set().union(
        *(kinds for whole, kinds in first.items() if all(whole in o for o in others))
    )


@lru_cache(maxsize=16)
def _kinds_by_word(language: str) -> dict[str, dict[str, set[str]]]:
    """Return for each word the names of Atlas that hold it, with their kinds."""
    found: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for name, kinds in _kinds_in_atlas(language).items():
        for word in words_of(name):
            found[word][name] = kinds
    return found


@lru_cache(maxsize=16)
def _kinds_in_atlas(language: str) -> dict[str, set[str]]:
    """Return what kinds of entity a name may be in Atlas: "city", "currency"."""
    kinds: dict[str, set[str]] = defaultdict(set)
    for entity_id, names in atlas().names.items():
        kinds[normalise(names[language])].add(entity_id.partition("/")[0])
    return kinds


def _stated(edit: str) -> str:
    """Return the new answer of an edit's text, "question answer"."""
    parts = _END_OF_QUESTION.split(edit)
    return parts[-1] if len(parts) > 1 else ""


def _is_stated(prompt: str, edit: str) -> bool | None:
    """Tell whether a prompt that states edits states this one; None: it states none."""
    return edit in prompt if EDIT_HEADER in prompt else None


def _old(row: dict[str, str]) -> tuple[str, ...]:
    """Return what was true before the edit, as far as the row or Atlas says it."""
    if row["old"]:
        return (row["old"],)
    if row["benchmark"] != ATLAS or row["probe"] == "locality":
        return ()
    key = (row["subject"], row["relation"], row["source"], row["target"])
    return _old_in_atlas(*key)


@lru_cache(maxsize=50_000)
def _old_in_atlas(
    subject: str, relation: str, source: str, target: str
) -> tuple[str, ...]:
    world = atlas()
    first, _ = TWO_HOPS.get(relation, (relation, ""))
    if first not in RELATIONS:
        return ()
    about = entity(world, RELATIONS[first][0], subject, source)
    old = [world.facts.get(about or "", {}).get(first)]
    if old[0] and relation in TWO_HOPS:
        old.append(second_hop(world, relation, old[0]))  # the answer comes last
    names = [world.names.get(each or "", {}) for each in reversed(old)]
    found = [its[code] for its in names for code in (target, source) if code in its]
    return tuple(dict.fromkeys(found))
