"""Benchmarks: the paper's numbers, those measured here, editors, single cases."""
