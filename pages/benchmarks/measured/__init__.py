"""Measured here: shipped and local runs, compared.

page.py    the view: what was measured here
plots.py   heat map and comparison as figures
slices.py  the slices that are worse, a sentence each
start.py   start an evaluation from the page
tables.py  measured numbers as tables
"""
