"""All editors on the edit in the form, one row each."""
