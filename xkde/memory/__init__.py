"""The memory: the edits of a session, their files, and retrieval for a query.

    edits.py      the edits of a session: add, change, undo
    files.py      edits in JSON lines, JSON or CSV
    index.py      vectors of edits
    retrieval.py  which edits concern a query

``edits`` adds, changes, drops and undoes, and finds edits that contradict each other;
``files`` reads and writes JSON lines and CSV. ``index`` holds the vectors and matches
names, and ``retrieval`` decides which edits concern a query.
"""
