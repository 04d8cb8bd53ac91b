"""What models are taught and asked: Atlas. Knows no torch."""
