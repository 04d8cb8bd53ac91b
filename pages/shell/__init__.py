"""What surrounds every tab: header, look, strings, errors, templates, plots.

    caching.py     what is the same for every visitor, made once
    components.py  handlers that address components by name
    edit_form.py   the form of an edit and a question, for tabs that look further
    guard.py       security headers, the page's own handlers, health
    links.py       the address of a question
    look.py        theme, styles and scripts
    plots.py       what all Plotly figures share
    pool.py        the models that all tabs share, and what this place offers
    prefill.py     what a form is filled in with while a visitor types
    runs.py        what a visitor starts and may stop
    scripts.py     the scripts of panels, and how they talk with Python
    strings.py     the text of the interface in English and Chinese
    templates.py   how templates are rendered
    visitors.py    who asks, and how often

HTML is rendered by ``templates``, figures have ``plots.layout``; a page never writes
HTML itself.
"""
