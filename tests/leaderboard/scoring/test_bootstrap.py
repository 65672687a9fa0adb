import math

import numpy as np
import pytest

from leaderboard.scoring import bootstrap, metrics, resampled
from leaderboard.scoring.bootstrap import compare, intervals, resample_counts
from leaderboard.scoring.scores import STATISTICS

GROUPS = [f"c{number // 2}" for number in range(60)]
DRAW = np.random.default_rng(13)
TARGETS = DRAW.beta(2, 5, 60) / 2
GOOD = TARGETS + DRAW.normal(0, 0.02, 60)
BAD = TARGETS + DRAW.normal(0, 0.2, 60)
R2 = STATISTICS["r2"]


def only(*names):
    return {name: STATISTICS[name] for name in names}


def test_whole_groups_are_drawn_as_often_as_there_are_groups():
    groups = ["b", "a", "b", "c", "a", "b"]
    counts = resample_counts(groups, 200, seed=5)
    assert counts.shape == (200, 6)
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, 0] == counts[:, 5]).all()
    assert (counts[:, 1] == counts[:, 4]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert (counts.sum(axis=1) != 6).any()
    drawn = np.random.RandomState(5).randint(3, size=(200, 3))
    for number, name in enumerate("abc"):
        assert counts[:, groups.index(name)].tolist() == (drawn == number).sum(axis=1).tolist()


def test_draws_follow_the_seed_and_not_the_order_of_networks():
    counts = resample_counts(GROUPS, 50, seed=1)
    assert np.array_equal(counts, resample_counts(GROUPS, 50, seed=1))
    assert not np.array_equal(counts, resample_counts(GROUPS, 50, seed=2))
    order = np.random.default_rng(0).permutation(60)
    moved = resample_counts([GROUPS[i] for i in order], 50, seed=1)
    assert np.array_equal(moved, counts[:, order])
    assert resample_counts([], 4, seed=0).shape == (4, 0)


def test_intervals_are_quantiles_of_statistics_of_repeated_networks():
    found = intervals(TARGETS, GOOD, GROUPS, STATISTICS, draws=40, seed=3)
    assert list(found) == list(STATISTICS)
    counts = resample_counts(GROUPS, 40, seed=3)
    for name, interval in found.items():
        plain = getattr(metrics, name)
        values = [plain(np.repeat(TARGETS, row), np.repeat(GOOD, row)) for row in counts]
        assert interval.estimate == plain(TARGETS, GOOD)
        assert [interval.low, interval.high] == pytest.approx(np.quantile(values, [0.025, 0.975]))
        assert interval.low < interval.estimate < interval.high
        assert interval.undefined == 0


def test_the_interval_of_a_mean_is_that_of_the_central_limit():
    draw = np.random.default_rng(17)
    errors = draw.normal(size=400)
    interval = intervals(errors, np.zeros(400), [str(i) for i in range(400)], only("mse"), 4000)[
        "mse"
    ]
    spread = np.std(errors**2) / np.sqrt(400)
    # The ends of 4,000 draws are known to some 4 % of the spread; four times that is allowed.
    assert interval.low == pytest.approx(np.mean(errors**2) - 1.96 * spread, abs=0.2 * spread)
    assert interval.high == pytest.approx(np.mean(errors**2) + 1.96 * spread, abs=0.2 * spread)


def test_copies_add_no_evidence():
    names = [f"{number:02d}" for number in range(60)]
    once = intervals(TARGETS, GOOD, names, only("r2", "pearson"), 300)
    thrice = intervals(np.tile(TARGETS, 3), np.tile(GOOD, 3), names * 3, only("r2", "pearson"), 300)
    apart = intervals(
        np.tile(TARGETS, 3), np.tile(GOOD, 3), [f"{i:03d}" for i in range(180)], only("r2"), 300
    )
    for name in once:
        assert thrice[name].low == pytest.approx(once[name].low, rel=1e-9)
        assert thrice[name].high == pytest.approx(once[name].high, rel=1e-9)
    width = once["r2"].high - once["r2"].low
    assert apart["r2"].high - apart["r2"].low < 0.75 * width


def test_undefined_draws_are_counted():
    groups = ["a", "a", "b", "b"]
    counts = resample_counts(groups, 500, seed=0)
    single = int(((counts == 0).any(axis=1)).sum())
    assert 100 < single < 400
    found = intervals([0.1, 0.1, 0.3, 0.3], [0.1, 0.2, 0.3, 0.4], groups, STATISTICS, draws=500)
    undefined = {name: interval.undefined for name, interval in found.items()}
    defined = {"mse": 0, "rmse_points": 0}
    assert undefined == dict.fromkeys(STATISTICS, single) | defined
    assert found["r2"].low == found["r2"].high == pytest.approx(found["r2"].estimate)
    compared = compare([0.1, 0.1, 0.3, 0.3], [0.1, 0.2, 0.3, 0.4], [0.2] * 4, groups, R2, draws=500)
    assert compared.difference.undefined == single
    assert compared.first_better == 1


def test_what_is_nowhere_defined_has_no_interval():
    for targets, predictions, groups in ([[0.3, 0.3], [0.1, 0.2], ["a", "b"]], [[], [], []]):
        interval = intervals(targets, predictions, groups, only("r2"), draws=20)["r2"]
        assert all(map(math.isnan, (interval.estimate, interval.low, interval.high)))
        assert interval.undefined == 20
    compared = compare([0.3, 0.3], [0.1, 0.2], [0.1, 0.3], ["a", "b"], R2, draws=20)
    assert math.isnan(compared.first_better)
    assert compared.difference.undefined == 20


@pytest.mark.parametrize("statistic", STATISTICS)
def test_the_better_predictor_wins_in_all_draws(statistic):
    found = compare(TARGETS, GOOD, BAD, GROUPS, STATISTICS[statistic], draws=200)
    swapped = compare(TARGETS, BAD, GOOD, GROUPS, STATISTICS[statistic], draws=200)
    assert found.first_better == 1
    assert swapped.first_better == 0
    larger = STATISTICS[statistic].larger_is_better
    assert (found.difference.low > 0) if larger else (found.difference.high < 0)
    assert found.difference.low == pytest.approx(-swapped.difference.high)
    plain = STATISTICS[statistic].plain
    estimate = plain(TARGETS, GOOD) - plain(TARGETS, BAD)
    assert found.difference.estimate == pytest.approx(estimate, rel=1e-12)


def test_equal_predictors_share_every_draw():
    same = compare(TARGETS, GOOD, GOOD, GROUPS, R2, draws=50)
    assert (same.first_better, same.difference.low, same.difference.high) == (0.5, 0, 0)
    # Correlations do not see a scale, but rounding does.
    scaled = compare(TARGETS, GOOD, 3 * GOOD + 1, GROUPS, STATISTICS["pearson"], draws=50)
    assert scaled.first_better == 0.5


def test_both_predictors_are_judged_on_the_same_draws():
    close = GOOD + np.random.default_rng(1).normal(0, 0.002, 60)
    found = compare(TARGETS, GOOD, close, GROUPS, STATISTICS["mse"], draws=100, seed=4)
    counts = resample_counts(GROUPS, 100, seed=4)
    differences = counts @ ((TARGETS - GOOD) ** 2 - (TARGETS - close) ** 2) / counts.sum(axis=1)
    ends = np.quantile(differences, [0.025, 0.975])
    assert [found.difference.low, found.difference.high] == pytest.approx(ends, rel=1e-9)
    assert found.first_better == np.mean(differences < 0)
    assert 0 < found.first_better < 1


def test_faults_are_named():
    with pytest.raises(ValueError, match=r"shape \(59,\) for 60 networks"):
        intervals(TARGETS, GOOD[1:], GROUPS, STATISTICS)
    with pytest.raises(ValueError, match="finite targets and predictions"):
        compare(TARGETS, GOOD, np.where(TARGETS > 0.2, np.nan, BAD), GROUPS, R2)


def test_draws_taken_a_few_at_a_time_are_the_same(monkeypatch):
    draw = np.random.RandomState(8)
    targets, predictions = draw.standard_normal((2, 40))
    groups = [str(number // 2) for number in range(40)]
    found = []
    for most in (2**24, 7 * 40):
        monkeypatch.setattr(bootstrap, "_COUNTS_AT_ONCE", most)
        monkeypatch.setattr(resampled, "_COUNTS_AT_ONCE", most)
        monkeypatch.setattr(resampled, "_VALUES_AT_ONCE", most // 40)
        bootstrap._resample_counts.cache_clear()
        found.append(bootstrap.intervals(targets, predictions, groups, STATISTICS, draws=50))
    for name, whole in found[0].items():
        by_parts = found[1][name]
        assert (by_parts.low, by_parts.high) == pytest.approx((whole.low, whole.high), rel=1e-12)
    bootstrap._resample_counts.cache_clear()
