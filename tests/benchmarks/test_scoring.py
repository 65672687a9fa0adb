"""What judging least-squares predictors costs beside fitting a clone on one fold after another."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import r2_score

import baselines
from demogen.format.splits import make_splits
from leaderboard.fitting import cross_validation
from leaderboard.scoring.bootstrap import intervals, resample_counts

NETWORKS = 756
PREDICTORS = 25
APART = {"inverse-margin", "mean-gap", "hyperparameters"}
"""No least squares, or fitted in two stages (both take the plain loop), or added with levels."""
DRAWS = 1000


@pytest.fixture(scope="module")
def zoo():
    """Splits, targets and configurations of made-up networks, two of each configuration."""
    draw = np.random.default_rng(0)
    ids = [f"network-{number:03}" for number in range(NETWORKS)]
    configurations = [f"c{number // 2:03}" for number in range(NETWORKS)]
    table = pd.DataFrame({"configuration": configurations}, index=pd.Index(ids, name="id"))
    splits = make_splits(table)
    y = draw.beta(2, 5, NETWORKS) / 2
    chosen = [splits["kfold-10"], splits["holdout-100"]]
    return chosen, dict(zip(ids, y.tolist(), strict=True)), configurations


@pytest.fixture(scope="module")
def tasks(zoo):
    """Regressors of 25 baselines, with signatures that tell something about the targets."""
    targets = zoo[1]
    gaps = np.array(list(targets.values()))
    draw = np.random.default_rng(1)
    known = sorted(
        (predictor for predictor in baselines.ALL if predictor.name not in APART),
        key=lambda predictor: -len(predictor.columns or ()),
    )
    found = []
    for predictor in known[: PREDICTORS - 1]:
        columns = len(predictor.columns) if predictor.columns else 1
        factors = np.column_stack([gaps, draw.normal(0, 0.1, (NETWORKS, 2))])
        X = np.exp(
            factors @ draw.normal(size=(3, columns)) + draw.normal(0, 0.1, (NETWORKS, columns))
        )
        found.append((predictor.regressor, X))
    hyperparameters = next(p for p in baselines.ALL if p.name == "hyperparameters")
    levels = draw.integers([3, 2, 3, 3, 2] + [1] * 20, size=(NETWORKS, 25))
    found.append((hyperparameters.regressor, levels.astype(float)))
    return [
        (regressor, dict(zip(targets, map(tuple, X.tolist()), strict=True)))
        for regressor, X in found
    ]


def score_split(zoo, tasks, together):
    splits, targets, _ = zoo
    return [
        cross_validation.run(signatures, targets, split.folds, regressor, together)
        for regressor, signatures in tasks
        for split in splits
    ]


def pooled(outcome, targets):
    predicted = {i: p for f in outcome.folds for i, p in zip(f.ids, f.predictions, strict=True)}
    return np.array([predicted[network] for network in targets])


def judge_with_intervals(zoo, tasks):
    splits, targets, configurations = zoo
    y = np.array(list(targets.values()))
    found = []
    for outcome in score_split(zoo, tasks, True)[:: len(splits)]:
        f = pooled(outcome, targets)
        found.append(intervals(y, f, configurations, ["r2"], DRAWS)["r2"])
    return [(interval.low, interval.high) for interval in found]


def judge_with_intervals_one_by_one(zoo, tasks):
    splits, targets, configurations = zoo
    y = np.array(list(targets.values()))
    found = []
    for outcome in score_split(zoo, tasks, False)[:: len(splits)]:
        f = pooled(outcome, targets)
        values = []
        for counts in resample_counts(configurations, DRAWS, seed=0):
            drawn = np.repeat(np.arange(NETWORKS), counts)
            values.append(r2_score(y[drawn], f[drawn]))
        found.append(tuple(np.quantile(values, [0.025, 0.975])))
    return found


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("one_hot", [False, True], ids=["columns", "columns-and-levels"])
def test_the_folds_of_25_least_squares_predictors(ratio, zoo, tasks, one_hot):
    # One-hot encoding takes the loop so long that one predictor of 25 would decide the ratio.
    chosen = tasks if one_hot else [*tasks[:-1], tasks[0]]
    spread = np.ptp(list(zoo[1].values()))
    for fast, slow in zip(
        score_split(zoo, chosen, True), score_split(zoo, chosen, False), strict=True
    ):
        for one, other in zip(fast.folds, slow.folds, strict=True):
            apart = np.abs(np.subtract(one.predictions, other.predictions)).max()
            assert apart < 1e-9 * spread
    ratio(
        f"25 least-squares predictors, one on {'levels' if one_hot else 'columns like the others'}"
        ", kfold-10 and holdout-100 of 756 networks, together / one fold after another "
        "(at most 0.1)",
        lambda: score_split(zoo, chosen, True),
        lambda: score_split(zoo, chosen, False),
        rounds=5,
    )


@pytest.mark.timeout(1800)
def test_the_folds_and_intervals_of_25_least_squares_predictors(ratio, zoo, tasks):
    chosen = [*tasks[:-1], tasks[0]]
    expected = judge_with_intervals_one_by_one(zoo, chosen)
    for found, wanted in zip(judge_with_intervals(zoo, chosen), expected, strict=True):
        assert found == pytest.approx(wanted, abs=1e-9)
    ratio(
        f"the same without levels, and R² of {DRAWS} bootstrap draws of the predictions of "
        "kfold-10, together / with scikit-learn's r2_score draw by draw (at most 0.1)",
        lambda: judge_with_intervals(zoo, chosen),
        lambda: judge_with_intervals_one_by_one(zoo, chosen),
        rounds=3,
    )
