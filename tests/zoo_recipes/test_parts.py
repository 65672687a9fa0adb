from collections import Counter

import pytest

from demogen.errors import RecipeError
from tests.zoo_recipes.builders import tiny
from zoo_recipes import load_recipe
from zoo_recipes.parts import Shard


def test_shards_divide_the_networks():
    networks = load_recipe("nin-cifar10").networks()
    parts = [Shard(number, 10).of(networks) for number in range(1, 11)]
    assert sorted(len(part) for part in parts) == [21] * 4 + [22] * 6
    ids = [spec.id for part in parts for spec in part]
    assert sorted(ids) == sorted(spec.id for spec in networks)


def test_each_shard_is_spread_over_the_grid():
    for number in (1, 2, 3):
        part = Shard(number, 3).of(load_recipe("nin-cifar10").networks())
        for factor in ("width", "batch_norm", "dropout", "l2", "copy_number"):
            counts = Counter(spec.factors()[factor] for spec in part)
            fair = len(part) / len(counts)
            assert all(0.6 * fair < count < 1.4 * fair for count in counts.values()), factor


def test_a_larger_limit_only_adds_to_a_shard():
    recipe = load_recipe("nin-cifar10")
    part = [{spec.id for spec in Shard(2, 5).of(recipe.first(limit))} for limit in (20, 60, None)]
    assert part[0] < part[1] < part[2]


def test_more_shards_than_networks_leave_some_empty():
    assert [len(Shard(number, 13).of(tiny().networks())) for number in (1, 12, 13)] == [1, 1, 0]


@pytest.mark.parametrize("text", ["0/10", "11/10", "1/0", "0/0"])
def test_there_is_no_such_shard(text):
    with pytest.raises(RecipeError, match=f"^there is no shard {text}: of ten"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["x", "", "2", "2/", "-1/10", "1/2/3", "2 / 10", "2/10\n", "²/10"])
def test_what_is_no_shard_is_one_clear_line(text):
    with pytest.raises(RecipeError, match="is not written as 2/10"):
        Shard.parse(text)
