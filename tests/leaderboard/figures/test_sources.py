import pytest

from demogen.errors import ZooError
from leaderboard.figures.sources import Sources, captions, details


def test_networks_at_equal_distances_in_the_order_of_the_gap(tiny_zoo):
    gaps = tiny_zoo.table["gap"]
    ids = Sources(tiny_zoo).spread(4)
    ordered = sorted(map(str, gaps.index), key=lambda network: (-gaps[network], network))
    assert ids == [ordered[place] for place in (0, 8, 15, 23)]
    assert Sources(tiny_zoo).spread(99) == ordered


def test_what_a_measure_cannot_give_is_one_line(tiny_zoo):
    network = tiny_zoo[tiny_zoo.ids[0]]
    with pytest.raises(ZooError, match=r"unit-sparsity on network nin-.* has no 'curves'; choose"):
        details("unit-sparsity", network, ["curves"])


def test_captions_tell_networks_apart():
    assert captions(["a-w4-0f", "a-w8-1e"]) == ["a-w4", "a-w8"]
    assert captions(["a-w4-0f", "a-w4-1e"]) == ["a-w4-0f", "a-w4-1e"]
