"""Every comparison is with the same regressor, cloned and fitted fold by fold."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import baselines
from baselines.regressors import log_floored, one_hot_least_squares
from baselines.selection import BestGroup, ForwardSelection
from demogen.format.splits import Fold
from demogen.measuring.predictor import Predictor
from leaderboard.fitting import cross_validation
from leaderboard.fitting.fold_indices import divisions
from leaderboard.fitting.least_squares import counts_as_zero, fold_predictions

NETWORKS = 60
IDS = tuple(f"n{number:03}" for number in range(NETWORKS))
SOLVERS = {
    "all": LinearRegression(),
    "best": BestGroup([(0, 1, 2), (3, 4, 5), (1, 3, 5)]),
    "forward": ForwardSelection(4),
    "dependent": BestGroup([(0, 1, 3), (0, 2, 4)]),
    "forward, all": ForwardSelection(6),
}
ONE_BY_ONE = {"inverse-margin", "mean-gap"}
"""Baselines with a transform that is fitted in each fold, or without least squares."""


def partition(folds=10):
    return [Fold(tuple(set(IDS) - set(IDS[k::folds])), IDS[k::folds]) for k in range(folds)]


def holdouts(count=8, seed=0):
    draw = np.random.default_rng(seed)
    tests = [{IDS[i] for i in draw.permutation(NETWORKS)[:6]} for _ in range(count)]
    return [Fold(tuple(set(IDS) - test), tuple(test)) for test in tests]


def plain_design(seed=0, columns=6):
    draw = np.random.default_rng(seed)
    factors = draw.normal(size=(NETWORKS, 3))
    X = factors @ draw.normal(size=(3, columns)) + 0.3 * draw.normal(size=(NETWORKS, columns))
    y = 0.2 + factors @ [0.05, 0.02, 0.01] + 0.02 * draw.normal(size=NETWORKS)
    return X, y


def compared(X, y, regressor, folds, ids=IDS):
    """Largest difference relative to the spread of the targets, and the folds solved together."""
    signatures = dict(zip(ids, X.tolist(), strict=True))
    targets = dict(zip(ids, y.tolist(), strict=True))
    fast = cross_validation.run(signatures, targets, folds, regressor)
    slow = cross_validation.run(signatures, targets, folds, regressor, together=False)
    assert fast.skipped == slow.skipped
    assert fast.fit == slow.fit
    assert fast.model == slow.model
    difference = 0.0
    for one, other in zip(fast.folds, slow.folds, strict=True):
        assert (one.fold, one.ids) == (other.fold, other.ids)
        apart = np.abs(np.subtract(one.predictions, other.predictions)).max()
        difference = max(difference, apart / np.ptp(y))
    together = fold_predictions(regressor, X, y, divisions(tuple(folds), ids))
    for fold in fast.folds:
        if fold.fold in together:
            assert fold.predictions == tuple(together[fold.fold].tolist())
    return difference, sorted(together)


@pytest.mark.parametrize("predictor", baselines.ALL, ids=lambda predictor: predictor.name)
def test_every_baseline_predicts_as_if_fitted_fold_by_fold(predictor: Predictor):
    draw = np.random.default_rng(3)
    features = 3 if predictor.columns is None else len(predictor.columns)
    if predictor.name == "hyperparameters":
        X = draw.integers(4, size=(NETWORKS, 6)) / 10
        X[:, 5] = 0.5
    else:
        X = np.exp(draw.normal(size=(NETWORKS, 3)) @ draw.normal(size=(3, features)))
        X *= np.exp(0.3 * draw.normal(size=X.shape))
    y = 0.2 + 0.05 * draw.normal(size=NETWORKS)
    y += 0.03 * np.log(X + 1).sum(axis=1)
    for folds in (partition(), holdouts()):
        difference, together = compared(X, y, predictor.regressor, folds)
        assert difference < 1e-10
        assert together == ([] if predictor.name in ONE_BY_ONE else [*range(len(folds))])


def repeated(X, draw):
    return np.column_stack([X[:, :4], X[:, :2]])


def dependent(X, draw):
    X[:, 3] = 2 * X[:, 0] + X[:, 1] - X[:, 2]
    return X


def constant(X, draw):
    X[:, 1], X[:, 4] = 0.1, 0.0
    return X


def offset(X, draw):
    return X + 1e4


def in_other_units(X, draw):
    return X * [1, 10, 100, 0.1, 0.01, 1]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("change", [repeated, dependent, constant, offset, in_other_units])
def test_designs_that_are_solved_together(solver, change):
    X, y = plain_design()
    X = change(X, np.random.default_rng(1))
    difference, together = compared(X, y, SOLVERS[solver], [*partition(), *holdouts()])
    assert difference < 1e-10
    # What is left of a column once all it depends on were chosen is rounding, more or less.
    if (solver, change) != ("forward, all", dependent):
        assert together == [*range(18)]


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize(
    "distance",
    [
        1e-2,
        1e-4,
        1e-5,
        3e-6,
        1e-6,
        5e-7,
        1e-7,
        1e-9,
        2e-10,
        1e-10,
        1e-12,
        1e-13,
        3e-14,
        1e-14,
        3e-15,
        1e-15,
        0,
    ],
)
def test_nearly_dependent_columns(solver, distance):
    X, y = plain_design()
    draw = np.random.default_rng(2)
    X[:, 3] = 2 * X[:, 0] + X[:, 1] + distance * draw.normal(size=NETWORKS)
    difference, _ = compared(X, y, SOLVERS[solver], partition())
    assert difference < 1e-10


def test_where_columns_are_clearly_dependent_or_clearly_not_folds_are_solved_together():
    folds = {}
    for distance in (1e-3, 1e-9):
        X, y = plain_design()
        X[:, 3] = X[:, 0] + distance * np.random.default_rng(2).normal(size=NETWORKS)
        _, folds[distance] = compared(X, y, LinearRegression(), partition())
    assert folds[1e-3] == [*range(10)]
    # Before scikit-learn 1.9 a column of 1e-9 counts, and is too small a part to be sure of.
    assert folds[1e-9] == ([*range(10)] if counts_as_zero() > 1e-8 else [])


@pytest.mark.parametrize("networks", [5, 12, 25])
@pytest.mark.parametrize("solver", SOLVERS)
def test_more_columns_than_networks(solver, networks):
    X, y = plain_design(columns=30)
    ids = IDS[:networks]
    folds = [Fold(tuple(set(ids) - {network}), (network,)) for network in ids]
    difference, together = compared(X[:networks], y[:networks], SOLVERS[solver], folds, ids)
    assert difference < 1e-9
    assert together == []


@pytest.mark.parametrize("solver", SOLVERS)
def test_dropped_networks_and_uneven_folds(solver):
    X, y = plain_design()
    ends = [(0, 1), (1, 4), (4, 20), (20, 52), (52, 60)]
    folds = [Fold(tuple(set(IDS) - set(IDS[a:b])), IDS[a:b]) for a, b in ends]
    folds.append(Fold(IDS[:15], IDS[15:40]))
    folds.append(Fold((*IDS[:30], "unknown"), (*IDS[20:40], "another")))
    difference, together = compared(X, y, SOLVERS[solver], folds)
    assert difference < 1e-10
    assert together == [*range(7)]

    measured = [number for number in range(NETWORKS) if number % 7 and not 1 <= number < 4]
    ids = tuple(IDS[number] for number in measured)
    difference, together = compared(X[measured], y[measured], SOLVERS[solver], folds, ids)
    # Of the first two folds no network is left to test.
    assert difference < 1e-10
    assert together == [*range(7)]


def test_networks_that_hold_a_direction_alone_are_left_to_the_loop():
    X, y = plain_design()
    X[:, 2] = 0
    X[7, 2] = 1
    difference, together = compared(X, y, LinearRegression(), partition())
    assert difference < 1e-10
    assert together == [k for k in range(10) if k != 7]
    X[7, 2] = 1e12
    difference, together = compared(X, y, LinearRegression(), partition())
    assert difference < 1e-10
    assert 7 not in together


def test_levels_that_a_fold_lacks_count_as_none():
    draw = np.random.default_rng(0)
    X = draw.integers(3, size=(NETWORKS, 3)).astype(float)
    X[[7, 17], 1] = 99.0
    y = X @ [0.1, 0.01, 0.03] + 0.05 * draw.normal(size=NETWORKS)
    folds = [*partition(), *holdouts()]
    difference, together = compared(X, y, one_hot_least_squares(), folds)
    assert difference < 1e-10
    lacking = [k for k, fold in enumerate(folds) if not {IDS[7], IDS[17]} & set(fold.train)]
    assert 7 in lacking
    assert together == [k for k in range(18) if k not in lacking]


def test_a_network_named_twice_counts_twice():
    X, y = plain_design()
    [first, *rest] = partition()
    folds = [Fold(first.train + first.train[:20], first.test), *rest]
    difference, together = compared(X, y, LinearRegression(), folds)
    assert difference < 1e-10
    assert together == [*range(1, 10)]


def test_a_column_that_hardly_varies_beside_its_mean():
    """Normalized losses lie within a millionth of ln 10."""
    X, y = plain_design(columns=1)
    for part, together in ((1e-5, [*range(10)]), (1e-8, [])):
        column = np.log(10) * (1 + part * X / np.ptp(X))
        difference, solved = compared(column, y, LinearRegression(), partition())
        assert difference < 1e-9
        assert solved == together


@pytest.mark.parametrize("together", [True, False])
def test_regressors_that_overwrite_their_columns_spoil_nothing(together):
    X, y = plain_design()
    signatures = dict(zip(IDS, (X + 3).tolist(), strict=True))
    targets = dict(zip(IDS, y.tolist(), strict=True))
    usual = cross_validation.run(signatures, targets, partition(), LinearRegression(), together)
    sparing = LinearRegression(copy_X=False)
    assert cross_validation.run(signatures, targets, partition(), sparing, together) == usual


@pytest.mark.parametrize("solver", SOLVERS)
def test_coefficients_that_nearly_cancel(solver):
    """Nearly dependent columns have large coefficients, which multiply large means."""
    X, y = plain_design()
    noise = np.random.default_rng(2).normal(size=NETWORKS)
    solved = []
    for distance in (0.1, 1e-2, 1e-3, 1e-4):
        X[:, 3] = 2 * X[:, 0] + X[:, 1] + distance * noise
        difference, together = compared(X + 1e4, y + 0.1 * noise, SOLVERS[solver], partition())
        assert difference < 1e-9
        solved.append(len(together))
    if solver == "all":
        assert (solved[0], solved[-1]) == (10, 0)


def test_targets_of_any_size():
    X, y = plain_design()
    for targets in (y * 1e-9, y + 1e4, np.where(np.arange(NETWORKS) == 3, 1e6, y)):
        difference, together = compared(X, targets, LinearRegression(), partition())
        assert difference < 1e-10
        assert together == [*range(10)]
    folds = divisions(tuple(partition()), IDS)
    assert fold_predictions(LinearRegression(), X, np.full(NETWORKS, 0.3), folds) == {}
    assert fold_predictions(LinearRegression(), X, y + 1e8, folds) == {}


def mirrored(slope=0.0):
    """Two columns that explain the target equally well but for `slope`, to different ends."""
    draw = np.random.default_rng(5)
    a, b = draw.normal(size=(2, NETWORKS // 2))
    a, b = np.concatenate([a, a]), np.concatenate([b, -b])
    folds = []
    for k in range(10):
        test = tuple(IDS[i] for i in range(NETWORKS) if i % (NETWORKS // 2) % 10 == k)
        folds.append(Fold(tuple(set(IDS) - set(test)), test))
    return np.column_stack([a + b, a - b]), a + slope * b, folds


@pytest.mark.parametrize("regressor", [BestGroup([(0,), (1,)]), ForwardSelection(1)], ids=repr)
def test_of_equally_good_columns_the_first_is_taken(regressor):
    X, y, folds = mirrored()
    difference, together = compared(X, y, regressor, folds)
    assert difference < 1e-10
    assert together == [*range(10)]


@pytest.mark.parametrize("regressor", [BestGroup([(0,), (1,)]), ForwardSelection(1)], ids=repr)
def test_what_rounding_could_turn_is_left_to_the_loop(regressor):
    X, y, folds = mirrored()
    fitted = [IDS.index(network) for network in folds[0].train]
    a, b = y[fitted] - y[fitted].mean(), (X[fitted, 0] - X[fitted, 1]) / 2
    # The columns explain 4 s a² b² / (a² + b²) more and less; 1e-12 a² is what counts as equal.
    border = 1e-12 * (a @ a + b @ b) / (4 * b @ b)
    for slope, sure in ((-0.8, True), (-1, False), (-1.2, True), (1, True)):
        X, y, folds = mirrored(slope * border)
        difference, together = compared(X, y, regressor, folds)
        assert difference < 1e-10
        assert (0 in together) == sure


def test_what_has_no_logarithm_is_left_to_the_regressor():
    X, y = plain_design()
    folds = divisions(tuple(partition()), IDS)
    pipeline = make_pipeline(FunctionTransformer(np.log), LinearRegression())
    assert fold_predictions(pipeline, X, y, folds) == {}
    X[3, 2] = np.nan
    assert fold_predictions(LinearRegression(), X, y, folds) == {}
    floored = make_pipeline(FunctionTransformer(log_floored), LinearRegression())
    assert fold_predictions(floored, X, y, folds) == {}
    y[3] = np.inf
    assert fold_predictions(LinearRegression(), np.nan_to_num(X), y, folds) == {}


@pytest.mark.parametrize(
    "X",
    [np.zeros((NETWORKS, 0)), np.full((NETWORKS, 2), 0.3), np.full((NETWORKS, 1), 1e200)],
    ids=["none", "constant", "large"],
)
def test_designs_without_anything_to_fit_are_left_to_the_loop(X):
    y = plain_design()[1]
    folds = divisions(tuple(partition()), IDS)
    assert fold_predictions(LinearRegression(), X, y, folds) == {}
    assert fold_predictions(LinearRegression(), plain_design()[0], y, divisions((), IDS)) == {}


def test_what_counts_as_zero_is_asked_of_scikit_learn():
    zero = counts_as_zero()
    for part, rank in ((zero * 10, 2), (zero / 10, 1)):
        assert (
            LinearRegression()
            .fit(np.array([[1, 0], [-1, 0], [0, part], [0, -part]]), [0] * 4)
            .rank_
            == rank
        )
