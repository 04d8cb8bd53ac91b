"""Published: the paper's tables, cell by cell."""
