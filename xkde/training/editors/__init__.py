"""Training of what SERAC and MEND need beside the model."""
