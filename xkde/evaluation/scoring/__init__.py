"""Whether an answer is right, and in which language it is."""
