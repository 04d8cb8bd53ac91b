"""Edit & Ask: state a fact in one language, ask about it in others, see both models.

    all_editors.py     the fold-out: all editors on the edit in the form
    answering.py       from a filled form to answers, verdicts and explanations
    answers.py         answers as HTML
    api.py             the named endpoints, for programs
    fact_line.py       the line under the typed fact: is it known here?
    form.py            the form as a record; what Atlas fills in
    gloss.py           how an answer sounds, and whose name it is
    handlers.py        what a click does
    memory.py          the fold-out: a memory of many edits
    memory_link.py     a memory in an address
    models.py          which two models answer
    page.py            the tab
    why.py             why a model gave its answer, as HTML

``page`` lays the tab out and connects it, ``handlers`` act on a click; ``form`` holds
what is filled in, ``answering`` runs the models, ``answers`` and ``why`` show what they
answered. ``memory`` and ``all_editors`` are the fold-outs beneath.
"""
