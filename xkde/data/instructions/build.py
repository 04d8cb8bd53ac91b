"""Write a training file: every kind in its share, the same for a seed, resumable.

The order of the kinds is fixed before anything is drawn, and each row has a generator
of its own (seed and row number). So shares are exact, any row can be made alone, and a
job that was killed goes on to the same file.
"""

import hashlib
import random
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from xkde import locks
from xkde.data.instructions.held_out import HeldOut, Hit
from xkde.data.instructions.kinds import KINDS, Draw, lacking
from xkde.data.instructions.lines import append_lines, resume
from xkde.data.instructions.records import Instruction, Recipe
from xkde.data.instructions.stock import Stock
from xkde.errors import DataError, InputError, SettingsError
from xkde.writing import write_aside

AT_ONCE = 500  # rows between two appends
TRIES = 2000  # drawings for one row until languages fit and nothing is held out

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BuildPlan:
    """What decides every row of a file; ``inputs`` are digests of all that was read."""

    samples: int
    seed: int
    recipe: Recipe
    inputs: Mapping[str, str]

    def digest(self) -> str:
        """Return one digest of the plan."""
        return hashlib.sha256(repr(asdict(self)).encode()).hexdigest()


def quotas(shares: Mapping[str, float], samples: int) -> dict[str, int]:
    """Return how many samples of each kind there are, by largest remainders."""
    whole = sum(shares.values())
    exact = {kind: samples * share / whole for kind, share in shares.items()}
    counts = {kind: int(value) for kind, value in exact.items()}
    left = samples - sum(counts.values())
    by_rest = sorted(exact, key=lambda kind: counts[kind] - exact[kind])
    for kind in by_rest[:left]:
        counts[kind] += 1
    return counts


def kinds_in_order(plan: BuildPlan) -> list[str]:
    """Return the kind of every row."""
    counts = quotas(plan.recipe.shares, plan.samples)
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    random.Random(f"kinds {plan.seed}").shuffle(kinds)
    return kinds


def make_row(plan: BuildPlan, stock: Stock, held: HeldOut, number: int, kind: str) -> (
    Instruction
):  # fmt: skip
    """Return one row; raises DataError if the sources do not give one of the kind."""
    draw = Draw(random.Random(f"row {plan.seed} {number}"), stock, plan.recipe)
    for _ in range(TRIES):
        made = KINDS[kind](draw)
        if made is not None and not hits(made, held, plan.recipe.hold_out_answers):
            return made
    raise DataError(
        f"Of {TRIES} drawings none gave a sample of “{kind}”: too few facts are left "
        "in the languages of the settings. Add a source, or set its share to 0."
    )


def hits(made: Instruction, held: HeldOut, answers_too: bool) -> list[tuple[str, Hit]]:
    """Return where a sample has something held out: "query", "edit" or "answer".

    Where the edits are not listed (files of others), each line of the prompt counts as
    a question that its answer may follow.
    """
    places = [("edit", held.hit(edit.question)) for edit in made.edits]
    if made.query:
        places.append(("query", held.hit(made.query)))
    else:
        lines = "\n".join(t.content for t in made.turns if t.role == "user")
        asked = lines or made.prompt
        places += [("query", held.hit_line(line)) for line in asked.split("\n")]
    if answers_too:
        texts = [made.answer, *(edit.answer for edit in made.edits)]
        places += [("answer", held.hit(text)) for text in texts]
    return [(where, hit) for where, hit in places if hit is not None]


def build(
    plan: BuildPlan,
    stock: Stock,
    held: HeldOut,
    path: Path,
    on_progress: Progress | None = None,
) -> None:
    """Write the rows that a file still lacks, and the facts kept out beside it.

    Raises SettingsError if the file was begun by another plan, InputError if a kind
    lacks its sources.
    """
    for kind, share in plan.recipe.shares.items():
        needed = lacking(kind, stock) if share else ""
        if needed:
            raise InputError(
                f"Samples of “{kind}” need {needed}. Or set its share to 0."
            )
    kinds = kinds_in_order(plan)
    with locks.held(path):
        _check_same(plan, path)
        done = resume(path)
        for first in range(done, plan.samples, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, plan.samples))
            rows = [make_row(plan, stock, held, n, kinds[n]) for n in numbers]
            append_lines(path, (row.as_json() for row in rows))
            if on_progress is not None:
                on_progress(numbers.stop, plan.samples)
        dev = beside(path, "dev.jsonl")
        dev.unlink(missing_ok=True)
        append_lines(dev, (asdict(fact) for fact in stock.dev_facts))


def beside(path: Path, ending: str) -> Path:
    """Return the name of a file that belongs to a training file."""
    return path.with_name(f"{path.stem}.{ending}")


def _check_same(plan: BuildPlan, path: Path) -> None:
    """Write down the plan of a file, or compare it with the one that began it."""
    mark = beside(path, "plan")
    if path.exists() and path.stat().st_size:
        before = mark.read_text("utf-8").strip() if mark.exists() else ""
        if before != plan.digest():
            raise SettingsError(
                f"{path.name} was begun with other sources, settings or another seed. "
                "Choose another file, or remove that one."
            )
    write_aside(mark, plan.digest() + "\n")
