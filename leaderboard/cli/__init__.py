"""Commands that score, publish and draw."""
