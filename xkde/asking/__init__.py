"""What happens when somebody states an edit and asks.

    all_editors.py       every editor on one edit
    expected_answers.py  a question in other languages, and the answers to expect
    looking_inside.py    a question to look into
    looks.py             five looks at it
    probabilities.py     log-odds and probabilities behind an answer
    propagation.py       one edit stated and asked in every language
    recorded.py          answers recorded with the shipped weights
    scheduling.py        many visitors share a pass
    session.py           one edit asked of two models
    temporary_edits.py   an editor's edits on a model that others share
    translation.py       a typed question in other languages, by the model itself
    written_language.py  the language that a question is typed in

``expected_answers`` recognises edit and question once and knows what to expect,
``session`` sends the prompts and streams both answers, ``probabilities`` explains them;
``temporary_edits`` applies any editor to a shared model and takes its edit out again,
``all_editors`` holds what a run of all of them is about.
"""
