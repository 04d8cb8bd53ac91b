"""Running a benchmark: cases, editors and directions become rows."""
