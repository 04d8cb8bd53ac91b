"""What to evaluate: a benchmark by name or path, its cases, the directions asked for.

Atlas needs no file; every other benchmark is read from its own. Knows no model.

Try it: ``python -c "from xkde.evaluation.run.choosing import choose;
print(choose('atlas', 'en-zh,zh-en', limit=3).directions)"``
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from xkde.data.atlas.benchmark import as_record, atlas_cases
from xkde.data.atlas.world import atlas
from xkde.data.benchmarks import Benchmark, for_direction, read_benchmark
from xkde.data.benchmarks.defects import tagged
from xkde.data.benchmarks.records import Skipped
from xkde.errors import BenchmarkError, InputError
from xkde.languages import language
from xkde.types import Case

ATLAS = "atlas"
ALL = "all"
Direction = tuple[str, str]  # language of the edit, of the question


@dataclass(frozen=True)
class Chosen:
    """Cases with where they are from; every one is in some direction."""

    benchmark: str
    sha256: str
    cases: tuple[Case, ...]
    directions: tuple[Direction, ...]
    skipped: tuple[Skipped, ...] = ()  # records, or parts of one, that are in no case


def choose(
    benchmark: Path | str,
    directions: str,
    *,
    name: str | None = None,
    left_out: int = 0,
    limit: int = 0,
    seed: int = 7,
) -> Chosen:
    """Return the first ``limit`` cases (0: all) of "atlas", or of a file or folder.

    The very first ``left_out`` cases are not taken. ``seed`` draws Atlas's cases.
    Raises BenchmarkError for whatever cannot be read or lacks a language, InputError
    for directions that are none.
    """
    if str(benchmark) == ATLAS:
        read, digest = _atlas(seed)
    else:
        read = read_benchmark(name, benchmark)
        digest = read.sha256
    wanted = parse_directions(directions, read.languages)
    # A direction without cases is refused in words.
    ids = {case.id for a, b in wanted for case in _of_direction(read, a, b)}
    cases = tuple(case for case in read.cases if case.id in ids)
    cases = cases[left_out:][: limit or None]
    return Chosen(read.name, digest, cases, wanted, read.skipped)


def _atlas(seed: int) -> tuple[Benchmark, str]:
    world = atlas()
    cases = atlas_cases(world, "test", seed=seed)
    text = json.dumps([as_record(case) for case in cases], ensure_ascii=False)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Benchmark(ATLAS, tuple(tagged(cases)), tuple(world.languages), ()), digest


def _of_direction(benchmark: Benchmark, source: str, target: str) -> list[Case]:
    if benchmark.files:
        return for_direction(benchmark, source, target)
    return list(benchmark.cases)


def parse_directions(text: str, languages: tuple[str, ...]) -> tuple[Direction, ...]:
    """Return the directions that a text names: "en-zh,zh-en", "en-all"."""
    found: list[Direction] = []
    for word in text.replace("→", "-").split(","):
        source, _, target = word.strip().partition("-")
        if not source or not target:
            raise InputError(
                f"“{word.strip()}” is no direction. Write the edit's language and the "
                "query's, such as en-zh, and several with commas."
            )
        sides = [
            languages if side == ALL else (language(side).code,)
            for side in (source, target)
        ]
        for code in (*sides[0], *sides[1]):
            if code not in languages:
                raise BenchmarkError(
                    f"The benchmark has no {language(code).name} ({code}); it has "
                    f"{', '.join(languages)}. Choose one of these."
                )
        found += [(a, b) for a in sides[0] for b in sides[1]]
    return tuple(dict.fromkeys(found))
