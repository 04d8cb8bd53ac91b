"""Running a benchmark: cases, editors and directions become rows.

alignment_check.py  how often the aligner ranks the gold first
background.py       an evaluation in the background
general.py          general tasks of lm-eval
judge.py            another model judges answers
memories.py          edits that a memory states
many_edits.py       many edits, at once or one after another
probing.py          ask probes with and without their edits
protocols.py        teacher-forced and generated
questions.py        cases, directions and the questions they make
retrieval.py        hits, false triggers, the threshold
runner.py           evaluate: from cases and answers to rows in a run's folder
"""
