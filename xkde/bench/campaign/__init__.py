"""The campaign: what a hostile visitor, a full disk or a pulled plug would try.

Each part counts what it tried and lists what failed; a failure names its seed, so that
it can be had again.

damage.py  files with a few things gone wrong
fuzz.py    every reader gets them
"""
