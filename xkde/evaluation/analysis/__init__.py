"""Where and why edits fail: kinds of failure, and the slices of a run that are worse.

attributes.py  what questions have in common
directions.py  a run in all directions: asymmetry, scripts, two runs
kinds.py       the kinds, and the rules that give an answer its kind
likeness.py    what an answer shares with a name: words, letters, script, language
of_runs.py     the kinds of all rows of a run
slices.py      the parts of a run that are worse than the rest
"""
