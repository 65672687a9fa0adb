"""Factors of a recipe's networks: the section that each belongs to, and its levels as text."""

from functools import lru_cache

from demogen._util.lookup import lookup
from demogen.errors import RecipeError
from demogen.schema.records import FAMILIES, Data, Frozen, NetworkSpec, Training, canonical_json

SECTIONS = ("architecture", "data", "training")


@lru_cache
def sections(family: str) -> dict[str, str]:
    """Factor → the section of a recipe that it belongs to.

    Raises:
        RecipeError: there is no such family of architectures.
    """
    architecture: type[Frozen] = lookup(family, FAMILIES, "architecture family", RecipeError)
    models: dict[str, type[Frozen]] = {
        "architecture": architecture,
        "data": Data,
        "training": Training,
    }
    return {name: part for part in SECTIONS for name in models[part].model_fields}


def level_of(spec: NetworkSpec, factor: str) -> str:
    """A network's level of a factor, as JSON.

    Raises:
        RecipeError: it is no column of a table.
    """
    factors = spec.factors()
    if factor not in factors:
        raise RecipeError(f"{factor} is no column of a table: networks cannot be chosen by it")
    return canonical_json(factors[factor])
