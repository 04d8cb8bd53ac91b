"""Editors with a trained part of their own: SERAC, MEND.

mend.py   MEND: transformed gradients
serac.py  SERAC: scope classifier and counterfactual model
"""
