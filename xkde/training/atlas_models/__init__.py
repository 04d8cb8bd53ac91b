"""Atlas's own small models: tokenizer, encoder, translation model.

aligner.py    the translation model
encoder.py    the encoder
tokenizer.py  the tokenizer
"""
