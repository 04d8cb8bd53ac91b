"""Speed of stage one against TRL's trainer, on the same model and the same tokens.

The rival is ``trl.SFTTrainer`` with the defaults of its ``SFTConfig``; a second rival
has our batch size and, like ours, no gradient checkpointing. All three learn the
answers of the same conversations from the same weights.

Run it: ``python -m xkde bench training``. It measures Gemma 3 270M where it is
installed, with the adapter of ``gemma-3-270m-xe-it``, and Atlas.
"""

import os

from xkde.checkpoints import is_here

# Base -> settings, and so many conversations that what a start costs is a small part
RUNS = {
    "gemma-3-270m": ("gemma-3-270m-xe-it", 64),
    "atlas-base": ("atlas-xe-it-laptop", 1024),
}


def measure() -> dict[str, object]:
    """Return tokens a second of each way, on each of the models that is here."""
    from xkde.training.speed import compare

    found: dict[str, object] = {}
    for base, (preset, samples) in RUNS.items():
        if is_here(base):
            found |= {f"{base}: {k}": v for k, v in compare(base, preset, samples)}
            found[f"{base}: conversations"] = samples
    return found | {
        "cores": os.cpu_count(),
        "protocol": "one epoch over conversations of Atlas, after one step to warm "
        "up; real tokens, without padding, by the wall time of train()",
    }
