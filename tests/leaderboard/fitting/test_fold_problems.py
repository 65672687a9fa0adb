import numpy as np
import pytest

from demogen.format.splits import Fold
from leaderboard.fitting.fold_indices import divisions
from leaderboard.fitting.fold_problems import fold_problems

NETWORKS = 40


@pytest.fixture
def design():
    draw = np.random.default_rng(0)
    X = draw.normal(size=(NETWORKS, 5)) * [1, 10, 1e-3, 1, 1] + [0, 5, 1, 0, 0]
    X[:, 3] = X[:, 0] - X[:, 1]
    X[:, 4] = 7
    return X, draw.normal(size=NETWORKS)


def leaving_out(*tests):
    """Divisions whose folds fit all networks but the given ones."""
    ids = tuple(f"n{number:02}" for number in range(NETWORKS))
    folds = []
    for test in tests:
        chosen = {ids[position] for position in test}
        folds.append(
            Fold(tuple(network for network in ids if network not in chosen), tuple(chosen))
        )
    return divisions(tuple(folds), ids)


def test_reduced_problems_have_the_inner_products_of_the_folds_they_stand_for(design):
    X, y = design
    folds = leaving_out([0], [1, 2, 3], range(4, 34), [39])
    problems = fold_problems(X, y, folds)
    assert problems.folds.tolist() == [0, 1, 2, 3]
    assert problems.basis.shape == (NETWORKS, 3)
    assert problems.networks.tolist() == [39, 37, 10, 39]
    for number, fold in enumerate(folds.parts):
        fitted = X[fold.train] - X[fold.train].mean(axis=0)
        targets = y[fold.train] - y[fold.train].mean()
        reduced = problems.roots[number].T @ problems.reduced * problems.scales
        scale = np.linalg.norm(fitted, axis=0)
        scale[4] = 1
        assert reduced.T @ reduced / np.outer(scale, scale) == pytest.approx(
            fitted.T @ fitted / np.outer(scale, scale), abs=1e-13
        )
        assert reduced.T @ problems.targets[number] / scale == pytest.approx(
            fitted.T @ targets / scale, abs=1e-13
        )
        assert problems.squares[number] == pytest.approx(targets @ targets)
        root = problems.roots[number]
        assert problems.shares[number] <= np.linalg.eigvalsh(root @ root.T)[0] + 1e-14


def test_predictions_are_those_of_the_weights(design):
    X, y = design
    folds = leaving_out([0, 1], [5])
    problems = fold_problems(X, y, folds)
    coefficients = np.array([[0.3, -2.0, 0.1, 0.5, 0.0], [1.0, 0.0, 0.2, 0.0, 0.0]])
    weights = (coefficients * problems.scales) @ problems.reduced.T
    predicted = problems.predictions(weights)
    for column, fold in enumerate(folds.parts):
        train = fold.train
        expected = y[train].mean() + (X - X[train].mean(axis=0)) @ coefficients[column]
        assert predicted[:, column] == pytest.approx(expected)


def test_folds_that_leave_out_almost_all_of_a_direction_are_not_there(design):
    X, y = design
    X[:, 0] = 1e-4 * X[:, 0]
    X[11, 0] = 1
    problems = fold_problems(X, y, leaving_out([10], [11], [10, 11]))
    assert problems.folds.tolist() == [0]
    assert fold_problems(X, y, leaving_out([11])) is None
    assert fold_problems(X, y, leaving_out(range(3, NETWORKS))) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e150, 1e8])
def test_values_without_enough_digits_are_refused(design, value):
    X, y = design
    folds = leaving_out([0])
    assert fold_problems(X, y, folds) is not None
    X[:, 4] = X[:, 0] * 1e-2 + value
    assert fold_problems(X, y, folds) is None
    assert fold_problems(X[:, :3], y * 1e-2 + value, folds) is None


def test_a_constant_that_dwarfs_the_other_columns_is_refused(design):
    X, y = design
    X[:, 4] = 1e9
    assert fold_problems(X, y, leaving_out([0])) is None
