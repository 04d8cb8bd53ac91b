"""Published: the paper's tables, cell by cell.

fields.py   the filters of the view
figure.py   published numbers as a figure
numbers.py  the paper's cells as the figure needs them
page.py     the view: the paper's tables, cell by cell
words.py    the names in the figure
"""
