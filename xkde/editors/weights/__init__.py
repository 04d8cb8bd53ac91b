"""Editors that change weights, and the algebra that they share."""
