"""Published: the paper's tables, cell by cell.

figure.py   published numbers as a figure
numbers.py  the paper's cells as the figure needs them
page.py     the view: the paper's tables, cell by cell
words.py    the names in the figure
"""
