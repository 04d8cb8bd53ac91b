"""Facts to measure many edits on: a benchmark's cases that several languages state."""

import random
from collections.abc import Sequence
from pathlib import Path

from xkde.data.atlas.benchmark import TUNED_ON
from xkde.editors.weights.contexts import find
from xkde.errors import BenchmarkError
from xkde.evaluation.run.questions import ATLAS, ChosenCases, choose
from xkde.types import Case


def choose_facts(
    benchmark: Path | str, languages: Sequence[str], count: int, seed: int = 7
) -> ChosenCases:
    """Return ``count`` cases with an edit in each language that names its subject.

    Cases of a file are drawn with the seed. The cases of Atlas on which the editors'
    settings were chosen are left out. Raises BenchmarkError where too few are left.
    """
    first, *others = languages
    directions = ",".join(f"{first}-{code}" for code in others or [first])
    is_atlas = str(benchmark) == ATLAS
    left_out = TUNED_ON if is_atlas else 0
    chosen = choose(benchmark, directions, left_out=left_out, seed=seed)
    fit = [case for case in chosen.cases if _is_stated(case, languages)]
    if not is_atlas:
        random.Random(seed).shuffle(fit)
    if len(fit) < count:
        raise BenchmarkError(
            f"{len(fit)} facts name their subject in {', '.join(languages)}; {count} "
            "were asked for. Take fewer facts or languages."
        )
    return ChosenCases(
        chosen.benchmark, chosen.sha256, tuple(fit[:count]), chosen.directions
    )


def _is_stated(case: Case, languages: Sequence[str]) -> bool:
    edits = [case.edits.get(code) for code in languages]
    return all(
        edit is not None
        and edit.answer.strip()
        and edit.subject.strip()
        and find(edit.question, edit.subject)
        for edit in edits
    )
