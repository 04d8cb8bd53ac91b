"""The stages of training, from settings to a checkpoint with its card."""
