"""The memory: the edits of a session, their files, and retrieval for a query.

``edits`` adds, changes, drops and undoes; ``conflicts`` finds edits that contradict
each other; ``files`` reads and writes JSON lines and CSV. ``index`` holds the vectors,
``lexical`` matches names, and ``retrieval`` decides which edits concern a query.
"""
