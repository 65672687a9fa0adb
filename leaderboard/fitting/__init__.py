"""Regressors fitted fold by fold."""
