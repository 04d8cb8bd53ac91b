"""The campaign: what a hostile visitor, a full disk or a pulled plug would try.

Each part counts what it tried and lists what failed; a failure names its seed, so that
it can be had again.

damage.py  files as nobody should write them
fuzz.py    every reader and the command line get them
kills.py   every job that resumes is killed while it writes
markup.py  every text that the app shows is hostile
soak.py    an hour of visitors, and the memory that they cost
"""
