"""Preferences: the pairs that TL-PO learns from."""
