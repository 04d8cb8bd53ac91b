"""Cases: the answers behind a number, one by one.

case.py    answers of a run as HTML
page.py    the view: the answers behind a number
render.py  what is shown at a place: a page of answers, or one of them
view.py    which answers are shown, in which order
"""
