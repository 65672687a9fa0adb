"""TOML → Recipe → list of NetworkSpec. A recipe is data: a new collection needs no code."""

import difflib
import itertools
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Self, final

from pydantic import Field, ValidationError, model_validator

from demogen._util.files import read_text_bounded
from demogen._util.limits import RECIPE_LEVELS, TEXT_BYTES
from demogen._util.lookup import lookup
from demogen._util.parsing import UnreadableError, toml_data
from demogen._util.paths import expanded
from demogen.errors import RecipeError
from demogen.schema.image_sets import IMAGE_SETS
from demogen.schema.records import (
    Frozen,
    NetworkSpec,
    Paper,
    canonical_json,
    factor_types,
    first_fault,
    sha256,
)
from zoo_recipes.bounds import check_size
from zoo_recipes.designs import (
    Cell,
    Design,
    Sample,
    balanced_cells,
    check_design,
    check_sample,
    matched_pairs,
    product_size,
)
from zoo_recipes.factors import level_of, sections
from zoo_recipes.rules import Extra, Rule, Variant

Levels = Annotated[list[Any], Field(min_length=1, max_length=RECIPE_LEVELS)]


@final
class Recipe(Frozen):
    """A published collection of networks: what is fixed, what varies, and what the paper printed.

    Attributes:
        name: the collection's name, and its zoo's.
        repository: where the zoo is published on the Hugging Face Hub.
        seed: every network's own seed is derived from it, the configuration and the copy.
        architecture: fixed settings, as all of `data` and `training`.
        grid: factor → levels; the configurations are their product, the last factor varying
            fastest, unless `design` or `sample` says which part of it.
        design: a balanced part of the grid instead of all of it.
        sample: matched pairs drawn from the grid instead of all of it.
        extra: further configurations. Without a grid they are all there are.
        when: settings that follow from others; a later rule wins over an earlier one.
        only: factor → levels; networks with other levels are left out (see `where`).
        copies: networks of each configuration, which differ in the seed only.
        choices: what the paper leaves open and what was chosen.
        variants: name → how else the collection may be made; no part of the digest.
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
    grid: dict[str, Levels] = {}
    design: Design | None = None
    sample: Sample | None = None
    extra: Annotated[tuple[Extra, ...], Field(max_length=RECIPE_LEVELS)] = ()
    when: Annotated[tuple[Rule, ...], Field(max_length=RECIPE_LEVELS)] = ()
    only: dict[str, Levels] = {}
    copies: Annotated[int, Field(ge=1)] = 1
    choices: tuple[str, ...] = ()
    variants: dict[str, Variant] = {}
    printed_results: dict[str, dict[str, float]] = {}

    @model_validator(mode="after")
    def _names_are_known(self) -> Self:
        lookup(str(self.data.get("images")), IMAGE_SETS, "image set", RecipeError)
        tables = [self.grid, *(extra.levels for extra in self.extra)]
        tables += [part for rule in self.when for part in (rule.levels, rule.settings)]
        for variant in self.variants.values():
            tables += [variant.settings]
            tables += [part for rule in variant.when for part in (rule.levels, rule.settings)]
        for factor in itertools.chain.from_iterable(tables):
            self._section_of(factor)
        for factor, levels in self.grid.items():
            for number, level in enumerate(levels):
                if level in levels[:number]:
                    raise RecipeError(
                        f"recipe {self.name}: a level of its grid is listed twice: "
                        f"{factor} = {level!r}"
                    )
        return self

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        rules = [part for rule in self.when for part in (rule.levels, rule.settings)]
        settings = [self.architecture, self.data, self.training, list(self.grid), *rules]
        check_size(self.name, self._grid_cells + len(self.extra), self.copies, settings)
        return self

    @model_validator(mode="after")
    def _part_is_possible(self) -> Self:
        if self.design is not None and self.sample is not None:
            raise RecipeError(f"recipe {self.name}: give either [design] or [sample]")
        try:
            if self.design is not None:
                check_design(self.design, self.grid)
            if self.sample is not None:
                check_sample(self.sample, self.grid)
        except RecipeError as error:
            raise RecipeError(f"recipe {self.name}: {error}") from error
        return self

    @property
    def digest(self) -> str:
        """Hex sha256 of the content without defaults, so that a new option changes no digest."""
        content = self.model_dump(mode="json", exclude_defaults=True, exclude={"variants"})
        return sha256(canonical_json(content).encode())

    @property
    def count(self) -> int:
        """Number of networks, known without making them unless `only` chooses among them."""
        if self.only:
            return len(self._networks)
        return (self._grid_cells + len(self.extra)) * self.copies

    def networks(self) -> list[NetworkSpec]:
        """Every network of the collection, in the order of the grid.

        Raises:
            RecipeError: a setting is unknown or out of bounds, or two cells are the same network.
        """
        return list(self._networks)

    @cached_property
    def _networks(self) -> tuple[NetworkSpec, ...]:
        try:
            cells = self._cells()
        except RecipeError as error:
            raise RecipeError(f"recipe {self.name}: {error}") from error
        specs: list[NetworkSpec] = []
        known: set[str] = set()
        for cell in cells:
            spec = self.spec(cell)
            configuration = spec.configuration
            if configuration in known:
                raise RecipeError(f"recipe {self.name}: two cells are one network, {spec.id}")
            known.add(configuration)
            for number in range(1, self.copies + 1):
                origin = f"{self.seed}:{configuration}:{number}"
                seed = int(sha256(origin.encode())[:12], 16)
                specs.append(spec.model_copy(update={"copy_number": number, "seed": seed}))
        for number, rule in enumerate(self.when, start=1):
            if not any(self._holds(rule, cell) for cell in cells):
                raise RecipeError(
                    f"recipe {self.name}: rule {number} of [[when]] is about {rule.levels}, which "
                    "no network has"
                )
        return tuple(self._chosen(specs))

    def _chosen(self, specs: list[NetworkSpec]) -> list[NetworkSpec]:
        for factor, levels in self.only.items():
            present = list(dict.fromkeys(level_of(spec, factor) for spec in specs))
            chosen = [canonical_json(level) for level in levels]
            for level in chosen:
                if level not in present:
                    raise RecipeError(
                        f"recipe {self.name}: no network has {factor} = {level}"
                        f"{' and the other levels asked for' if len(self.only) > 1 else ''}; there "
                        f"are {', '.join(present)}"
                    )
            specs = [spec for spec in specs if level_of(spec, factor) in chosen]
        return specs

    @property
    def _grid_cells(self) -> int:
        if self.design is not None:
            return self.design.cells
        if self.sample is not None:
            return self.sample.networks
        return product_size(self.grid) if self.grid or not self.extra else 0

    def _cells(self) -> list[Cell]:
        extra = [extra.levels for extra in self.extra]
        if self.design is not None:
            return [*balanced_cells(self.design, self.grid), *extra]
        if self.sample is not None:
            return [*matched_pairs(self.sample, self.grid, self._identity), *extra]
        if not self._grid_cells:
            return extra
        cells = itertools.product(*self.grid.values())
        return [*(dict(zip(self.grid, levels, strict=True)) for levels in cells), *extra]

    def _identity(self, cell: Cell) -> str | None:
        """A cell's configuration; None where its network is larger than the sample allows."""
        spec = self.spec(cell)
        if self.sample is not None and self.sample.largest is not None:
            # The only part of a recipe that needs architectures, and with them torch.
            from demogen.networks.size import parameter_count

            if parameter_count(spec) > self.sample.largest:
                return None
        return spec.configuration

    def first(self, limit: int | None) -> list[NetworkSpec]:
        """`limit` networks spread over the grid; a larger limit gives the same ones and more."""
        if limit is None or limit >= len(self._networks):
            return self.networks()
        return sorted(self._networks, key=lambda spec: sha256(spec.id.encode()))[:limit]

    def where(self, levels: Mapping[str, Sequence[Any]]) -> "Recipe":
        """A recipe of only those networks that have one of these levels of each factor.

        Raises:
            RecipeError: an unknown factor, or a level that no network has.

        >>> some = load_recipe("nin-cifar10").where({"width": [192], "copy_number": [1]})
        >>> some.count
        36
        """
        for factor in levels:
            if factor != "copy_number":
                self._section_of(factor)
        only = {**self.only, **{factor: list(chosen) for factor, chosen in levels.items()}}
        return self._changed({"only": only})

    def with_settings(self, **settings: Any) -> "Recipe":
        """The same grid with other fixed settings; its networks have other ids.

        Epochs take the place of steps, and steps of epochs, in rules as well.

        Raises:
            RecipeError: an unknown setting, an impossible value, or a factor of the grid.
        """
        lengths = {"epochs", "steps"}
        dropped = lengths if lengths & settings.keys() else set()

        def kept(table: Cell) -> Cell:
            return {name: value for name, value in table.items() if name not in dropped}

        rules = [(rule.levels, kept(rule.settings)) for rule in self.when]
        changed: dict[str, Any] = {
            "architecture": dict(self.architecture),
            "data": dict(self.data),
            "training": kept(self.training),
            "when": [{"levels": levels, "settings": rest} for levels, rest in rules if rest],
        }
        for name, value in settings.items():
            if name in self.grid:
                raise RecipeError(
                    f"recipe {self.name}: {name} varies over its networks; choose among its levels "
                    f"{self.grid[name]} instead"
                )
            changed[self._section_of(name)][name] = value
        return self._changed(changed)

    def variant(self, name: str) -> "Recipe":
        """The same grid made otherwise; its networks have other ids.

        Raises:
            RecipeError: there is no such variant; near names are listed.

        >>> released = load_recipe("nin-cifar10").variant("released")
        >>> released.count, released.networks()[0].architecture.same_padding
        (216, 'tensorflow')
        """
        chosen = lookup(name, self.variants, f"variant of recipe {self.name}", RecipeError)
        changed = self.with_settings(**chosen.settings)
        fields = {
            "choices": chosen.choices,
            "when": [rule.model_dump() for rule in (*changed.when, *chosen.when)],
            "variants": {},
        }
        return changed._changed(fields)

    def _changed(self, fields: Mapping[str, Any]) -> "Recipe":
        # Not model_copy: it would take the networks already listed along.
        try:
            return Recipe.model_validate({**self.model_dump(), **fields})
        except ValidationError as error:
            raise RecipeError(f"recipe {self.name}: {_with_nearest(error)}") from error

    def spec(self, levels: Cell) -> NetworkSpec:
        """A configuration, in the grid or not: `levels` over the fixed settings; no seed is drawn.

        Raises:
            RecipeError: an unknown factor, or an impossible level.
        """
        content: dict[str, Any] = {
            "architecture": dict(self.architecture),
            "data": dict(self.data),
            "training": dict(self.training),
        }
        # Later ones win over earlier ones, and all over what is fixed.
        overrides = [levels, *(rule.settings for rule in self.when if self._holds(rule, levels))]
        for settings in overrides:
            for factor, level in settings.items():
                content[self._section_of(factor)][factor] = level
        try:
            return NetworkSpec.model_validate(content)
        except ValidationError as error:
            raise RecipeError(f"recipe {self.name}: {_with_nearest(error)}") from error

    def _holds(self, rule: Rule, levels: Cell) -> bool:
        settings = {**self.architecture, **self.data, **self.training, **levels}
        return all(name in settings and settings[name] == rule.levels[name] for name in rule.levels)

    def _section_of(self, factor: str) -> str:
        family = str(self.architecture.get("family"))
        return lookup(factor, sections(family), f"factor of {family} networks", RecipeError)


