"""What a command line changes of a recipe: a part of its networks, other fixed settings."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from demogen._util.parsing import UnreadableError, toml_data
from demogen.errors import RecipeError
from zoo_recipes.recipe import Recipe

_WHERE = "FACTOR=LEVEL[,LEVEL]…"


def changed(
    recipe: Recipe, where: Iterable[str], settings: Mapping[str, Any], named: str | None = None
) -> tuple[Recipe, str]:
    """The recipe changed, and a name for its zoo that says how.

    Args:
        recipe: as it is published.
        where: "factor=level,level" texts: only networks with one of these levels.
        settings: fixed settings that are to be others.
        named: the recipe's own variant that is changed, instead of the recipe itself.

    Raises:
        RecipeError: a text of another form, an unknown factor or level, an impossible value.

    >>> from zoo_recipes.recipe import load_recipe
    >>> recipe, name = changed(load_recipe("digits"), ["width=32", "l2=0.0"], {"epochs": 2})
    >>> recipe.count, name
    (24, 'digits-width32-l2_0.0-epochs2')
    """
    parts = [recipe.name]
    if named is not None:
        recipe = recipe.variant(named)
        parts.append(named)
    where = list(where)
    levels = chosen_levels(where)
    parts += [_readable(*_halves(text, _WHERE)) for text in where]
    if levels:
        recipe = recipe.where(levels)
    if settings:
        recipe = recipe.with_settings(**settings)
        parts += [_readable(name, str(value)) for name, value in settings.items()]
    recipe.networks()
    return recipe, "-".join(parts)


def chosen_levels(where: Iterable[str]) -> dict[str, list[Any]]:
    """Factor → levels from "factor=level,level" texts; a factor named twice has the levels of both.

    Raises:
        RecipeError: a text of another form.

    >>> chosen_levels(["config.activation=relu,tanh", "width=64"])
    {'config.activation': ['relu', 'tanh'], 'width': [64]}
    """
    levels: dict[str, list[Any]] = {}
    for text in where:
        factor, listed = _halves(text, _WHERE)
        levels.setdefault(factor, []).extend(_values(listed))
    return levels


def parsed_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Settings from "setting=value" texts, values as in TOML; a bare word is a string.

    >>> parsed_settings(["train_size=2500", "optimizer=adam", 'augmentation=["flip"]'])
    {'train_size': 2500, 'optimizer': 'adam', 'augmentation': ['flip']}
    """
    return {
        name: _value(value) for name, value in (_halves(text, "SETTING=VALUE") for text in texts)
    }


def _halves(text: str, form: str) -> tuple[str, str]:
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise RecipeError(f"{text!r} is not of the form {form}")
    return name, value


def _values(text: str) -> list[Any]:
    try:
        listed: list[Any] = toml_data(f"values = [{text}]")["values"]
    except UnreadableError:
        return [_value(part.strip()) for part in text.split(",")]
    return listed


def _value(text: str) -> Any:
    try:
        return toml_data(f"value = {text}")["value"]
    except UnreadableError:
        return text


def _readable(name: str, value: str) -> str:
    """A part of a file name; an underscore where digits would meet digits of the name."""
    plain = re.sub(r"[^a-z0-9.+]+", "+", value.lower()).strip("+") or "none"
    return f"{name}_{plain}" if name[-1].isdigit() else f"{name}{plain}"
