"""Experiments with many edits, at once or one after another."""
