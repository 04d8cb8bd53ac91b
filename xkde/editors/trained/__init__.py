"""Editors with a trained part of their own: SERAC, MEND."""
