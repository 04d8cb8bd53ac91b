"""How a model is made to obey an edit: one interface, the methods by family.

editor.py      the interface: apply, ask, revert; the cost of an edit
prompt.py      X-KDE, LTE, IKE: the prompt states the edit
registry.py    the editors by name, with their settings
sequential.py  sequential edits: what is applied by now
trained.py     SERAC and MEND, which have a trained part of their own
weights/       Editors that change weights
"""
