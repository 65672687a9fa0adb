import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import estimator_checks_generator

from demogen.measuring.least_squares import LeastSquares
from tests.published_tables import at_hand, table

DRAW = np.random.default_rng(0)
MARGIN, COUNT = DRAW.uniform(0.04, 0.06, 60), DRAW.uniform(2e5, 2e7, 60)
GAP = 5 * MARGIN + DRAW.normal(0, 0.004, 60)


def scikit_learn_checks():
    return [
        pytest.param(estimator, check, id=getattr(check, "func", check).__name__)
        for estimator, check in estimator_checks_generator(LeastSquares())
    ]


@pytest.mark.parametrize(("estimator", "check"), scikit_learn_checks())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
def test_it_is_a_regressor_of_scikit_learn(estimator, check):
    check(estimator)


def exact(X, y):
    """R² by the normal equations of the scaled columns in extended precision."""
    X, y = np.asarray(X, np.longdouble), np.asarray(y, np.longdouble)
    Q = (X - X.mean(0)) / X.std(0)
    basis = []
    for column in Q.T:
        for _ in range(2):
            for unit in basis:
                column = column - unit * (unit @ column)
        basis.append(column / np.sqrt(column @ column))
    centered = y - y.mean()
    return float(sum((unit @ centered) ** 2 for unit in basis) / (centered @ centered))


@pytest.mark.parametrize("scale", [1e-150, 1e-9, 1.0, 1e9, 1e150])
def test_a_large_column_erases_no_small_one(scale):
    X = np.column_stack([MARGIN * scale, COUNT])
    fitted = LeastSquares().fit(X, GAP)
    assert (fitted.rank_, fitted.varying_) == (2, 2)
    assert fitted.score(X, GAP) == pytest.approx(
        exact(np.column_stack([MARGIN, COUNT]), GAP), rel=1e-12
    )
    assert X @ fitted.coef_ + fitted.intercept_ == pytest.approx(fitted.predict(X), rel=1e-9)


@at_hand
def test_25_raw_measures_of_dziugaite():
    frame = table("dziugaite2020-nin")
    measures = [n for n in frame if n.startswith("complexity.") and not n.endswith("_adjusted1")]
    frame = frame[[*measures, "gen.gap"]].replace([np.inf, -np.inf], np.nan).dropna()
    X, y = frame[measures].to_numpy(), frame["gen.gap"].to_numpy()
    fitted = LeastSquares().fit(X, y)
    assert (fitted.rank_, fitted.varying_) == (25, 25)
    assert fitted.score(X, y) == pytest.approx(exact(X, y), rel=1e-9)
    assert fitted.score(X, y) == pytest.approx(0.700, abs=5e-4)


def test_columns_of_one_scale_are_fitted_as_by_linear_regression():
    X = DRAW.normal(size=(60, 5))
    ours, theirs = LeastSquares().fit(X, GAP), LinearRegression().fit(X, GAP)
    assert ours.predict(X) == pytest.approx(theirs.predict(X), abs=1e-13)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-13)
    assert ours.intercept_ == pytest.approx(theirs.intercept_, abs=1e-13)


def test_indicators_of_levels_have_the_solution_of_least_norm():
    level = DRAW.integers(3, size=60)
    X = np.eye(3)[level]
    ours, theirs = LeastSquares().fit(X, GAP), LinearRegression().fit(X, GAP)
    assert (ours.rank_, ours.varying_) == (2, 3)
    assert ours.coef_ == pytest.approx(theirs.coef_, abs=1e-13)
    unknown = np.zeros((1, 3))
    assert ours.predict(unknown) == pytest.approx(theirs.predict(unknown), abs=1e-13)


def test_a_constant_column_has_no_weight_wherever_it_goes_later():
    X = np.column_stack([MARGIN, np.full(60, 0.1) + 1e-17])
    fitted = LeastSquares().fit(X, GAP)
    assert (fitted.rank_, fitted.varying_) == (1, 1)
    assert fitted.coef_[1] == 0
    later = np.array([[0.05, 1e300]])
    assert fitted.predict(later) == pytest.approx(
        LeastSquares().fit(X[:, :1], GAP).predict(later[:, :1])
    )


def test_plain_arrays_are_fitted_and_refused_as_all_others_are():
    rows, target = np.random.default_rng(0).normal(size=(12, 3)), np.arange(12.0)
    frame = pd.DataFrame(rows, columns=["a", "b", "c"])
    named = LeastSquares().fit(frame, list(target))
    plain = LeastSquares().fit(rows, target)
    assert plain.predict(rows).tolist() == named.predict(frame).tolist()
    assert not hasattr(named.fit(rows, target), "feature_names_in_")
    with pytest.raises(ValueError, match="X has 2 features, but LeastSquares is expecting 3"):
        plain.predict(rows[:, :2].copy())
    rows[3, 1] = np.nan
    for call in (plain.predict, lambda X: plain.fit(X, target)):
        with pytest.raises(ValueError, match="Input X contains NaN"):
            call(rows)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        plain.fit(frame.to_numpy(), target[:5])
