"""How large a recipe may be, known from the numbers of its levels before anything is made of it."""

from collections.abc import Iterable
from typing import Any

from demogen._util.limits import RECIPE_NETWORKS, RECIPE_VALUES
from demogen.errors import RecipeError


def check_size(name: str, configurations: int, copies: int, settings: Iterable[Any]) -> None:
    """Refuse a recipe of too many networks, or of too many settings for each of them.

    Args:
        name: of the recipe, in messages.
        configurations: how many it has.
        copies: networks of each.
        settings: all that is looked at for each configuration.

    Raises:
        RecipeError: it is too large.
    """
    networks = configurations * copies
    if networks > RECIPE_NETWORKS:
        count = f"{networks:,}" if networks < 10**12 else "more than 10^12"
        raise RecipeError(
            f"recipe {name}: it has {count} networks, and a recipe has at most "
            f"{RECIPE_NETWORKS:,}; take a part of the grid by [design] or [sample], or divide it "
            "into several recipes"
        )
    if configurations * sum(map(size, settings)) > RECIPE_VALUES:
        raise RecipeError(
            f"recipe {name}: {configurations:,} configurations of so many settings and rules are "
            f"more than the {RECIPE_VALUES:,} values that a recipe may have; divide it into "
            "several recipes"
        )


def size(settings: Any) -> int:
    """How many values some settings hold, at any depth.

    >>> size({"width": [4, 8], "family": "nin"})
    3
    """
    if isinstance(settings, dict):
        return sum(map(size, settings.values()))
    return sum(map(size, settings)) if isinstance(settings, list | tuple) else 1
