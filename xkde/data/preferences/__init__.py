"""Preference pairs, the data of TL-PO: samples, scores, pairs, what to look at.

answers.py     whether an answer is right, and in which language
columns.py     the same of whole columns, every different text once
files.py       samples, scores and pairs in files
opening.py     open any file of preference pairs
pairing.py     from samples and scores to pairs
statistics.py  statistics of samples and pairs
table.py       pairs as a pandas table
"""
