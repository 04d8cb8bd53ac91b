"""Questions of our own that come with the project, in the form of MzsRE.

``own-words``: 60 edits, ten in each of six languages. An edit is stated in English as
a benchmark words it; reliability asks in the benchmark's wording, generality in a
person's own words (contractions, no question mark, colloquial order, other names).

``invented-names``: 40 edits about subjects that nobody has, with answers that nobody
has, asked about in nine languages in Latin script. The right answer is a copy.

No subject of either is in the training sources that docs/training.md lists, nor in
Atlas. One file each, in ``assets/questions``.
"""

from collections.abc import Sequence

from xkde.data.benchmarks.records import BenchmarkFile, BenchmarkFormat, Parsed
from xkde.data.benchmarks.zsre import BIZSRE, read_bizsre
from xkde.paths import ASSETS

FOLDER = ASSETS / "questions"
SHIPPED = {
    "own-words": FOLDER / "own_words.json",
    "invented-names": FOLDER / "invented_names.json",
}
NEEDS = "“en” and other languages, each with “subject”, “src”, “alt”"


def _read_own_words(files: Sequence[BenchmarkFile]) -> Parsed:
    cases, skipped = read_bizsre(files, "own-words")
    # Ten cases are asked about in English alone, which is no loss here.
    return cases, [entry for entry in skipped if not entry.reason.startswith("only ")]


def _read_invented_names(files: Sequence[BenchmarkFile]) -> Parsed:
    return read_bizsre(files, "invented-names")


FORMATS = {
    "own-words": BenchmarkFormat("Own words", NEEDS, BIZSRE.fits, _read_own_words),
    "invented-names": BenchmarkFormat(
        "Invented names", NEEDS, BIZSRE.fits, _read_invented_names
    ),
}
