"""Editors: every editor after one edit and after many.

page.py     the view: editors after one edit and after many
tables.py   the numbers as tables and curves
"""
