"""What several commands share: printing, and the options of an evaluation."""
