"""The edit memory in Edit & Ask: many edits, of which the right ones are found."""
