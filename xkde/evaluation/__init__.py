"""Whether an answer is right, and tables of how often."""