def list_recipes() -> list[str]:
    """Names of the recipes that come with this package, sorted."""
    return sorted(_collections())


def load_recipe(name: str | Path) -> Recipe:
    """A recipe by name, or from a TOML file of one's own, with every network's settings checked.

    Raises:
        RecipeError: no such recipe or file, not TOML, an unknown key (the nearest valid one is
            named) or an impossible value.

    >>> recipe = load_recipe("nin-cifar10")
    >>> len(recipe.networks()), recipe.networks()[0].id
    (216, 'nin-w192-c1-e9b8debe086b')
    """
    recipe = read_recipe(name)
    recipe.networks()
    return recipe


def read_recipe(name: str | Path) -> Recipe:
    """A recipe as `load_recipe` gives it, quickly: its networks' settings are not checked."""
    if str(name).endswith(".toml"):
        path = expanded(name)
        if not path.is_file():
            beside = {str(file): file for file in path.parent.glob("*.toml")}
            lookup(str(path), beside, "recipe file", RecipeError)
        where = str(path)
        try:
            text = read_text_bounded(path, TEXT_BYTES)
        except UnreadableError as error:
            raise RecipeError(f"{where} is no recipe: {error}") from error
    else:
        text, where = lookup(str(name), _collections(), "recipe", RecipeError), f"recipe {name}"
    try:
        content = toml_data(text)
    except UnreadableError as error:
        raise RecipeError(f"{where} is no recipe: {error}") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_with_nearest(error)}") from error


@lru_cache(maxsize=1)
def _collections() -> dict[str, str]:
    folder = resources.files("zoo_recipes") / "collections"
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in folder.iterdir()
        if file.name.endswith(".toml")
    }


def _with_nearest(error: ValidationError) -> str:
    """The first fault, in words; of an unknown key, the nearest valid one, too."""
    faults = error.errors()
    # A key that is misspelled is missing too; that it is unknown says more.
    fault = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
    key = str(fault["loc"][-1]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        models = (Recipe, Paper, Design, Sample, Extra, Rule, Variant)
        known = [*(name for model in models for name in model.model_fields), *factor_types()]
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown key {'.'.join(map(str, fault['loc']))!r}{hint}"
    return first_fault(error)
