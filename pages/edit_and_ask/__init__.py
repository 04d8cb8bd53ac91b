"""Edit & Ask: state a fact in one language, ask about it in others, see both models.

``page`` lays the tab out and connects it, ``handlers`` act on a click; ``form`` holds
what is filled in, ``answering`` runs the models, ``answers`` and ``why`` show what they
answered. ``memory`` and ``all_editors`` are the fold-outs beneath.
"""
