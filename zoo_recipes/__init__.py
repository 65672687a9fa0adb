"""Published collections of networks as recipes, and the engine that trains them into zoos."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo_recipes.building import build_zoo, plan_zoo
    from zoo_recipes.recipe import Recipe, list_recipes, load_recipe
    from zoo_recipes.training import train_network

_MODULE_OF = {
    "Recipe": "recipe",
    "build_zoo": "building",
    "list_recipes": "recipe",
    "load_recipe": "recipe",
    "plan_zoo": "building",
    "train_network": "training",
}

__all__ = ["Recipe", "build_zoo", "list_recipes", "load_recipe", "plan_zoo", "train_network"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"zoo_recipes.{_MODULE_OF[name]}"), name)
    raise AttributeError(f"module 'zoo_recipes' has no attribute {name!r}")
