"""Results: rows in files, tables of them, intervals and paired tests.

atlas_table.py  tables of checkpoints and of stages on Atlas
cards.py        model cards
compared.py     two runs, question by question
experiments.py  experiments with many edits, and numbers read from them
judged.py       a judge's verdicts
local_runs.py   the runs on this machine
released.py     the released code's form of results
rows.py         one row for each answer
statistics.py   intervals and paired tests over edits
store.py        a run as a folder
summary.py      means of groups of rows
"""
