"""What is predicted of networks, of zoos and of tables of one's own."""

TARGETS = ("gap", "test_accuracy", "test_cross_entropy", "test_normalized_cross_entropy")
"""Of zoos: columns of their tables."""

ACCURACIES = ("gap", "test_accuracy")
"""Targets whose noise the number of test images tells."""

TABLE = "table"
"""What a measure reads whose values came from a table of one's own: such a table may call its
target anything."""
