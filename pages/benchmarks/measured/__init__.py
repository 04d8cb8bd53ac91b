"""Measured here: shipped and local runs, compared.

page.py    the view: what was measured here
plots.py   heat map and comparison as figures
<<<<<<< HEAD
slices.py  the slices that are worse, a sentence each
=======
slices.py  where a run is worse than elsewhere
>>>>>>> c98db6a (The maps name every file and folder)
start.py   start an evaluation from the page
tables.py  measured numbers as tables
"""
