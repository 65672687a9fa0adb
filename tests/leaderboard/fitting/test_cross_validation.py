import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from demogen.errors import PredictorError
from demogen.format.splits import Split
from demogen.measuring.least_squares import LeastSquares
from leaderboard.fitting.cross_validation import cross_validate, linear_model
from leaderboard.scoring import inputs

REGRESSORS = [LinearRegression(), KNeighborsRegressor(3), make_pipeline(StandardScaler(), Ridge())]


@pytest.fixture
def task(zoo, make):
    """Ids in sorted order, design matrix, targets; and the first two as the protocol takes them."""
    table = make.features(zoo)
    ids = list(table.index)
    X, y = table.to_numpy(), zoo.table["gap"].loc[ids].to_numpy()
    return ids, X, y, dict(zip(ids, X.tolist(), strict=True)), dict(zip(ids, y, strict=True))


def nearest_to_the_middle(values):
    first, last = (rankdata(values, method) for method in ("min", "max"))
    return np.clip((len(values) + 1) / 2, first, last)


def numbered(split, ids):
    """The fold that tests each network, as scikit-learn wants it."""
    return PredefinedSplit(
        [next(n for n, test in enumerate(split.tests) if network in test) for network in ids]
    )


@pytest.mark.parametrize("regressor", REGRESSORS, ids=lambda regressor: type(regressor).__name__)
@pytest.mark.parametrize("name", ["kfold-10", "grouped-kfold-10"])
def test_partitions_agree_with_cross_validation_of_scikit_learn(zoo, task, name, regressor, make):
    ids, X, y, signatures, targets = task
    folds = numbered(zoo.splits[name], ids)
    expected = cross_val_predict(regressor, X, y, cv=folds)

    outcome = cross_validate(signatures, targets, zoo.splits[name].tests, regressor)
    scores = make.score("partition", outcome.folds, outcome.fit, targets, X.shape[1])

    found = {
        network: value
        for fold in outcome.folds
        for network, value in zip(fold.ids, fold.predictions, strict=True)
    }
    assert [found[network] for network in ids] == pytest.approx(expected, abs=1e-12)
    assert scores.r2_pooled == pytest.approx(r2_score(y, expected), abs=1e-10)
    assert scores.mse == pytest.approx(mean_squared_error(y, expected), abs=1e-12)
    assert scores.rmse_points == pytest.approx(100 * np.sqrt(scores.mse), abs=1e-10)
    of = {network: fold for fold in outcome.folds for network in fold.ids}
    units = [
        (value - of[one].center) / of[one].spread for one, value in zip(ids, expected, strict=True)
    ]
    assert scores.pearson == pytest.approx(np.corrcoef(y, units)[0, 1], abs=1e-10)
    for (train, _), fold in zip(folds.split(), outcome.folds, strict=True):
        everywhere = clone(regressor).fit(X[train], y[train]).predict(X)
        assert fold.center == pytest.approx(np.median(everywhere), abs=1e-12)
        assert fold.spread == pytest.approx(everywhere.std(), abs=1e-12)
        tested = [ids.index(network) for network in fold.ids]
        assert list(fold.places) == nearest_to_the_middle(everywhere)[tested].tolist()
    in_fold = [r2_score(y[test], expected[test]) for _, test in folds.split()]
    assert scores.r2_fold_mean == pytest.approx(np.mean(in_fold), abs=1e-10)
    assert (scores.folds_scored, scores.folds_undefined) == (10, 0)
    assert scores.ssr is None


