"""Pictures of results, and the figures of the papers redrawn from zoos, results and arrays."""

from leaderboard.figures.predicted_vs_true import draw, predicted_against_true

__all__ = ["draw", "predicted_against_true"]
