"""This package's entry point "demogen.collections", for packages that must not import recipes."""

from collections.abc import Collection
from typing import Any

from demogen.schema.collections import PublishedCollection
from zoo_recipes.recipe import Recipe, list_recipes, read_recipe


def collections(names: Collection[str] = ()) -> list[PublishedCollection]:
    """Collections that a paper prints numbers of, and those called `names`, sorted by name.

    Only these are made: listing all networks of all recipes would take many seconds.
    """
    recipes = (read_recipe(name) for name in list_recipes())
    return [in_full(each) for each in recipes if each.printed_results or each.name in names]


def in_full(recipe: Recipe) -> PublishedCollection:
    """A recipe's networks, levels and printed numbers; every network is made.

    Raises:
        RecipeError: a network's settings are not possible.
    """
    rows = [spec.factors() for spec in recipe.networks()]
    # The networks of one recipe are of one family, so that each row has every factor.
    factors = [factor for factor in rows[0] if factor != "seed"]
    return PublishedCollection(
        name=recipe.name,
        paper=recipe.paper,
        networks=len(rows),
        levels={
            factor: tuple(dict.fromkeys(_hashable(row[factor]) for row in rows))
            for factor in factors
        },
        printed_results=recipe.printed_results,
    )


def _hashable(level: Any) -> Any:
    return tuple(level) if isinstance(level, list) else level
