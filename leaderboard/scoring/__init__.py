"""Statistics of predictions and targets."""
