"""Results: made, kept, checked, ranked and compared."""
