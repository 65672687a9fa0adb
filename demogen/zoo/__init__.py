"""Trained networks with their table and splits, opened and written."""
