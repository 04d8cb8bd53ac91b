"""Cross-lingual training instructions: the paper's section 3.1 made runnable.

``sources`` reads public files into ``records``; ``held_out`` keeps test subjects and
questions away; ``targets`` are the base model's own answers; ``kinds`` makes one sample
of each kind, in the ``wordings`` of people; ``build`` writes a file of them with its
``report``. ``generation`` is the paper's way with a large model (Appendix A).
"""
