"""Editors that change weights, and the algebra that they share.

alphaedit.py       AlphaEdit: MEMIT in the null space of other keys
base.py            what all editors of weights share
cached_prompts.py  prompts whose unchanging part is read once
contexts.py        the prompts at which keys and values are read
deltas.py          changes of weights: write, revert, save
digest.py          which weights a kept result belongs to
fine_tuning.py     FT-L and FT-M
keys.py            keys: the input of a down projection
kn.py              KN: knowledge neurons
low_rank.py        low-rank updates
memit.py           MEMIT: many edits over several layers
mixed_language.py  one fact edited in several languages
modules.py         where an architecture keeps its layers
output_norm.py     norms behind an MLP, which changes must pass
rank_one_batch.py  many single edits evaluated side by side
released.py        ROME, MEMIT, AlphaEdit as released, to compare speed with
rome.py            ROME: a rank-one update
second_moments.py  second moments of keys
solving.py         C⁻¹ k and eigenvectors of second moments, kept
values.py          the value that makes a model give the new answer
"""
