"""What a constant, a perfect and a reversed measure score on every split: skill, and no skill."""

import numpy as np
import pandas as pd
import pytest

from leaderboard.scoring import METRICS, inputs
from leaderboard.scoring.granulated import granulated_kendall
from leaderboard.scoring.inputs import FEWEST_IN_FOLD

FACTORS = {
    "width": lambda configuration: [8, 16, 32, 64][configuration % 4],
    "l2": lambda configuration: [0.0, 0.1][configuration // 4 % 2],
    "dropout": lambda configuration: [0.0, 0.2][configuration // 8 % 2],
}


@pytest.fixture(scope="module", params=[16, 4], ids=["48 networks", "12 networks"])
def grid(make, request):
    """The smaller one has leave-one-out alone."""
    return make.zoo(request.param, factors=FACTORS)


def scores_of(make, zoo, measure):
    """Split → scores of a predictor whose measure has one column."""
    gap = zoo.table["gap"].sort_index()
    results = make.results(zoo, table=pd.DataFrame({"value": measure(gap)}, index=gap.index))
    return {result.split: result.scores for result in results}


def of_partitions(by_split):
    return {name: scores for name, scores in by_split.items() if name != "holdout-100"}


def test_a_constant_has_no_skill_on_any_split(make, grid):
    for split, scores in of_partitions(scores_of(make, grid, lambda gap: 0.1 + 0 * gap)).items():
        # Each prediction is the mean gap of the other folds: no order of the networks.
        assert (scores.kendall, scores.spearman, scores.pearson) == (None, None, None), split
        assert scores.information == pytest.approx(0, abs=1e-12), split
        assert scores.granulated_kendall == scores.granulated_kendall_cells == 0, split
        assert scores.sign_error_worst in (0.5, None), split
        assert scores.r2_pooled < 0, split


@pytest.mark.parametrize("others", [1, 2])
def test_a_measure_that_is_constant_but_for_a_network_or_two_has_no_skill(make, grid, others):
    networks = len(grid.table)
    # A column of two values orders the networks of one against all others and no more.
    most = np.sqrt(2 * others * (networks - others) / (networks * (networks - 1))) + 1e-9
    ids = list(grid.table.index.sort_values())
    for first in range(0, networks - others + 1, 5):
        few = np.isin(ids, ids[first : first + others])
        for split, scores in of_partitions(
            scores_of(make, grid, lambda gap, few=few: 0.1 + 0.02 * few)
        ).items():
            where = (split, first)
            assert scores.kendall is None or scores.kendall <= most, where
            assert scores.pearson is None or scores.pearson <= most + 0.2, where
            assert scores.information is None or scores.information <= 1.5 * others / networks, (
                where
            )
            assert scores.granulated_kendall_cells <= 0.5, where
            assert scores.sign_error_worst is None or scores.sign_error_worst >= 0.3, where


def test_a_fit_that_only_turns_the_order_around_is_no_information(make, grid):
    gap = grid.table["gap"].sort_index()
    # Of two networks that differ from all others, each is predicted by the other one.
    ends = np.isin(np.arange(len(gap)), [gap.argmin(), gap.argmax()])
    found = scores_of(make, grid, lambda gap: 0.1 + 0.0 * gap + ends)
    turned = [scores for scores in of_partitions(found).values() if (scores.kendall or 0) < 0]
    assert turned
    for scores in turned:
        assert (scores.information, scores.information_given) == (None, None)
    assert "τ_b below 0" in METRICS["information"].undefined


def test_a_measure_is_compared_once_for_all_splits(make, grid, monkeypatch):
    calls = []
    original = inputs.pgdl_score
    monkeypatch.setattr(inputs, "pgdl_score", lambda *args: calls.append(1) or original(*args))
    noise = np.random.RandomState(5).normal(0, 0.05, len(grid.table))
    assert len(scores_of(make, grid, lambda gap: gap + noise)) >= 1
    assert calls == [1]


def test_predictions_that_turn_networks_around_have_no_information(make, grid):
    """A measure without a relation: left-one-out slopes run against the network left out."""
    draw = np.random.RandomState(0)
    size, ids = len(grid.table), sorted(grid.table.index)
    found = []
    for _ in range(6):
        noise = pd.Series(draw.standard_normal(size), ids)
        found += of_partitions(scores_of(make, grid, lambda gap, of=noise: of[gap.index])).values()
    negative = [scores for scores in found if scores.kendall < 0]
    assert 0 < len(negative) < len(found)
    for scores in found:
        assert (scores.information is None) == (scores.information_given is None)
        assert (scores.information is None) == (scores in negative)


def test_the_constant_measure_itself_has_none_either(make, grid):
    for scores in scores_of(make, grid, lambda gap: 0.1 + 0 * gap).values():
        assert (scores.measure_kendall, scores.measure_spearman) == (None, None)
        assert scores.measure_granulated == 0
        assert scores.measure_information == pytest.approx(0, abs=1e-12)
        # Undefined where a single factor varies: the competition's keys are of two.
        assert scores.measure_pgdl in (None, pytest.approx(0, abs=1e-9))
        assert scores.measure_sign_error_max in (0.5, None)


def test_a_perfect_measure_keeps_its_order_on_every_split(make, grid):
    for split, scores in scores_of(make, grid, lambda gap: gap).items():
        if split != "holdout-100":
            assert scores.kendall == pytest.approx(1), split
            assert scores.pearson == pytest.approx(1), split
            assert scores.information == pytest.approx(1), split
            assert scores.sign_error_worst in (0.0, None), split
        assert scores.measure_kendall == pytest.approx(1)
        assert scores.measure_information == pytest.approx(1)
        assert scores.measure_granulated == pytest.approx(1)


def test_the_sign_of_a_measure_is_as_measured(make, grid):
    for split, scores in scores_of(make, grid, lambda gap: -3 * gap).items():
        assert scores.measure_kendall == pytest.approx(-1)
        assert scores.measure_granulated == pytest.approx(-1)
        # Information does not see direction, and a regressor turns it around.
        assert scores.measure_information == pytest.approx(1)
        if split != "holdout-100":
            assert scores.kendall == pytest.approx(1), split


def test_a_measure_scores_the_same_whatever_the_split(make, grid):
    draw = np.random.default_rng(0)
    noise = draw.normal(0, 0.05, len(grid.table))
    found = [
        {name: value for name, value in scores.model_dump().items() if name.startswith("measure_")}
        for scores in scores_of(make, grid, lambda gap: gap + noise).values()
    ]
    assert all(one == found[0] for one in found)
    assert 0 < found[0]["measure_kendall"] < 1


def test_several_columns_have_no_order_of_their_own(make, grid):
    [first, *_] = make.results(grid, columns=3)
    own = {name: v for name, v in first.scores.model_dump().items() if name.startswith("measure_")}
    assert set(own.values()) == {None}


def test_a_mean_over_folds_needs_networks_in_them(make):
    few, enough = make.zoo(20, copies=1), make.zoo(10 * FEWEST_IN_FOLD, copies=1)
    [of_two] = make.results(few, splits=["kfold-10"])
    assert of_two.scores.r2_fold_mean is None
    assert (of_two.scores.folds_scored, of_two.scores.folds_undefined) == (0, 10)
    assert make.results(enough, splits=["kfold-10"])[0].scores.r2_fold_mean is not None


def test_cells_weigh_alike_however_many_networks_are_left_in_them():
    # Two settings of "l2": three widths in one, which agree; two in the other, which do not.
    width, l2 = [1, 2, 3, 1, 2], [0, 0, 0, 1, 1]
    targets, predictions = [0.1, 0.2, 0.3, 0.5, 0.6], [1.0, 2.0, 3.0, 9.0, 8.0]
    found = granulated_kendall(targets, predictions, {"width": width, "l2": l2})
    assert found.by_factor["width"] == pytest.approx((3 * 1 + 1 * -1) / 4)
    assert found.by_factor_of_cells["width"] == pytest.approx((1 + -1) / 2)
    # Of l2, both cells (widths 1 and 2) have one pair, ordered rightly.
    assert found.by_factor_of_cells["l2"] == found.by_factor["l2"] == 1
    assert found.mean_of_cells == pytest.approx((0 + 1) / 2)
