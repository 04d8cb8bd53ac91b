"""What surrounds every tab: header, look, strings, errors, templates, plots.

HTML is rendered by ``templates``, figures have ``plots.layout``; a page never writes
HTML itself.
"""
