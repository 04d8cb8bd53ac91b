"""The commands of ``python -m xkde``, in modules of one or several.

A module has ``add_arguments()`` and ``run()``; further commands in it have their own,
such as ``add_edit_arguments()`` and ``run_edit()``.

analyse.py      kinds of failure and slices of a run
ask.py          ask about an edit; edit a model with any editor; print the prompt
atlas.py        look into Atlas, measure checkpoints on it, compare stages
bench.py        measure speed; take the README's pictures
benchmarks.py   read benchmark files; the paper's tables; the languages
campaign.py     damaged files and arguments; kill -9 of jobs
checkpoints.py  list, inspect, download, average
data.py         build training data
deploy.py       put the app on a Space
evaluate.py     evaluate a checkpoint on a benchmark
experiments.py  many edits, at once or one after another
inside.py       look inside a model
measure.py      general skills with lm-eval; retrieval
output.py       how commands print; no command
preferences.py  sample answers, score them with a translation model, pair them
results.py      print what runs measured, with intervals and paired tests
speedrun.py     the paper in miniature
train.py        train a stage, the aligner, the encoder, parts of editors
"""
