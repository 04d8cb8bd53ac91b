"""Benchmarks: the paper's numbers, those measured here, editors, single cases.

kinds.py    kinds of failure as bars under numbers, and their legend
page.py     the tab: four views, one beneath the other
shared.py   what the views share
sources.py  the shipped and local runs whose numbers are shown
cases/      Cases
editors/    Editors
measured/   Measured here
published/  Published
"""
