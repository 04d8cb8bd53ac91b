"""How much faster answers are aligned in batches than one by one, on the same model.

Pairs of names from Atlas in all directions; both ways must give the same rewards. The
weights are those of ``atlas-aligner`` where it is there, else random: the speed is the
same.

Run it: ``python -m xkde bench align``
"""

import os
import time
from typing import Any

from xkde import paths
from xkde.data.atlas.world import atlas

PAIRS = 400
WARM_UP = 8
SAME = 1e-5  # largest difference of two rewards that are the same
NAME = "atlas-aligner"


def measure(count: int = PAIRS) -> dict[str, Any]:
    """Score the same pairs one by one and in batches; assert equal rewards."""
    from xkde.training.aligner_data import training_translations

    aligner, weights = _aligner()
    pairs = list(training_translations(atlas(), count, seed=0, one_in=0))
    aligner.both_ways(pairs[:WARM_UP])
    started = time.perf_counter()
    single = [aligner.both_ways([pair])[0] for pair in pairs]
    one_by_one = time.perf_counter() - started
    started = time.perf_counter()
    batched = aligner.both_ways(pairs)
    in_batches = time.perf_counter() - started
    difference = max(
        max(
            abs(one.source_target - many.source_target),
            abs(one.target_source - many.target_source),
        )
        for one, many in zip(single, batched, strict=True)
    )
    assert difference <= SAME, f"rewards differ by {difference}"
    return {
        "pairs": count,
        "one_by_one_s": round(one_by_one, 2),
        "batched_s": round(in_batches, 2),
        "times_faster": round(one_by_one / in_batches, 1),
        "pairs_per_second": round(count / in_batches),
        "largest_difference": f"{difference:.1e}",
        "weights": weights,
        "parameters": aligner.model.num_parameters(),
        "cores": os.cpu_count(),
        "protocol": "both directions, fp32 on a CPU, batches of 64 of like length",
    }


def _aligner() -> tuple[Any, str]:
    from xkde.engines.aligner import Aligner, load_aligner
    from xkde.training.aligner import AlignerSettings, fresh_aligner

    folder = paths.checkpoints() / NAME
    if folder.is_dir():
        return load_aligner(folder, device="cpu"), NAME
    model, tokenizer = fresh_aligner(AlignerSettings())
    return Aligner(model.eval(), tokenizer, model.device), "random"
