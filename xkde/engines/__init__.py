"""What runs a model: load, stream, generate, score. torch lives here and above."""
