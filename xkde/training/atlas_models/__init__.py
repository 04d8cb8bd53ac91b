"""Atlas's own small models: tokenizer, encoder, translation model."""
