"""Inside: through the layers, what an answer looks at, what carries a fact, geometry.

    handlers.py  what a click does
    measured.py  the same over many edits, from shipped files
    page.py      the tab
    panes.py     what one look at one model shows, as HTML
    plots.py     what it shows, as figures

``page`` lays the tab out and connects it. The question of Edit & Ask comes as a link
through the header, and fills the fields when the tab is opened.
"""
