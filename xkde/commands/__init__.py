"""The commands of ``python -m xkde``, one module each: add_arguments() and run().

align.py        score sampled answers with a translation model
ask.py          state an edit, ask a query
atlas.py        look into Atlas, measure checkpoints on it, compare stages
average.py      average two checkpoints
bench.py        measure speed
benchmarks.py   read benchmark files; the paper's tables
checkpoints.py  list, inspect, download
data.py         build training data
edit.py         edit a model, ask it, revert
evaluate.py     evaluate a checkpoint on a benchmark
experiments.py  many edits, at once or one after another
general.py      tasks of lm-eval
languages.py    list the languages
output.py       how commands print; no command
pair.py         make preference pairs, describe a file of them
prompt.py       print the prompt of an edit and its token ids
retrieval.py    measure retrieval
sample.py       sample answers
screenshots.py  take the README's pictures
speedrun.py     the paper in miniature
train.py        train a stage, the aligner, the encoder, parts of editors
"""
