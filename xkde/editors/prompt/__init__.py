"""Editors that write the edit into the prompt: X-KDE, LTE, IKE."""
