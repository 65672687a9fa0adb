"""Parts of a recipe beside its grid: further configurations, settings that follow, variants."""

from typing import Annotated, final

from pydantic import Field

from demogen.schema.frozen import Frozen
from zoo_recipes.designs import Cell


@final
class Extra(Frozen):
    """One more configuration, beside those of the grid.

    Attributes:
        label: what the paper calls it.
        levels: its settings over the fixed ones; any factor, in the grid or not.
    """

    label: str = ""
    levels: Cell = {}


@final
class Rule(Frozen):
    """Settings that follow from others.

    Attributes:
        levels: a network with all of these settings …
        settings: … has these, too, whatever is fixed or in the grid.
    """

    levels: Annotated[Cell, Field(min_length=1)]
    settings: Annotated[Cell, Field(min_length=1)]


@final
class Variant(Frozen):
    """The same grid made otherwise, as a paper's released code makes it, say.

    Attributes:
        summary: one line.
        choices: what is otherwise, and why; they stand instead of the recipe's.
        settings: fixed settings over the recipe's.
        when: further rules.
    """

    summary: str
    choices: tuple[str, ...] = ()
    settings: Cell = {}
    when: tuple[Rule, ...] = ()
