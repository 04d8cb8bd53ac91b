"""Stage two: sampling, alignment scores, pairs, preference training (TL-PO)."""
