"""Whether an answer is right, and in which language it is.

answers.py   all measures of one generated answer
sound.py     whether names in two scripts are read alike
verdict.py   new, old or neither, for the app
"""
