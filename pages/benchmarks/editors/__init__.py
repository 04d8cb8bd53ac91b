"""Editors: every editor after one edit and after many.

numbers.py  the numbers of all editors
page.py     the view: editors after one edit and after many
tables.py   the numbers as tables and curves
"""
