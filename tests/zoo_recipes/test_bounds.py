import pytest

from demogen._util import limits
from demogen.errors import RecipeError
from zoo_recipes.bounds import check_size
from zoo_recipes.recipe import Recipe

BASE = {
    "name": "x",
    "summary": "",
    "repository": "a/b",
    "paper": {"key": "k", "title": "t", "section": "s"},
    "architecture": {"family": "mlp", "depth": 2},
    "data": {"images": "mnist"},
}


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"grid": {"width": [3]}, "copies": 10**9}, "has 1,000,000,000 networks"),
        ({"grid": {"width": [3]}, "copies": 10**90}, "more than 10.12 networks"),
        (
            {
                "grid": {
                    "width": list(range(1, 1001)),
                    "l2": [number / 1e4 for number in range(1000)],
                    "learning_rate": [number / 1e4 for number in range(1, 1001)],
                }
            },
            "has 1,000,000,000 networks",
        ),
        ({"grid": {"width": list(range(1, 2000))}}, "grid.width"),
        (
            {
                "grid": {"width": list(range(1, 1001)), "batch_size": list(range(1, 51))},
                "when": [{"levels": {"width": n}, "settings": {"l2": 0.1}} for n in range(1, 500)],
            },
            "more than the 5,000,000 values",
        ),
    ],
    ids=["copies", "many copies", "grid", "levels", "rules"],
)
def test_recipes_without_end_are_refused_before_anything_is_made_of_them(part, said):
    with pytest.raises((RecipeError, ValueError), match=said):
        Recipe.model_validate({**BASE, **part})


def test_a_design_that_takes_too_long_is_refused():
    grid = {
        "width": list(range(1, 1000)),
        "l2": [number / 1e4 for number in range(50)],
        "learning_rate": [number / 1e4 for number in range(1, 50)],
        "batch_size": [16, 32, 64],
    }
    recipe = Recipe.model_validate({**BASE, "grid": grid, "design": {"cells": 1000}})
    with pytest.raises(RecipeError, match="1000 cells of 4 factors take too long to balance"):
        recipe.networks()


def test_the_largest_recipe_is_accepted():
    check_size("x", limits.RECIPE_NETWORKS // 10, 10, [{"a": [1, 2]}])
    with pytest.raises(RecipeError, match="50,010 networks"):
        check_size("x", limits.RECIPE_NETWORKS // 10 + 1, 10, [])
