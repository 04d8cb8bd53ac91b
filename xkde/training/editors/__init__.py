"""Training of what SERAC and MEND need beside the model.

mend.py   MEND's hyper-network
runs.py   what both trainings share
serac.py  SERAC's two parts
"""
