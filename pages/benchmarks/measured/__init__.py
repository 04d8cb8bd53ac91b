"""Measured here: shipped and local runs, compared."""
