import pandas as pd
import pytest

from leaderboard.figures.matched_pairs import mean_over_copies, pairs
from tests.leaderboard.figures.made_up_zoos import crossed


def test_means_are_over_the_copies_of_a_configuration():
    table = pd.DataFrame({"configuration": ["a", "b", "a", "c", "c"]}, index=list("vwxyz"))
    sides = mean_over_copies(table, {"v": 1.0, "x": 4.0, "w": 5.0, "y": 6.0})
    assert set(sides) == {"a", "b"}
    assert (sides["a"].mean.item(), sides["a"].error.item()) == pytest.approx((2.5, 1.5))
    assert (sides["b"].mean.item(), sides["b"].error.item()) == (5, 0)


def test_pairs_differ_in_one_setting_and_what_goes_with_it():
    one_each = crossed().table.drop_duplicates("configuration").set_index("configuration")
    for factor, first, second, count, may_differ in (
        ("corruption", 0.0, 1.0, 16, {"corruption_seed"}),
        ("optimizer", "momentum", "lbfgs", 24, {"learning_rate"}),
        ("activation", "relu", "hardsigmoid", 24, set()),
    ):
        found = pairs(crossed().table, factor, first, second)
        assert len(found) == count
        assert len(set(found)) == len(found)
        for one, other in found:
            assert (one_each[factor][one], one_each[factor][other]) == (first, second)
            ignored = {factor, "gap", "seed", "copy_number", *may_differ}
            left, right = (one_each.loc[name].drop(list(ignored)) for name in (one, other))
            assert left.map(str).tolist() == right.map(str).tolist()
