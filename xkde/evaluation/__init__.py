"""Whether an answer is right, and tables of how often.

published.py  the numbers that the paper prints
analysis/     kinds of failure, and the slices of a run that are worse
results/      results
run/          running a benchmark
scoring/      whether an answer is right
"""
