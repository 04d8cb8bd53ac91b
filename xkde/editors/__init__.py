"""How a model is made to obey an edit: one interface, the methods by family."""
