"""Preference pairs, the data of TL-PO: samples, scores, pairs, what to look at."""
