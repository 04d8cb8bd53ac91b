"""Errors: label failures one by one, settle disagreements, report what was found.

case.py      one case as HTML, and the status beneath
files.py     agreement, reports, exports and imports
handlers.py  what a click or a key does
page.py      the tab
session.py   where an annotator is in a queue

``page`` lays the tab out and connects it. What is drawn, kept, compared and reported is
``xkde.labelling``; a draw has an address, so that colleagues label the same cases.
"""
