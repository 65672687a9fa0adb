import itertools
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.utils.estimator_checks import check_estimator

from baselines.margins import MARGIN_BEST4_LOG, MARGIN_STATISTIC_LOG, MARGIN_TAP_LOG
from baselines.selection import BestGroup, ForwardSelection
from leaderboard.fitting.cross_validation import cross_validate, linear_model

PAIRS = list(itertools.combinations(range(6), 2))


def problem(seed, rows=30, columns=6, noise=0.3):
    generator = np.random.default_rng(seed)
    X = generator.normal(3, 1, (rows, columns)) @ generator.normal(0, 1, (columns, columns))
    y = X @ generator.normal(0, 1, columns) + noise * generator.normal(0, 1, rows) + 5
    return X, y


def residual(X, y, columns):
    """Sum of squares that least squares with an intercept leaves, by its definition."""
    design = np.column_stack([np.ones(len(y)), X[:, list(columns)]])
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - design @ solution) ** 2).sum())


def greedy(X, y, count):
    chosen = []
    for _ in range(count):
        candidates = [j for j in range(X.shape[1]) if j not in chosen]
        chosen.append(min(candidates, key=lambda j: residual(X, y, [*chosen, j])))
    return tuple(chosen)


@pytest.mark.parametrize("seed", range(20))
def test_best_group_is_the_best_of_all(seed):
    X, y = problem(seed)
    model = BestGroup(PAIRS).fit(X, y)
    assert model.selected_ == min(PAIRS, key=lambda pair: residual(X, y, pair))
    assert_least_squares(model, X, y)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("shape", [(30, 6), (200, 20), (5, 9)])
def test_each_step_forward_is_the_best_of_all(seed, shape):
    X, y = problem(seed, *shape)
    model = ForwardSelection(4 if shape[0] > 5 else 3).fit(X, y)
    assert model.selected_ == greedy(X, y, len(model.selected_))
    assert_least_squares(model, X, y)


def assert_least_squares(model, X, y):
    chosen = list(model.selected_)
    expected = LinearRegression().fit(X[:, chosen], y)
    assert model.coef_[chosen] == pytest.approx(expected.coef_, rel=1e-9)
    assert not model.coef_[np.setdiff1d(range(X.shape[1]), chosen)].any()
    assert model.intercept_ == pytest.approx(expected.intercept_, rel=1e-9, abs=1e-9)
    assert model.predict(X) == pytest.approx(expected.predict(X[:, chosen]), rel=1e-9)


def test_greedy_selection_is_not_always_the_best_subset():
    generator = np.random.default_rng(1)
    a, b = generator.normal(size=(2, 100))
    X = np.column_stack([a, b + 0.1 * a, a + b + 0.4 * generator.normal(size=100)])
    y = a + b
    assert ForwardSelection(2).fit(X, y).selected_[0] == 2
    assert BestGroup([(0, 2), (1, 2), (0, 1)]).fit(X, y).selected_ == (0, 1)


def test_units_of_columns_do_not_matter():
    X, y = problem(3)
    scales = np.array([1e-6, 1.0, 1e6, 1e-3, 10.0, 1e3])
    for model in (BestGroup(PAIRS), ForwardSelection(3)):
        plain, scaled = clone(model).fit(X, y), clone(model).fit(X * scales - 7 * scales, y * 1e-5)
        assert scaled.selected_ == plain.selected_
        assert scaled.predict(X * scales - 7 * scales) == pytest.approx(1e-5 * plain.predict(X))
        assert clone(model).fit(X, y + 1e8).selected_ == plain.selected_
        chosen = clone(model).fit(X * 1e200, y).selected_, clone(model).fit(X * 1e-200, y).selected_
        assert chosen == (plain.selected_, plain.selected_)


