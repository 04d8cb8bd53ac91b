"""The memory: the edits of a session, their files, and retrieval for a query.

    conflicts.py  edits that contradict each other
    edits.py      the edits of a session: add, change, undo
    files.py      edits in JSON lines, JSON or CSV
    index.py      vectors of edits
    lexical.py    names that edit and query share
    retrieval.py  which edits concern a query

``edits`` adds, changes, drops and undoes; ``conflicts`` finds edits that contradict
each other; ``files`` reads and writes JSON lines and CSV. ``index`` holds the vectors,
``lexical`` matches names, and ``retrieval`` decides which edits concern a query.
"""
