"""Speed of the alignment scorer in batches against one translation at a time.

Scores pairs of Atlas's names in all directions with ``atlas-aligner``; both must give
the same rewards.

Run it: ``python -m xkde bench align``
"""

import os
import time
from statistics import median

from xkde import paths
from xkde.data.atlas.world import atlas

PAIRS = 400
ROUNDS = 3  # of one by one and batches in turn; the medians are reported
WARM_UP = 8
TOLERANCE = 1e-5  # largest difference of equal rewards
NAME = "atlas-aligner"


def measure(count: int = PAIRS) -> dict[str, object]:
    """Return times of both ways; asserts equal rewards."""
    from xkde.engines.aligner import both_ways, load_aligner
    from xkde.training.atlas_models.aligner import training_translations

    aligner = load_aligner(paths.checkpoints() / NAME, device="cpu")
    pairs = list(training_translations(atlas(), count, seed=0, one_in=0))
    there_and_back = [*pairs, *(pair.reversed for pair in pairs)]
    both_ways(aligner, pairs[:WARM_UP])
    one_by_one, in_batches = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        single = [aligner.mean_log_probabilities([each])[0] for each in there_and_back]
        one_by_one.append(time.perf_counter() - started)
        started = time.perf_counter()
        batched = both_ways(aligner, pairs)
        in_batches.append(time.perf_counter() - started)
    single_s, batched_s = median(one_by_one), median(in_batches)
    together = [each.source_target for each in batched]
    together += [each.target_source for each in batched]
    difference = max(abs(a - b) for a, b in zip(single, together, strict=True))
    assert difference <= TOLERANCE, f"rewards differ by {difference}"
    return {
        "pairs": count,
        "one_by_one_s": round(single_s, 2),
        "batched_s": round(batched_s, 2),
        "times_faster": round(single_s / batched_s, 1),
        "pairs_per_second": round(count / batched_s),
        "largest_difference": f"{difference:.1e}",
        "weights": NAME,
        "parameters": aligner.model.num_parameters(),
        "cores": os.cpu_count(),
        "protocol": "both directions, fp32 on a CPU; one translation at a time, as the "
        "released script scores them, against batches of 128 of like length",
    }
