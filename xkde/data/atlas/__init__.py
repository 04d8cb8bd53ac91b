"""Atlas, the embedded world: its facts, names, questions, corpus and benchmark."""
