"""Whether an answer is right, and in which language it is.

answers.py   all measures of one generated answer
verdict.py   new, old or neither, for the app
"""
