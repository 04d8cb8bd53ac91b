"""Cross-lingual training instructions: the paper's section 3.1 made runnable.

    build.py         write a training file
    edit_samples.py  what SERAC and MEND learn from
    generation.py    samples that a large model makes
    held_out.py      keep subjects and questions of test files out
    kinds.py         the kinds of training samples
    lines.py         JSON lines that grow
    records.py       the records of the training data
    report.py        what is in a training file and what is not
    sources.py       readers of the public sources
    stock.py         what samples are drawn from
    targets.py       the base's own answers, for queries out of scope

``sources`` reads public files into ``records``; ``held_out`` keeps test subjects and
questions away; ``targets`` are the base model's own answers; ``kinds`` makes one sample
of each kind, in the ``wordings`` of people; ``build`` writes a file of them with its
``report``. ``generation`` is the paper's way with a large model (Appendix A).
"""
