"""What one user does to what a zoo gives changes nothing for another."""

from contextlib import suppress

import pytest

import demogen
import leaderboard


@pytest.fixture(params=["zoo", "pool", "part"])
def networks(request, tiny_zoo_folder, mlp_zoo_folder):
    zoo = demogen.load_zoo(tiny_zoo_folder)
    if request.param == "pool":
        return demogen.Pool([zoo, demogen.load_zoo(mlp_zoo_folder)])
    return zoo if request.param == "zoo" else zoo[:20]


def test_a_changed_table_is_its_owners_alone(networks):
    before = networks.table["gap"].tolist()
    table = networks.table
    table["gap"] *= 100
    table.loc[table.index[0], "width"] = -1
    table.drop(columns="test_accuracy", inplace=True)
    # Where pandas gives the numbers themselves, they are read-only.
    for array in (networks.table["gap"].to_numpy(), networks.table["gap"].values):
        with suppress(ValueError):
            array[...] = 7.0
    assert networks.table["gap"].tolist() == before
    assert (networks.table["width"].dropna() != -1).all()
    assert "test_accuracy" in networks.table


def test_scores_do_not_depend_on_what_was_done_to_a_table(tiny_zoo_folder):
    zoo = demogen.load_zoo(tiny_zoo_folder)
    count = demogen.get_predictor("parameter-count")
    [before] = leaderboard.benchmark([count], zoo, splits=["leave-one-out"], cache=False)
    table = zoo.table
    table["gap"] *= 100
    [after] = leaderboard.benchmark([count], zoo, splits=["leave-one-out"], cache=False)
    assert after.scores == before.scores
