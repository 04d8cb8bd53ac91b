"""Benchmarks: the paper's numbers, those measured here, editors, single cases.

<<<<<<< HEAD
kinds.py    kinds of failure as bars under numbers, and their legend
=======
kinds.py    bars of kinds of failure
>>>>>>> c98db6a (The maps name every file and folder)
page.py     the tab: four views, one beneath the other
shared.py   what the views share
sources.py  the shipped and local runs whose numbers are shown
cases/      Cases
editors/    Editors
measured/   Measured here
published/  Published
"""
