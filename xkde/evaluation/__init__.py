"""Whether an answer is right, and tables of how often.

published.py  the numbers that the paper prints
experiments/  experiments with many edits
results/      results
run/          running a benchmark
scoring/      whether an answer is right
"""