def test_holdouts_agree_with_a_plain_loop(zoo, task, make):
    ids, X, y, signatures, targets = task
    split = zoo.splits["holdout-100"]
    sums, r2s = [], []
    for test in split.tests:
        held = np.isin(ids, test)
        model = LinearRegression().fit(X[~held], y[~held])
        sums.append(np.sum((model.predict(X[held]) - y[held]) ** 2))
        r2s.append(model.score(X[held], y[held]))

    outcome = cross_validate(signatures, targets, split.tests, LinearRegression())
    scores = make.score(split.kind, outcome.folds, outcome.fit, targets, X.shape[1])

    assert scores.ssr == pytest.approx(sums, abs=1e-12)
    assert scores.ssr_mean == pytest.approx(np.mean(sums), abs=1e-12)
    assert scores.ssr_max == pytest.approx(max(sums), abs=1e-12)
    assert scores.r2_fold_mean == pytest.approx(np.mean(r2s), abs=1e-9)
    assert scores.test_networks == 6
    assert scores.r2_pooled is None
    assert scores.mse is None


def test_the_fit_on_all_networks(task, zoo, make):
    _, X, y, signatures, targets = task
    model = LinearRegression().fit(X, y)
    outcome = cross_validate(signatures, targets, zoo.splits["kfold-10"].tests, LinearRegression())
    scores = make.score("partition", outcome.folds, outcome.fit, targets, 3)
    r2 = model.score(X, y)
    assert scores.fit_r2 == pytest.approx(r2, abs=1e-10)
    assert scores.fit_adjusted_r2 == pytest.approx(1 - (1 - r2) * 59 / (60 - 3 - 1), abs=1e-10)
    assert scores.fit_mse == pytest.approx(np.mean((model.predict(X) - y) ** 2), abs=1e-12)
    assert scores.fit_pearson == pytest.approx(np.sqrt(r2), abs=1e-10)
    assert outcome.model.coefficients == pytest.approx(model.coef_, abs=1e-10)
    assert outcome.model.intercept == pytest.approx(model.intercept_, abs=1e-10)


def test_coefficients_come_from_the_end_of_a_pipeline(task, zoo):
    _, X, y, signatures, targets = task
    pipeline = make_pipeline(FunctionTransformer(np.exp), LinearRegression())
    model = LinearRegression().fit(np.exp(X), y)
    folds = zoo.splits["kfold-10"].tests
    assert cross_validate(signatures, targets, folds, pipeline).model.coefficients == pytest.approx(
        model.coef_, abs=1e-9
    )
    assert cross_validate(signatures, targets, folds, KNeighborsRegressor()).model is None


def test_copies_of_a_configuration_are_never_on_both_sides(zoo, task, make):
    """A regressor that remembers copies is found out by grouped folds alone."""
    ids, _, _, _, targets = task
    code = {network: [float(zoo.table.at[network, "configuration"][1:])] for network in ids}
    memory = KNeighborsRegressor(1)
    r2 = {}
    for name in ("kfold-10", "grouped-kfold-10"):
        outcome = cross_validate(code, targets, zoo.splits[name].tests, memory)
        r2[name] = make.score("partition", outcome.folds, outcome.fit, targets, 1).r2_pooled
    assert r2["kfold-10"] > 0.8
    assert r2["grouped-kfold-10"] < 0.3


def test_unmeasured_networks_leave_every_fold_and_empty_folds_are_skipped(zoo, task):
    ids, X, y, signatures, targets = task
    split = zoo.splits["kfold-10"]
    lost = {*split.tests[3], split.tests[5][0]}
    kept = [network not in lost for network in ids]
    signatures = {network: row for network, row in signatures.items() if network not in lost}

    outcome = cross_validate(signatures, targets, split.tests, LinearRegression())

    assert outcome.skipped == (3,)
    assert [fold.fold for fold in outcome.folds] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    rest = Split(
        "rest",
        "partition",
        tuple(sorted(signatures)),
        tuple(tuple(set(test) - lost) for n, test in enumerate(split.tests) if n != 3),
    )
    expected = cross_val_predict(LinearRegression(), X[kept], y[kept], cv=numbered(rest, rest.ids))
    found = {i: p for f in outcome.folds for i, p in zip(f.ids, f.predictions, strict=True)}
    assert [found[network] for network in rest.ids] == pytest.approx(expected, abs=1e-12)


