"""Results: rows in files, tables of them, intervals and paired tests."""
