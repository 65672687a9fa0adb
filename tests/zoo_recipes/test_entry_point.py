import pytest

from tests.zoo_recipes.published import PUBLISHED, load_cached
from zoo_recipes.entry_point import collections, in_full
from zoo_recipes.recipe import list_recipes, read_recipe

PRINTED = {name for name in list_recipes() if read_recipe(name).printed_results}


def test_offered_is_what_papers_print_numbers_of_and_what_is_asked_for():
    assert set(list_recipes()) > PRINTED
    found = collections({"digits", "nothing-of-the-kind"})
    assert [one.name for one in found] == sorted({*PRINTED, "digits"})
    assert {one.name: one.printed_results for one in found} == {
        one.name: read_recipe(one.name).printed_results for one in found
    }


@pytest.mark.parametrize("name", ["nin-cifar10", "resnet32-cifar100", "vgg16-imagenet", "digits"])
def test_levels_and_numbers_are_those_of_the_paper(name):
    networks, varied, fixed = PUBLISHED[name]
    found = in_full(load_cached(name))
    assert found.networks == networks
    assert found.paper == load_cached(name).paper
    for factor, levels in varied.items():
        plain = [tuple(level) if isinstance(level, list) else level for level in levels]
        assert sorted(found.levels[factor]) == sorted(plain)
    for factor, level in fixed.items():
        assert found.levels[factor] == (tuple(level) if isinstance(level, list) else level,)
    assert "seed" not in found.levels