def test_leave_one_out_has_pooled_scores_only(small_zoo, make):
    [result] = make.results(small_zoo)
    assert result.split == "leave-one-out"
    assert result.scores.r2_fold_mean is None
    assert (result.scores.folds_scored, result.scores.folds_undefined) == (0, 12)
    assert result.scores.r2_pooled is not None


def test_folds_without_r2_are_left_out_and_counted(make, monkeypatch):
    monkeypatch.setattr(inputs, "FEWEST_IN_FOLD", 2)
    targets = {"a": 0.1, "b": 0.1, "c": 0.2, "d": 0.4, "e": 0.3}
    tests = [("a", "b"), ("d", "e")]
    signatures = {network: [value] for network, value in targets.items()}
    tests.append(("c",))
    outcome = cross_validate(signatures, targets, tests, LinearRegression())
    scores = make.score("partition", outcome.folds, outcome.fit, targets, 1)
    assert scores.r2_fold_mean == pytest.approx(1)
    assert (scores.folds_scored, scores.folds_undefined) == (1, 2)


def test_the_mean_by_hand_and_without_a_column(make):
    targets = {"a": 0.0, "b": 0.3, "c": 0.6}
    tests = [(network,) for network in targets]
    outcome = cross_validate(dict.fromkeys(targets, ()), targets, tests, DummyRegressor())
    scores = make.score("partition", outcome.folds, outcome.fit, targets, 0)
    assert [fold.predictions[0] for fold in outcome.folds] == pytest.approx([0.45, 0.3, 0.15])
    assert scores.r2_pooled == pytest.approx(1 - 2 * 0.45**2 / (2 * 0.3**2))
    # What the means of the other folds say, which run against the one left out, is no order.
    assert scores.pearson is None
    assert scores.fit_r2 == pytest.approx(0)
    assert scores.fit_adjusted_r2 == pytest.approx(0)
    assert scores.fit_pearson is None


def test_the_regressor_given_is_never_fitted(task, zoo):
    _, _, _, signatures, targets = task
    regressor = LinearRegression()
    cross_validate(signatures, targets, zoo.splits["kfold-10"].tests, regressor)
    assert not hasattr(regressor, "coef_")


class Stubborn(DummyRegressor):
    def fit(self, X, y):
        raise ValueError("two\nlines")


class Lost(DummyRegressor):
    def predict(self, X):
        return np.full(len(X), np.nan)


@pytest.mark.parametrize(
    ("regressor", "message"),
    [
        (Stubborn(), r"^the regressor Stubborn\(\) fails on fold 0 .*: two lines$"),
        (Lost(), "no finite prediction for every network of fold 0"),
    ],
)
def test_failing_regressors_are_named(task, zoo, regressor, message):
    _, _, _, signatures, targets = task
    with pytest.raises(PredictorError, match=message):
        cross_validate(signatures, targets, zoo.splits["kfold-10"].tests, regressor)


def test_wild_predictions_have_no_scores_and_no_warnings(make):
    targets = {"a": 0.0, "b": 0.5, "c": 1.0}
    tests = [(network,) for network in targets]
    wild = DummyRegressor(strategy="constant", constant=1e200)
    outcome = cross_validate(dict.fromkeys(targets, (1.0,)), targets, tests, wild)
    scores = make.score("partition", outcome.folds, outcome.fit, targets, 1)
    assert (scores.mse, scores.r2_pooled) == (None, None)


def test_the_rank_counts_independent_columns_only():
    generator = np.random.default_rng(0)
    column, y = generator.normal(size=(20, 1)), generator.normal(size=20)
    twice = np.hstack([column, column])
    for regressor in (LinearRegression(), LeastSquares()):
        found = linear_model(regressor.fit(twice, y), twice)
        assert (found.rank, found.lost) == (1, 1)
    levels = make_pipeline(OneHotEncoder(sparse_output=False), LinearRegression())
    classes = np.arange(20).reshape(-1, 1) % 4
    found = linear_model(levels.fit(classes, y), classes)
    assert (found.rank, found.lost) == (3, 0)


