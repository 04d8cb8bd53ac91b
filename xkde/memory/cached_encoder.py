"""Two encoders for a memory: one that reads no text twice, and one for where there is
none, with which names alone count.

Run its tests: ``python -m pytest tests/xkde/memory/test_retrieved.py``
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xkde.memory.index import Encoder, Kind, Vectors

ROOM = 50_000  # texts that are remembered


@dataclass(frozen=True)
class NamesAlone:
    """Every dense score is 0: edits are found by the letters of names alone."""

    name: str = "names alone"

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return a row without numbers for each text."""
        return np.zeros((len(texts), 0), dtype=np.float32)


@dataclass(frozen=True)
class Remembering:
    """An encoder that reads an edit once, whoever's memory it is in.

    What it remembers is a text's vector, which tells nobody who wrote the text.
    """

    encoder: Encoder
    known: dict[str, Vectors] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """That of the encoder."""
        return self.encoder.name

    def encode(self, texts: Sequence[str], kind: Kind) -> Vectors:
        """Return a row for each text; queries are read anew."""
        if kind != "edit":
            return self.encoder.encode(texts, kind)
        known = dict(self.known) if len(self.known) < ROOM else {}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, self.encoder.encode(new, kind), strict=True))
            if len(self.known) >= ROOM:
                self.known.clear()
            self.known.update(known)
        return np.stack([known[text] for text in texts])
