"""What happens when somebody states an edit and asks.

``expected_answers`` recognises edit and question once and knows what to expect,
``session`` sends the prompts and streams both answers, ``probabilities`` explains them;
``temporary_edits`` applies any editor to a shared model and takes its edit out again,
``all_editors`` holds what a run of all of them is about.
"""
