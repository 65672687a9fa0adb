"""Image sets: read, put in canonical order, standardized, cut down, corrupted."""
