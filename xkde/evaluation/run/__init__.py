"""Running a benchmark: cases, editors and directions become rows.

alignment_check.py  how often the aligner ranks the gold first
atlas.py            checkpoints and stages on Atlas
background.py       an evaluation in the background
general.py          general tasks of lm-eval
judge.py            another model judges answers
probing.py          ask probes with and without their edits
protocols.py        teacher-forced and generated
questions.py        cases, directions and the questions they make
retrieval.py        hits, false triggers, the threshold
rows.py             from answers to rows
runner.py           evaluate: from cases to a run's folder
"""
