"""How much faster answers are aligned in batches than one by one, on the same model.

Pairs of names from Atlas in all directions; both must give the same rewards. The
weights are those of ``atlas-aligner`` where it is there, else random: the speed is the
same.

Run it: ``python -m xkde bench align``
"""

import os
import time
from statistics import median
from typing import Any

from xkde import paths
from xkde.data.atlas.world import atlas

PAIRS = 400
ROUNDS = 3  # one by one and in batches in turn; medians are told
WARM_UP = 8
SAME = 1e-5  # largest difference of two rewards that are the same
NAME = "atlas-aligner"


def measure(count: int = PAIRS) -> dict[str, Any]:
    """Score the same pairs one by one and in batches; assert equal rewards."""
    from xkde.training.atlas_models.aligner_data import training_translations

    aligner, weights = _aligner()
    pairs = list(training_translations(atlas(), count, seed=0, one_in=0))
    there_and_back = [*pairs, *(pair.reversed for pair in pairs)]
    aligner.both_ways(pairs[:WARM_UP])
    one_by_one, in_batches = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        single = [aligner.mean_log_probabilities([each])[0] for each in there_and_back]
        one_by_one.append(time.perf_counter() - started)
        started = time.perf_counter()
        batched = aligner.both_ways(pairs)
        in_batches.append(time.perf_counter() - started)
    single_s, batched_s = median(one_by_one), median(in_batches)
    together = [each.source_target for each in batched]
    together += [each.target_source for each in batched]
    difference = max(abs(a - b) for a, b in zip(single, together, strict=True))
    assert difference <= SAME, f"rewards differ by {difference}"
    return {
        "pairs": count,
        "one_by_one_s": round(single_s, 2),
        "batched_s": round(batched_s, 2),
        "times_faster": round(single_s / batched_s, 1),
        "pairs_per_second": round(count / batched_s),
        "largest_difference": f"{difference:.1e}",
        "weights": weights,
        "parameters": aligner.model.num_parameters(),
        "cores": os.cpu_count(),
        "protocol": "both directions, fp32 on a CPU; one translation at a time, as the "
        "released script scores them, against batches of 128 of like length",
    }


def _aligner() -> tuple[Any, str]:
    from xkde.engines.aligner import Aligner, load_aligner
    from xkde.training.atlas_models.aligner import AlignerSettings, fresh_aligner

    folder = paths.checkpoints() / NAME
    if folder.is_dir():
        return load_aligner(folder, device="cpu"), NAME
    model, tokenizer = fresh_aligner(AlignerSettings())
    return Aligner(model.eval(), tokenizer, model.device), "random"
