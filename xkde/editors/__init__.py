"""How a model is made to obey an edit: one interface, the methods by family.

editor.py      the interface: apply, ask, revert; the cost of an edit
registry.py    the editors by name
sequential.py  sequential edits: what is applied by now
settings.py    settings by editor and model
prompt/        Editors that write the edit into the prompt
trained/       Editors with a trained part of their own
weights/       Editors that change weights
"""
