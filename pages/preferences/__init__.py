"""Preferences: the pairs that TL-PO learns from.

api.py       the named endpoint: a search in the pairs
handlers.py  what a click does
page.py      the tab
pair.py      pairs as HTML
plots.py     figures of a whole file, and what a click on a bar means
sources.py   where pairs come from: shipped, local runs, an upload, the Hub
view.py      what is shown: source, filters, page of the list, pair
"""
