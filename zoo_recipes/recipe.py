"""TOML → Recipe → list of NetworkSpec. A recipe is data: a new collection needs no code."""

import difflib
import itertools
import tomllib
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self, final

from pydantic import Field, ValidationError, model_validator

from demogen.errors import RecipeError
from demogen.image_sets import IMAGE_SETS
from demogen.names import choose
from demogen.schema import (
    FAMILIES,
    Data,
    Frozen,
    NetworkSpec,
    Paper,
    Training,
    canonical_json,
    factor_types,
    first_fault,
    sha256,
)

_SECTIONS = ("architecture", "data", "training")


@final
class Recipe(Frozen):
    """A published collection of networks: what is fixed, what varies, and what the paper printed.

    Attributes:
        name: the collection's name, and its zoo's.
        repository: where the zoo is published on the Hugging Face Hub.
        seed: every network's own seed is derived from it, the configuration and the copy.
        architecture: fixed settings, as all of `data` and `training`.
        grid: factor → levels; the networks are their product, the last factor varying fastest.
        copies: networks of each configuration, which differ in the seed only.
        choices: what the paper leaves open and what was chosen.
        printed_results: the paper's numbers, predictor → statistic → value.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
    summary: str
    repository: str
    seed: int = 0
    paper: Paper
    architecture: dict[str, Any]
    data: dict[str, Any]
    training: dict[str, Any] = {}
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = {}
    copies: Annotated[int, Field(ge=1)] = 1
    choices: tuple[str, ...] = ()
    printed_results: dict[str, dict[str, float]] = {}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        for factor in self.grid:
            self._section_of(factor)
        choose(str(self.data.get("images")), IMAGE_SETS, "image set", RecipeError)
        return self

    @property
    def digest(self) -> str:
        """Hex sha256 of the recipe's content."""
        return sha256(canonical_json(self.model_dump(mode="json")).encode())

    def networks(self) -> list[NetworkSpec]:
        """Every network of the collection, in the order of the grid.

        Raises:
            RecipeError: a setting is unknown or out of bounds, or two cells are the same network.
        """
        return list(self._networks)

    @cached_property
    def _networks(self) -> tuple[NetworkSpec, ...]:
        cells = itertools.product(*self.grid.values())
        specs = [
            self._spec(dict(zip(self.grid, levels, strict=True)), copy_number)
            for levels in cells
            for copy_number in range(1, self.copies + 1)
        ]
        if len({spec.id for spec in specs}) < len(specs):
            raise RecipeError(f"recipe {self.name}: a level of its grid is listed twice")
        return tuple(specs)

    def first(self, limit: int | None) -> list[NetworkSpec]:
        """That many networks spread over the grid; a larger limit only adds to a smaller one."""
        if limit is None or limit >= len(self._networks):
            return self.networks()
        return sorted(self._networks, key=lambda spec: sha256(spec.id.encode()))[:limit]

    def with_training(self, **settings: Any) -> "Recipe":
        """The same grid with other fixed training settings; its networks have other ids."""
        # Not model_copy: it would take the networks already listed along.
        training = {**self.training, **settings}
        return Recipe.model_validate({**self.model_dump(), "training": training})

    def _spec(self, levels: dict[str, Any], copy_number: int) -> NetworkSpec:
        content: dict[str, Any] = {
            "architecture": dict(self.architecture),
            "data": dict(self.data),
            "training": dict(self.training),
            "copy_number": copy_number,
        }
        for factor, level in levels.items():
            content[self._section_of(factor)][factor] = level
        try:
            unseeded = NetworkSpec.model_validate(content)
        except ValidationError as error:
            raise RecipeError(f"recipe {self.name}: {_with_nearest(error)}") from error
        origin = f"{self.seed}:{unseeded.configuration}:{copy_number}"
        seed = int(sha256(origin.encode())[:12], 16)
        return unseeded.model_copy(update={"seed": seed})

    def _section_of(self, factor: str) -> str:
        family = str(self.architecture.get("family"))
        models: dict[str, type[Frozen]] = {
            "architecture": _family(family),
            "data": Data,
            "training": Training,
        }
        sections = {name: part for part in _SECTIONS for name in models[part].model_fields}
        return choose(factor, sections, f"factor of {family} networks", RecipeError)


def list_recipes() -> list[str]:
    """Names of the recipes that come with this package, sorted."""
    return sorted(_collections())


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by name, or from a TOML file of one's own.

    Raises:
        RecipeError: no such recipe or file, not TOML, an unknown key (the nearest valid one is
            named) or an impossible value.

    >>> recipe = load_recipe("nin-cifar10")
    >>> len(recipe.networks()), recipe.networks()[0].id
    (216, 'nin-w192-c1-e9b8debe086b')
    """
    if str(name).endswith(".toml"):
        path = Path(name).expanduser()
        if not path.is_file():
            raise RecipeError(f"no recipe file {path}")
        text, where = path.read_text(encoding="utf-8"), str(path)
    else:
        text, where = choose(str(name), _collections(), "recipe", RecipeError), f"recipe {name}"
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where} is not TOML: {error}") from error
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_with_nearest(error)}") from error
    recipe.networks()
    return recipe


def _collections() -> dict[str, str]:
    folder = resources.files("zoo_recipes") / "collections"
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }


def _family(name: str) -> type[Frozen]:
    return choose(name, FAMILIES, "architecture family", RecipeError)


def _with_nearest(error: ValidationError) -> str:
    """The first fault; for an unknown key with the nearest valid one."""
    fault = error.errors()[0]
    key = str(fault["loc"][-1]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        known = [*Recipe.model_fields, *Paper.model_fields, *factor_types()]
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown key {'.'.join(map(str, fault['loc']))!r}{hint}"
    return first_fault(error)
