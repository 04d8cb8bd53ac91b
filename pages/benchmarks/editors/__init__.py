"""Editors: every editor after one edit and after many."""