def test_repeated_columns_share_their_weight():
    X, y = problem(4, columns=3)
    model = BestGroup([(0, 2, 3, 5)]).fit(np.column_stack([X, X]), y)
    single = LinearRegression().fit(X[:, [0, 2]], y)
    shares = np.append(single.coef_, single.coef_) / 2
    assert model.coef_[[0, 2, 3, 5]] == pytest.approx(shares)
    assert model.intercept_ == pytest.approx(single.intercept_)
    design = np.column_stack([X[:, 0], 2 * X[:, 0]])
    (a, b) = BestGroup([(0, 1)]).fit(design, y).coef_
    # Each explains half, in whatever unit it is given.
    assert 2 * b == pytest.approx(a)
    alone = LinearRegression().fit(design[:, :1], y)
    assert [a + 2 * b] == pytest.approx(alone.coef_)


@pytest.mark.parametrize("seed", range(5))
def test_of_equals_the_first_is_kept(seed):
    X, y = problem(seed, columns=4)
    twice = np.column_stack([X, X * 3 + 1])
    first = BestGroup([(4, 5), (0, 1), (5, 0), (6, 7)]).fit(twice, y)
    assert first.selected_ in ((4, 5), (6, 7))
    groups = [(6, 7), (2, 3)] if first.selected_ == (6, 7) else [(4, 5), (0, 1)]
    assert BestGroup(groups).fit(twice, y).selected_ == groups[0]
    assert BestGroup(groups[::-1]).fit(twice, y).selected_ == groups[1]
    chosen = ForwardSelection(6).fit(twice, y).selected_
    # The four columns that differ come first; what repeats them adds nothing, in order.
    assert set(chosen[:4]) == set(range(4))
    assert chosen[4:] == (4, 5)


def test_constant_columns_and_targets():
    X, y = problem(5)
    # The mean over identical numbers is not exactly that number; nor are these fully identical.
    X[:, 0], X[:, 1] = 0.1, 1e6 * (1 + 1e-15 * np.arange(len(y)))
    selected = ForwardSelection(6).fit(X, y)
    assert set(selected.selected_[:4]) == {2, 3, 4, 5}
    assert not selected.coef_[:2].any()
    assert BestGroup([(0, 1), (0, 2)]).fit(X, y).selected_ == (0, 2)
    for model in (BestGroup([(2, 3), (4, 5)]), ForwardSelection(2)):
        flat = model.fit(X, np.full(len(y), 0.3))
        assert flat.coef_ == pytest.approx(np.zeros(6), abs=1e-12)
        assert flat.predict(X) == pytest.approx(np.full(len(y), 0.3))


@pytest.mark.parametrize("seed", range(10))
def test_the_rounding_left_of_a_dependent_column_is_not_chosen(seed):
    X, y = problem(seed, columns=3)
    design = np.column_stack([X, X @ np.array([1.0, 2.0, 3.0])])
    left = y - LinearRegression().fit(X, y).predict(X)
    generator = np.random.default_rng(seed)
    weak = generator.normal(size=len(y))
    weak -= weak.mean() + left * (weak @ left) / (left @ left) - 1e-3 * left
    model = ForwardSelection(4).fit(np.column_stack([design, weak]), y)
    assert 4 in model.selected_
    groups = [(0, 1, 2, 3), (0, 1, 2, 4)]
    assert BestGroup(groups).fit(np.column_stack([design, weak]), y).selected_ == groups[1]


def test_one_network_and_few_columns():
    model = ForwardSelection(4).fit([[1.0, 2.0]], [0.5])
    assert model.selected_ == (0, 1)
    assert model.predict([[9.0, 9.0]]) == pytest.approx([0.5])
    assert BestGroup([(1,), (0,)]).fit([[1.0, 2.0]], [0.5]).predict([[0, 0]]) == [0.5]


@pytest.mark.parametrize("groups", [[], [()], [(0, 0)], [(0, 6)], [(-1,)]])
def test_groups_that_cannot_be_fitted_are_refused(groups):
    X, y = problem(0)
    with pytest.raises(ValueError, match="group"):
        BestGroup(groups).fit(X, y)


@pytest.mark.parametrize("count", [0, -1, 2.0, "2"])
def test_counts_that_cannot_be_fitted_are_refused(count):
    with pytest.raises(ValueError, match="count must be a positive integer"):
        ForwardSelection(count).fit(*problem(0))


