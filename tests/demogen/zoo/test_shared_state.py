"""What a user changes in what a zoo gave is the user's alone."""

import contextlib

import pytest
import torch

import demogen
import leaderboard
from demogen import Network, NotMeasurable
from demogen.images.image_set import load_images


@pytest.fixture(params=["zoo", "pool", "part"])
def networks(request, tiny_zoo, mlp_zoo_folder):
    if request.param == "pool":
        return demogen.Pool([tiny_zoo, demogen.load_zoo(mlp_zoo_folder)])
    return tiny_zoo if request.param == "zoo" else tiny_zoo[:10]


def test_a_changed_table_changes_no_other(networks):
    before = networks.table
    table = networks.table
    table["gap"] *= 100
    table.loc[table.index[0], "width"] = 77
    for write in (
        lambda t: t["gap"].values,
        lambda t: t["gap"].to_numpy(),
        lambda t: t["width"].array,
    ):
        # pandas 3 gives arrays that cannot be written to.
        with contextlib.suppress(ValueError):
            write(networks.table)[...] = 5
    assert networks.table.equals(before)


def test_images_that_a_measure_changed_are_no_longer_given():
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    network = Network.of(module, torch.rand(8, 1, 2, 2), torch.zeros(8, dtype=torch.int64))
    assert len(network.train) == 8
    network.train.images.sub_(1)
    with pytest.raises(NotMeasurable, match="changed in place"):
        _ = network.train


def test_scores_do_not_depend_on_what_was_done_to_a_table(tiny_zoo_folder):
    zoo = demogen.load_zoo(tiny_zoo_folder)
    count = demogen.get_predictor("parameter-count")
    [before] = leaderboard.benchmark([count], zoo, splits=["grouped-kfold-10"], cache=False)
    table = zoo.table
    table["gap"] *= 100
    [after] = leaderboard.benchmark([count], zoo, splits=["grouped-kfold-10"], cache=False)
    assert after.scores == before.scores


def test_an_image_set_that_somebody_changed_is_read_anew():
    before = load_images("digits").train.images.clone()
    load_images("digits").train.images.zero_()
    load_images("digits").test.labels.add_(1)
    assert load_images("digits").train.images.equal(before)
    assert int(load_images("digits").test.labels.max()) == 9
    assert load_images("digits") is load_images("digits")
