"""How a model is made to obey an edit, and what to expect when it does."""