@pytest.mark.parametrize("model", [BestGroup([(0,)]), ForwardSelection(4)], ids=repr)
def test_they_are_estimators_as_sklearn_wants_them(model):
    expected = {}
    if isinstance(model, BestGroup):
        # One column of ten explains too little of what that check makes up.
        expected["check_regressors_train"] = "its groups are of given columns"
    check_estimator(model, expected_failed_checks=expected, on_fail="raise", on_skip=None)


@pytest.mark.parametrize("model", [BestGroup(PAIRS), ForwardSelection(3)], ids=["best", "forward"])
def test_clones_and_pickles_choose_the_same(model):
    X, y = problem(8)
    fitted = clone(model).fit(X, y)
    again = pickle.loads(pickle.dumps(fitted))
    assert again.selected_ == fitted.selected_
    assert np.array_equal(again.predict(X), fitted.predict(X))
    assert clone(fitted).get_params() == model.get_params()
    assert not hasattr(clone(fitted), "selected_")


@pytest.mark.parametrize(
    "model", [BestGroup([(0,), (1,)]), ForwardSelection(1)], ids=["best", "forward"]
)
def test_what_is_held_out_has_no_say_in_the_choice(model):
    generator = np.random.default_rng(0)
    ids = [f"n{number:02}" for number in range(40)]
    first, second = generator.normal(size=(2, 40))
    target = first + 0.5 * generator.normal(size=40)
    held_out = ids[:10]
    # On the held-out networks alone, and so on all together, the second column is the better one.
    target[:10] = 4 * second[:10]
    signatures = dict(zip(ids, np.column_stack([first, second]).tolist(), strict=True))
    targets = dict(zip(ids, target.tolist(), strict=True))
    outcome = cross_validate(signatures, targets, [held_out], model)
    assert np.flatnonzero(outcome.model.coefficients).tolist() == [1]
    line = LinearRegression().fit(first[10:, None], target[10:])
    assert outcome.folds[0].predictions == pytest.approx(line.predict(first[:10, None]))
    altered = targets | dict.fromkeys(held_out, -100.0)
    assert cross_validate(signatures, altered, [held_out], model).folds == outcome.folds


@pytest.mark.parametrize(
    ("predictor", "wanted"),
    [
        (MARGIN_STATISTIC_LOG, {"input.q3", "h1.q3", "h2.q3", "h3.q3"}),
        (MARGIN_TAP_LOG, {f"h2.{s}" for s in ("lower_fence", "q1", "median", "q3", "upper_fence")}),
        (MARGIN_BEST4_LOG, {"input.q1", "h1.q3", "h2.q3", "h3.median"}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_predictors_find_what_a_gap_was_made_of(predictor, wanted):
    columns = list(predictor.columns)
    generator = np.random.default_rng(9)
    X = np.exp(generator.normal(0, 2, (60, len(columns))))
    weights = {column: 0.5 + index for index, column in enumerate(sorted(wanted))}
    y = 0.2 + sum(weight * np.log(X[:, columns.index(c)]) for c, weight in weights.items())
    model = clone(predictor.regressor).fit(X, y)
    found = linear_model(model, X)
    assert found.lost == 0
    assert {columns[i] for i in model[-1].selected_} == wanted
    assert found.intercept == pytest.approx(0.2)
    assert {c: w for c, w in zip(columns, found.coefficients, strict=True) if w} == pytest.approx(
        weights
    )


@pytest.mark.parametrize("regressor", [BestGroup(groups=[(0, 1)]), ForwardSelection(count=2)])
def test_a_large_column_erases_no_small_one(regressor):
    draw = np.random.default_rng(0)
    X = draw.normal(size=(60, 2)) * [1e-9, 1e9]
    y = X @ [1e9, 1e-9]
    fitted = regressor.fit(X, y)
    assert fitted.rank_ == 2
    assert fitted.predict(X) == pytest.approx(y, abs=1e-12)
    assert fitted.coef_ == pytest.approx([1e9, 1e-9], rel=1e-12)
