"""Experiments with many edits, at once or one after another.

files.py       an experiment as files
"""
