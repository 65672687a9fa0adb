"""Measures and predictors, and the signatures that they give."""
