import pytest

from demogen.format.splits import Fold
from leaderboard.fitting.fold_indices import divisions


def test_positions_are_ascending_and_of_the_measured_only():
    folds = (Fold(("d", "b", "x", "c"), ("a", "y")), Fold(("a",), ("y", "z")))
    found = divisions(folds, ("a", "b", "d"))
    first, second = found.parts
    assert (first.train.tolist(), first.test.tolist()) == ([1, 2], [0])
    assert (second.train.tolist(), second.test.tolist()) == ([0], [])
    assert (first.tested, second.tested) == (("a",), ())
    assert found.fitted.tolist() == [[0, 1, 1], [1, 0, 0]]
    assert found.left_out.tolist() == [[0, 3], [1, 2]]


def test_a_network_named_twice_is_fitted_twice():
    found = divisions((Fold(("a", "b", "b"), ("c",)),), ("a", "b", "c"))
    assert found.parts[0].train.tolist() == [0, 1, 1]
    assert found.fitted.tolist() == [[1, 2, 0]]


def test_the_same_folds_are_looked_up_once_and_cannot_be_changed():
    def folds():
        return (Fold(("a", "b"), ("c",)),)

    found = divisions(folds(), ("a", "b", "c"))
    assert divisions(folds(), ("a", "b", "c")) is found
    assert divisions(folds(), ("a", "c")) is not found
    with pytest.raises(ValueError, match="read-only"):
        found.parts[0].train[0] = 2
    with pytest.raises(ValueError, match="read-only"):
        found.fitted[0, 0] = 2
