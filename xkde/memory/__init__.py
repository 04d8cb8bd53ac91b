"""The edits of a session: kept, read and written, and found again for a query."""
