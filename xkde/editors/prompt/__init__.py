"""Editors that write the edit into the prompt: X-KDE, LTE, IKE.

ike.py        IKE: demonstrations before the edit
in_prompt.py  X-KDE, LTE and the plain prompt
"""
