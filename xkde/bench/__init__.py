"""Measurements of speed, one module for each ``bench`` command, and screenshots."""
