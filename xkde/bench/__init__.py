"""Measurements of speed, one module for each ``bench`` command, and screenshots.

align.py        alignment scores in batches
analysis.py     kinds and slices of 100,000 answers
app.py          first paint, first answer, all languages
browser.py      a headless Chromium on one address
campaign/       damaged files, kill -9
editors.py      one edit by each editor
evaluation.py   the evaluation runner against one record at a time
languages.py    twelve languages from two models against two generate
preferences.py  a large file of pairs: open, filter, page
retrieval.py    retrieval from 1,000 to 100,000 edits
rivals.py       ROME, MEMIT, AlphaEdit against the released way of computing them
sampling.py     answers a second: single, batched, vLLM
serving.py      many visitors at once
training.py     stage one against TRL
screenshots.py  the README's pictures
"""
