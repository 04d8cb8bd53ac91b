"""Inside a model: through the layers, what an answer looks at, what carries a fact.

    attribution.py     attention and input × gradient, token by token
    averages.py        lens, attribution and trace over many edits
    edits_measured.py  geometry over many facts
    facts.py           the facts that many edits are measured on
    files.py           measurements as files
    geometry.py        updates of two languages compared
    kept_updates.py    updates that an interrupted measurement goes on with
    layers.py          the residual stream: read, decoded, resumed
    lens.py            the logit lens
    parts.py           a prompt's tokens and what each belongs to
    states.py          one question in many languages
    trace.py           causal trace

Works on any causal LM of transformers whose layers are found; knows no page.
"""
