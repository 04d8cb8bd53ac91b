"""Atlas, the embedded world: its facts, names, questions, corpus and benchmark.

benchmark.py     cases with their four probes
corpus.py        what Atlas's models are taught
edit_samples.py  edits with a query in scope and one out of scope
mentions.py      whether a text names something
names.py         names of entities in twelve languages
novel_names.py   names that no model has seen
own_words.py     questions as people may type them, to measure with
questions.py     questions in every language, asked and recognised
records.py       the records of the world
typed_questions.py  questions as people type them
world.py         build the world
"""