@pytest.mark.parametrize("step", [SelectKBest(f_regression, k=2), PCA(2)])
def test_columns_that_a_step_did_not_choose_are_not_lost(step):
    generator = np.random.RandomState(3)
    X, y = generator.normal(size=(30, 4)), generator.normal(size=30)
    found = linear_model(make_pipeline(step, LeastSquares()).fit(X, y), X)
    assert (found.rank, found.lost) == (2, 0)
    twice = np.hstack([X[:, :1], X[:, :1]])
    found = linear_model(make_pipeline(StandardScaler(), LeastSquares()).fit(twice, y), twice)
    assert (found.rank, found.lost) == (1, 1)


def test_a_large_column_hides_a_small_one_from_plain_linear_regression_only():
    generator = np.random.default_rng(1)
    margin, parameters = generator.uniform(0.02, 0.08, 40), generator.uniform(2e5, 2e7, 40)
    X, y = np.column_stack([margin, parameters]), 0.5 - 4 * margin
    assert linear_model(LeastSquares().fit(X, y), X).lost == 0
    found = linear_model(LinearRegression().fit(X, y), X)
    # scikit-learn 1.9 and later drop the small column; what they drop is counted.
    assert found.rank + found.lost == 2


@pytest.mark.parametrize(
    ("transforms", "lost"),
    [
        ([], 1),
        ([StandardScaler()], 1),
        ([SelectKBest(f_regression, k=2)], 0),
        ([PCA(2)], 0),
        ([make_pipeline(StandardScaler(), PCA(2))], 0),
        ([PCA(4)], 1),
    ],
    ids=["none", "scaled", "selected", "PCA", "nested", "all of PCA"],
)
@pytest.mark.parametrize("regressor", [LeastSquares(), LinearRegression()])
def test_columns_that_a_pipeline_does_not_pass_on_are_not_lost(transforms, lost, regressor):
    draw = np.random.RandomState(0)
    X = draw.normal(size=(20, 3))
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    y = X[:, 0] + 0.1 * X[:, 2] + 0.01 * draw.normal(size=20)
    if transforms and isinstance(transforms[0], PCA) and transforms[0].n_components == 4:
        # The fourth direction is rounding, and varies relative to its own size.
        lost = 1 if isinstance(regressor, LinearRegression) else 0
    fitted = make_pipeline(*transforms, regressor).fit(X, y)
    assert linear_model(fitted, X).lost == lost


def test_indicators_of_levels_are_not_lost():
    X = np.repeat([[0.0], [1.0], [2.0]], 4, axis=0)
    fitted = make_pipeline(OneHotEncoder(), LinearRegression()).fit(X, np.arange(12.0))
    assert linear_model(fitted, X).lost == 0


@pytest.mark.parametrize(
    "regressor",
    [LinearRegression(positive=True), make_pipeline(OneHotEncoder(), LinearRegression())],
)
def test_least_squares_without_a_rank_are_not_said_to_be_exact(regressor):
    ids = [f"n{number}" for number in range(8)]
    signatures = {network: (float(number % 2),) for number, network in enumerate(ids)}
    targets = {network: float(number) for number, network in enumerate(ids)}
    fitted = cross_validate(signatures, targets, [ids[:4], ids[4:]], regressor)
    assert not fitted.exact
    assert len(fitted.fit) == 8


class RoundsByLength(LinearRegression):
    """Predictions that depend in their last digits on how many are made, as those of a BLAS may."""

    def predict(self, X):
        return super().predict(X) * (1 + 1e-9 * len(X))


def test_a_prediction_stands_among_those_of_its_own_fold_however_they_round(task):
    targets = task[-1]
    signatures = {network: (target,) for network, target in targets.items()}
    tests = [[min(targets, key=targets.get)], [max(targets, key=targets.get)]]
    outcome = cross_validate(signatures, targets, tests, RoundsByLength())
    assert [fold.places for fold in outcome.folds] == [(1.0,), (float(len(targets)),)]
