"""Propagation: one edit stated and asked in every language, and many of them measured.

    handlers.py  what a click does
    live.py      the grid of answers, its rows in words, an opened cell
    page.py      the tab
    recorded.py  the same over many edits, from runs in all directions

``page`` lays the tab out and connects it. The edit of Edit & Ask comes as a link
through the header, and fills the fields when the tab is opened.
"""
